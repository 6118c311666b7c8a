#pragma once
// The node's control methods, by subject. docs/control.md lists them.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/node/running_node.hpp"

namespace swarmfs::node {

void add_swarm_methods(RunningNode& node, ControlMethods& methods);
void add_file_methods(RunningNode& node, ControlMethods& methods);
void add_cache_methods(RunningNode& node, ControlMethods& methods);
void add_limit_methods(RunningNode& node, ControlMethods& methods);
void add_peer_methods(RunningNode& node, ControlMethods& methods);
void add_policy_methods(RunningNode& node, ControlMethods& methods);
void add_restore_methods(RunningNode& node, ControlMethods& methods);

// A whole node id, or at least 8 digits of one that is known: connected, remembered, limited or
// blocked; in the swarm of `only`, or in any. Errors: not_found, invalid (several begin so).
Result<NodeId> node_named(RunningNode& node, const std::string& text, const Member* only = nullptr);

// Parts of `status`: every limit that is set, the node's own first; who is blocked; what is paused of
// a swarm; its downloads; what is there less often than its policy says; the cache; what is pinned.
nlohmann::json limits_json(RunningNode& node);
nlohmann::json blocked_json(RunningNode& node);
nlohmann::json paused_json(Member& member);
nlohmann::json transfers_json(Member& member);
nlohmann::json replication_json(Member& member);
nlohmann::json cache_json(RunningNode& node);
nlohmann::json pinned_json(Member& member);

// What `status` says of one swarm, and `peers` of some.
nlohmann::json swarm_status(RunningNode& node, Member& member);
nlohmann::json peers_json(RunningNode& node, const std::vector<Member*>& members);
// Of the swarm, a file of /.swarmfs (reports.hpp). Errors: not_found.
Result<std::string> report_of(RunningNode& node, Member& member, std::string_view name);

// "/a//b/" and "a/b" mean the same to people.
std::string plain_path(const std::string& given);
Error nothing_at(const std::string& path, const std::string& swarm);

// "host:port" of this machine's interfaces, those on loopback last, for a listener's address.
std::vector<std::string> reachable_addresses(const std::string& listen_address);

}  // namespace swarmfs::node
