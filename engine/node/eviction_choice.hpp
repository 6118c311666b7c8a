#pragma once
// How much of the cache has to go, and which of it goes first.
//
// Rules:
//   1. Something goes when the cache comes within a margin of its limit; then so much that the margin
//      is there again. It is a quarter of the limit, kMarginMax at most: what comes in while room is
//      being made has to fit into it, and what goes at once is one sync of the tables. When less than
//      the floor is free on the disk, so much goes that a margin above it is free, for the same reason:
//      a quarter of the floor, kMarginMax at most.
//   2. What was used longest ago goes first, nearly: two candidates are drawn at random for each that
//      goes and join a pool of the oldest seen, kPool of them, of which the oldest goes. Why: an exact
//      order costs memory for every chunk and a lock for every read; this one costs neither.
//      (Mitzenmacher, The power of two choices in randomized load balancing, 2001; the pool is that
//      of Redis 3.0.)
// Pure; one thread.

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/core/ids.hpp"
#include "engine/core/units.hpp"
#include "engine/node/disk_room.hpp"

namespace swarmfs::node {

struct CacheLimits {
    static constexpr std::uint64_t kMaxBytesMin = std::uint64_t{4} << 20;
    static constexpr std::uint64_t kMarginMax = std::uint64_t{64} << 20;

    std::optional<std::uint64_t> max_bytes;  // none: the disk is the limit
    MinFree min_free{0, 1};                  // of the disk, stays free of the cache

    bool operator==(const CacheLimits&) const = default;
};

// Of the limit, to be kept free.
std::uint64_t margin_of(std::uint64_t max_bytes);
// Bytes that are to go now. `room` with a total of 0 counts as unknown.
std::uint64_t bytes_to_evict(const CacheLimits& limits, std::uint64_t cached_bytes,
                             const Room& room);

struct EvictionCandidate {
    std::uint64_t last_use = 0;
    ContentId content;
    ChunkIndex chunk;

    auto operator<=>(const EvictionCandidate&) const = default;
};

class EvictionPool {
public:
    static constexpr std::size_t kPool = 16;

    // One that is in it already is not taken twice.
    void offer(const EvictionCandidate& candidate);
    // Takes the oldest out.
    std::optional<EvictionCandidate> take();
    std::size_t size() const { return pool_.size(); }
    void clear() { pool_.clear(); }

private:
    std::vector<EvictionCandidate> pool_;  // the oldest last
};

}  // namespace swarmfs::node
