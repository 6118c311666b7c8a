#pragma once
// The node's control methods, by subject. docs/control.md lists them.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/node/running_node.hpp"

namespace swarmfs::node {

void add_swarm_methods(RunningNode& node, ControlMethods& methods);
void add_file_methods(RunningNode& node, ControlMethods& methods);

// "host:port" of this machine's interfaces, those on loopback last, for a listener's address.
std::vector<std::string> reachable_addresses(const std::string& listen_address);
std::uint64_t free_bytes_of(const std::string& path);

}  // namespace swarmfs::node
