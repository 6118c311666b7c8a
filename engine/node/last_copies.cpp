#include "engine/node/last_copies.hpp"

#include <algorithm>

#include "engine/node/replication.hpp"

namespace swarmfs::node {

LastCopies::LastCopies(const ContentId& content, const NodeId& self,
                       const std::set<NodeId>& authors, std::uint32_t replicas,
                       const std::vector<swarm::Survey::Answer>& answers)
    : copies_(std::max<std::size_t>(replicas, 1)) {
    if (authors.contains(self)) {
        return;
    }
    std::vector<NodeId> order{self};
    for (const auto& answer : answers) {
        order.push_back(answer.node);
    }
    // Alike for all parcels: a chunk has one order.
    order = ranked(content, 0, std::move(order));
    std::stable_partition(order.begin(), order.end(),
                          [&](const NodeId& node) { return authors.contains(node); });
    const auto own = std::find(order.begin(), order.end(), self);
    for (const auto& answer : answers) {
        if (!answer.held.none() && std::find(order.begin(), own, answer.node) != own) {
            before_.push_back(answer.held);
        }
    }
}

bool LastCopies::may_go(ChunkIndex chunk) const {
    const auto holders = std::count_if(before_.begin(), before_.end(),
                                       [&](const auto& held) { return held.has(chunk); });
    return static_cast<std::size_t>(holders) >= copies_;
}

}  // namespace swarmfs::node
