// Control methods about peers: peers, block, unblock.

#include <algorithm>
#include <set>

#include "engine/node/methods.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;

constexpr std::size_t kPrefixMin = 8;  // digits of a node id that people may leave it at

// Whom this node has heard of, in one swarm or in all.
std::set<NodeId> known_nodes(RunningNode& node, const Member* only) {
    std::set<NodeId> known;
    for (const auto& member : node.members()) {
        if (only != nullptr && member.get() != only) {
            continue;
        }
        for (const swarm::PeerStatistics& peer : member->swarm().peers()) {
            known.insert(peer.node);
        }
        for (const NodeId& remembered : member->standings().nodes()) {
            known.insert(remembered);
        }
    }
    for (const auto& [scope, rule] : node.limits().rules()) {
        if (scope.peer && (only == nullptr || scope.swarm == only->id())) {
            known.insert(*scope.peer);
        }
    }
    for (const auto& [blocked, since_ms] : node.blocks().all()) {
        known.insert(blocked);
    }
    return known;
}

json peer_json(const std::string& swarm, const swarm::PeerStatistics& peer) {
    const auto ms = [](Duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
    return {{"node", peer.node.hex()},
            {"swarm", swarm},
            {"path", peer.link},
            {"rtt_ms", peer.round_trip == Duration{} ? json(nullptr) : json(ms(peer.round_trip))},
            {"down_rate", peer.receive_rate},
            {"up_rate", peer.send_rate},
            {"score", peer.score},
            {"answers", peer.answers},
            {"failures", peer.failures},
            {"received_bytes", peer.bytes_received},
            {"sent_bytes", peer.bytes_sent},
            {"address", peer.address},
            {"dialled", peer.dialled_by_us},
            {"connected_ms", static_cast<std::uint64_t>(ms(peer.connected_for))}};
}

Result<json> peers(RunningNode& node, const json& params) {
    const std::string name = params.value("name", std::string());
    std::vector<std::shared_ptr<Member>> members = node.members();
    if (!name.empty()) {
        SWARM_TRY(auto member, node.member(name));
        members = {std::move(member)};
    }
    std::vector<Member*> asked;
    for (const auto& member : members) {
        asked.push_back(member.get());
    }
    return peers_json(node, asked);
}

Result<json> set_blocked(RunningNode& node, const json& params, bool blocked) {
    SWARM_TRY(const NodeId peer, node_named(node, params.at("peer").get<std::string>()));
    if (peer == node.home().key().public_key()) {
        return caller_error(Code::invalid, "that is this node itself");
    }
    SWARM_TRY(const bool changed, node.set_blocked(peer, blocked));
    return json{{"node", peer.hex()}, {"blocked", blocked}, {"changed", changed}};
}

}  // namespace

Result<NodeId> node_named(RunningNode& node, const std::string& text, const Member* only) {
    if (const auto whole = NodeId::from_hex(text)) {
        return *whole;
    }
    std::set<NodeId> known;
    if (text.size() >= kPrefixMin) {
        known = known_nodes(node, only);
        std::erase_if(known, [&](const NodeId& one) { return !one.hex().starts_with(text); });
    }
    if (known.size() > 1) {
        return caller_error(Code::invalid, "several nodes begin with \"" + text +
                                               "\"; give more digits, or the whole node id");
    }
    if (known.empty()) {
        return caller_error(Code::not_found,
                            "\"" + text + "\" is no node known " +
                                (only == nullptr ? "here" : "in " + only->membership().name) +
                                "; give a whole node id, or at least 8 digits of one that "
                                "`swarmfs peers` shows");
    }
    return *known.begin();
}

json peers_json(RunningNode& node, const std::vector<Member*>& members) {
    json all = json::array();
    json banned = json::array();
    for (Member* const member : members) {
        const std::string swarm = member->membership().name;
        for (const swarm::PeerStatistics& peer : member->swarm().peers()) {
            all.push_back(peer_json(swarm, peer));
        }
        for (const auto& [one, until_ms] : member->standings().banned()) {
            banned.push_back({{"node", one.hex()}, {"swarm", swarm}, {"until_ms", until_ms}});
        }
    }
    return {{"peers", all}, {"banned", banned}, {"blocked", blocked_json(node)}};
}

json blocked_json(RunningNode& node) {
    json all = json::array();
    for (const auto& [blocked, since_ms] : node.blocks().all()) {
        all.push_back({{"node", blocked.hex()}, {"since_ms", since_ms}});
    }
    return all;
}

void add_peer_methods(RunningNode& node, ControlMethods& methods) {
    methods["peers"] = [&node](const json& params, ControlCall&) { return peers(node, params); };
    methods["block"] = [&node](const json& params, ControlCall&) {
        return set_blocked(node, params, true);
    };
    methods["unblock"] = [&node](const json& params, ControlCall&) {
        return set_blocked(node, params, false);
    };
}

}  // namespace swarmfs::node
