#include "engine/node/eviction_choice.hpp"

#include <algorithm>

namespace swarmfs::node {

std::uint64_t margin_of(std::uint64_t max_bytes) {
    return std::max(kChunkBytes, std::min(max_bytes / 4, CacheLimits::kMarginMax));
}

std::uint64_t bytes_to_evict(const CacheLimits& limits, std::uint64_t cached_bytes,
                             const Room& room) {
    std::uint64_t bytes = 0;
    if (limits.max_bytes) {
        const std::uint64_t keep =
            *limits.max_bytes - std::min(*limits.max_bytes, margin_of(*limits.max_bytes));
        bytes = cached_bytes - std::min(cached_bytes, keep);
    }
    const std::uint64_t floor = limits.min_free.of(room.total_bytes);
    if (room.total_bytes > 0 && room.free_bytes < floor) {
        const std::uint64_t margin = std::min(floor / 4, CacheLimits::kMarginMax);
        bytes = std::max(bytes, floor + margin - room.free_bytes);
    }
    return std::min(bytes, cached_bytes);
}

void EvictionPool::offer(const EvictionCandidate& candidate) {
    const bool known = std::any_of(pool_.begin(), pool_.end(), [&](const auto& one) {
        return one.content == candidate.content && one.chunk == candidate.chunk;
    });
    if (known) {
        return;
    }
    pool_.insert(std::upper_bound(pool_.begin(), pool_.end(), candidate, std::greater<>()),
                 candidate);
    if (pool_.size() > kPool) {
        pool_.erase(pool_.begin());
    }
}

std::optional<EvictionCandidate> EvictionPool::take() {
    if (pool_.empty()) {
        return std::nullopt;
    }
    const EvictionCandidate oldest = pool_.back();
    pool_.pop_back();
    return oldest;
}

}  // namespace swarmfs::node
