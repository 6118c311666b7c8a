#pragma once
// Which chunks a member may evict so that the swarm never loses one by eviction: decided by every
// member for itself, alike, without a word.
//
// Rules:
//   1. Members that hold a chunk have an order: first those who published it, who own it and never
//      evict it; then the others by rendezvous hashing (replication.hpp: ranked).
//   2. A member evicts a chunk only while as many members before it in that order as there are to be
//      copies, one at least, are connected and say that they hold it.
//   3. Who published a content never evicts it by these rules.
// Why it is safe: of all that hold a chunk, whoever comes first in the order sees nobody before it, so
// it keeps it, whomever it is connected with and however old what it heard of the others is. An answer
// may be out of date; then the one who gave it evicted because of somebody before it still, and so on
// up to the first. What goes is what somebody loses: a disk that dies, a member that never comes back.
// Pure; any thread.

#include <cstdint>
#include <set>
#include <vector>

#include "engine/swarm/swarm.hpp"

namespace swarmfs::node {

class LastCopies {
public:
    // `answers` are those of connected members, this one not among them; `authors` published the
    // content, as far as the tree tells; `replicas` is how often the policy wants it.
    LastCopies(const ContentId& content, const NodeId& self, const std::set<NodeId>& authors,
               std::uint32_t replicas, const std::vector<swarm::Survey::Answer>& answers);

    bool may_go(ChunkIndex chunk) const;
    // Nothing of the content may go, whichever chunk.
    bool none_may_go() const { return before_.size() < copies_; }

private:
    std::size_t copies_;
    std::vector<swarm::Holdings> before_;  // what those before this member hold
};

}  // namespace swarmfs::node
