#include <algorithm>

#include "tools/commands.hpp"
#include "tools/printing.hpp"

namespace swarmfs::tools {

using nlohmann::json;

Result<std::vector<std::string>> joined_swarms(NodeClient& node) {
    SWARM_TRY(const json status, node.call("status", json::object()));
    std::vector<std::string> names;
    for (const json& swarm : status.at("swarms")) {
        names.push_back(swarm.at("name").get<std::string>());
    }
    return names;
}

Result<std::string> take_swarm_name(const std::vector<std::string>& joined,
                                    std::vector<std::string>& words, std::size_t rest_min,
                                    std::size_t rest_max) {
    const bool named = words.size() > rest_min &&
                       std::find(joined.begin(), joined.end(), words[0]) != joined.end();
    if (named) {
        std::string name = words[0];
        words.erase(words.begin());
        return name;
    }
    if (joined.empty()) {
        return caller_error(Code::not_found,
                            "no swarm is joined; make one with `swarmfs create NAME` or join one "
                            "with `swarmfs join INVITE`");
    }
    // One word more than the command takes can only be a name, and it is none of ours.
    if (words.size() > rest_max) {
        return caller_error(Code::not_found, "no swarm is called \"" + words[0] +
                                                 "\"; joined: " + joined_text(joined));
    }
    if (joined.size() > 1) {
        return usage_error("several swarms are joined; name one: " + joined_text(joined));
    }
    return joined[0];
}

Result<std::string> take_swarm_name(NodeClient& node, std::vector<std::string>& words,
                                    std::size_t rest_min, std::size_t rest_max) {
    SWARM_TRY(const std::vector<std::string> joined, joined_swarms(node));
    return take_swarm_name(joined, words, rest_min, rest_max);
}

std::string joined_text(const std::vector<std::string>& names) {
    std::string all;
    for (const std::string& name : names) {
        all += (all.empty() ? "" : ", ") + name;
    }
    return all.empty() ? "none" : all;
}

}  // namespace swarmfs::tools
