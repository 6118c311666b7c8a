#include "engine/node/policy.hpp"

#include <algorithm>

#include <toml++/toml.h>

#include "engine/catalog/path_rules.hpp"
#include "engine/core/log.hpp"

namespace swarmfs::node {
namespace {

Error wrong(const toml::source_region& where, const std::string& what) {
    return caller_error(Code::configuration, std::string(Policy::kFileName) + ", line " +
                                                 std::to_string(where.begin.line) + ": " + what);
}

std::string quoted(std::string_view text) {
    return "\"" + printable(text) + "\"";
}

}  // namespace

class PolicyReader {
public:
    Result<Policy> read(const toml::table& table) {
        for (const auto& [key, value] : table) {
            if (const toml::table* below = value.as_table()) {
                SWARM_CHECK(read_path(key, *below));
            } else {
                SWARM_CHECK(read_key(key, value, ""));
            }
        }
        return std::move(policy_);
    }

private:
    Result<> read_path(const toml::key& path, const toml::table& below) {
        if (const auto checked = catalog::check_path(path.str()); !checked.ok()) {
            return wrong(path.source(), "[" + quoted(path.str()) + "] is no path of a swarm: " +
                                            printable(checked.error().message));
        }
        if (policy_.said_.size() == Policy::kPathsMax) {
            return wrong(path.source(),
                         "more than " + std::to_string(Policy::kPathsMax) + " paths");
        }
        for (const auto& [key, value] : below) {
            if (value.is_table()) {
                return wrong(key.source(), "[" + quoted(path.str()) + "." + quoted(key.str()) +
                                               "] is a table in a table; a path is one key in "
                                               "quotes, such as [\"photos/raw\"]");
            }
            SWARM_CHECK(read_key(key, value, path.str()));
        }
        return done();
    }

    Result<> read_key(const toml::key& key, const toml::node& value, std::string_view path) {
        const bool replicas = key.str() == "replicas";
        if (!replicas && key.str() != "read_quorum") {
            return wrong(key.source(), "unknown key " + quoted(key.str()) +
                                           "; known: replicas, read_quorum, and a path in "
                                           "brackets and quotes");
        }
        const auto number = value.value_exact<std::int64_t>();
        if (!number || *number < 1 || *number > std::int64_t{Policy::kNumberMax}) {
            return wrong(key.source(), std::string(key.str()) + " must be a number from 1 to " +
                                           std::to_string(Policy::kNumberMax));
        }
        const auto count = static_cast<std::uint32_t>(*number);
        Policy::Said& said = policy_.said_[std::string(path)];
        (replicas ? said.replicas : said.read_quorum) = count;
        std::uint32_t& max = replicas ? policy_.max_.replicas : policy_.max_.read_quorum;
        max = std::max(max, count);
        return done();
    }

    Policy policy_;
};

Result<Policy> Policy::parse(std::string_view text) {
    if (text.size() > kTextMax) {
        return caller_error(Code::too_large, std::string(kFileName) + " has " +
                                                 std::to_string(text.size()) + " bytes; at most " +
                                                 std::to_string(kTextMax) + " are read");
    }
    try {
        return PolicyReader().read(toml::parse(text));
    } catch (const toml::parse_error& error) {
        return wrong(error.source(), printable(error.description()));
    }
}

PathPolicy Policy::of(std::string_view path) const {
    PathPolicy found;
    const auto hear = [&](std::string_view directory) {
        if (const auto at = said_.find(directory); at != said_.end()) {
            found.replicas = at->second.replicas.value_or(found.replicas);
            found.read_quorum = at->second.read_quorum.value_or(found.read_quorum);
        }
    };
    hear("");
    for (std::size_t end = path.find('/'); end < path.size(); end = path.find('/', end + 1)) {
        hear(path.substr(0, end));
    }
    if (!path.empty()) {
        hear(path);
    }
    return found;
}

}  // namespace swarmfs::node
