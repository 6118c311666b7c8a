#pragma once
// How many bytes of which content came from whom, for whoever asks where a file came from. The
// contents heard of longest ago give way.
// Pure; one thread. Cost: O(log nodes) a call.

#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>

#include "engine/core/ids.hpp"

namespace swarmfs::swarm {

class ReceivedBytes {
public:
    static constexpr std::size_t kContentsMax = 4096;  // chosen by us

    void add(const ContentId& id, const NodeId& node, std::uint64_t bytes) {
        const auto [entry, is_new] = by_content_.try_emplace(id);
        entry->second[node] += bytes;
        if (!is_new) {
            return;
        }
        order_.push_back(id);
        if (order_.size() > kContentsMax) {
            by_content_.erase(order_.front());
            order_.pop_front();
        }
    }
    // Returns: null when nothing is known. Valid until: the next add().
    const std::map<NodeId, std::uint64_t>* of(const ContentId& id) const {
        const auto found = by_content_.find(id);
        return found == by_content_.end() ? nullptr : &found->second;
    }

private:
    std::unordered_map<ContentId, std::map<NodeId, std::uint64_t>> by_content_;
    std::deque<ContentId> order_;
};

}  // namespace swarmfs::swarm
