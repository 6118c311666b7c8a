#pragma once
// What this node knows of one swarm it belongs to: the part that is secret or chosen, kept in
// <home>/swarms/<swarm id>.json (0600). What the swarm contains is in the store.

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/bytes.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"
#include "engine/crypto/signature.hpp"

namespace swarmfs::node {

// A folder published where it is. Remembered, rescanned at start and watched unless shared once.
struct SharedFolder {
    std::string source;  // absolute path of a directory or file on this machine
    std::string target;  // path in the swarm; "" is its root
    std::vector<std::string> tags;
};

struct Membership {
    std::string name;  // what this node calls the swarm
    std::string description;
    SwarmId swarm;
    std::array<std::uint8_t, 32> read_secret{};
    Bytes grant;  // the chain that makes this node a member (catalog/grant.hpp)
    std::vector<std::string> trackers;
    std::vector<std::string> bootstrap;
    std::optional<crypto::Seed> owner;  // the swarm's own key: only where it was created
    std::vector<SharedFolder> shares;
};

// Swarm names are directory and unit names too: [a-z0-9._-], 1 to 64, beginning with a letter or
// digit.
Result<> check_swarm_name(const std::string& name);

// What makes `node` an admin for ever, by the swarm's own key.
Bytes grant_by_owner(const crypto::Seed& owner, const NodeId& node, std::uint64_t now_ms);

// Errors: configuration for a damaged file, naming it.
Result<std::vector<Membership>> load_memberships(const std::string& home);
Result<> save_membership(const std::string& home, const Membership& membership);
Result<> remove_membership(const std::string& home, const SwarmId& swarm);

}  // namespace swarmfs::node
