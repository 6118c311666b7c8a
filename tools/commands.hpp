#pragma once
// The commands of `swarmfs`. Each registers itself with the command line and, when chosen, leaves
// what is to be run in the context; main runs it once parsing is done.

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "engine/core/result.hpp"
#include "tools/node_client.hpp"

namespace swarmfs::tools {

struct Context {
    std::string home_flag;
    bool json = false;
    unsigned timeout_s = NodeClient::kPatience.count();
    std::function<Result<>(NodeClient&)> run;  // set by the command that was chosen
};

void add_swarm_commands(CLI::App& app, Context& context);    // create invite join leave
void add_mount_commands(CLI::App& app, Context& context);    // mount unmount
void add_file_commands(CLI::App& app, Context& context);     // share list download
void add_state_commands(CLI::App& app, Context& context);    // status stop
void add_cache_commands(CLI::App& app, Context& context);    // pin unpin evict verify
void add_limit_commands(CLI::App& app, Context& context);    // limit pause resume
void add_policy_commands(CLI::App& app, Context& context);   // policy
void add_restore_commands(CLI::App& app, Context& context);  // restore
void add_peer_commands(CLI::App& app, Context& context);     // peers block unblock

// Of a limit in an answer: what it limits, and a rate, for people.
std::string limited_text(const nlohmann::json& limit);
std::string rate_text(const nlohmann::json& rate);

Result<std::vector<std::string>> joined_swarms(NodeClient& node);
std::string joined_text(const std::vector<std::string>& names);  // "photos, team", or "none"

// NAME may be left out while exactly one swarm is joined: takes it off the front of `words` when it
// is there. The command itself takes `rest_min` to `rest_max` words.
// Errors: not_found, or usage when several are joined; with the names there are.
Result<std::string> take_swarm_name(const std::vector<std::string>& joined,
                                    std::vector<std::string>& words, std::size_t rest_min,
                                    std::size_t rest_max);
Result<std::string> take_swarm_name(NodeClient& node, std::vector<std::string>& words,
                                    std::size_t rest_min, std::size_t rest_max);

}  // namespace swarmfs::tools
