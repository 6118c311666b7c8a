#pragma once
// What the names of a swarm say about contents: how often each is to be there, whether it is pinned
// here, who published it, and which files show it.

#include <functional>
#include <map>
#include <set>

#include "engine/node/pins.hpp"
#include "engine/node/policy.hpp"
#include "engine/node/tree.hpp"

namespace swarmfs::node {

struct NamedContent {
    std::uint32_t replicas = 1;  // the most that any of its names wants
    bool pinned = false;         // by any of them
    std::set<NodeId> authors;    // of the versions its names show
    std::set<store::Inode> inodes;

    bool operator==(const NamedContent&) const = default;
};

// Whether any name shows something else than before, not only other attributes.
bool concerns_names(const std::vector<store::NameChange>& changes);

using NamedContents = std::map<ContentId, NamedContent>;

// A walk over all names of the tree, for the contents that `wanted` says yes to. Ends early, with what
// it has, once `stopping` says so. Holds no lock between its steps.   Thread: any.
NamedContents named_contents(const Tree& tree, const Policy& policy, const Pins& pins,
                             const SwarmId& swarm,
                             const std::function<bool(const ContentId&)>& wanted,
                             const std::function<bool()>& stopping);

}  // namespace swarmfs::node
