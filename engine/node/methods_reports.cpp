// The files of /.swarmfs: what `swarmfs status` and `swarmfs peers` say of one swarm.

#include "engine/node/methods.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;

std::string text_of(const json& document) {
    // What came from elsewhere, such as a peer's address, need not be UTF-8.
    return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

Result<std::string> report_of(RunningNode& node, Member& member, std::string_view name) {
    if (name == "version") {
        return std::string(SWARMFS_VERSION) + "\n";
    }
    if (name == "status.json") {
        const auto uptime = node.clock().now() - node.started_at();
        return text_of(
            {{"node", node.home().key().public_key().hex()},
             {"version", SWARMFS_VERSION},
             {"uptime_ms", std::chrono::duration_cast<std::chrono::milliseconds>(uptime).count()},
             {"swarms", json::array({swarm_status(node, member)})}});
    }
    if (name == "peers.json") {
        return text_of(peers_json(node, {&member}));
    }
    return caller_error(Code::not_found, "there is no report of that name");
}

}  // namespace swarmfs::node
