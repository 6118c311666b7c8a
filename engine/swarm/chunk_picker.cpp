#include "engine/swarm/chunk_picker.hpp"

#include <algorithm>
#include <limits>

#include "engine/core/assert.hpp"

namespace swarmfs::swarm {

namespace {

// Chosen by us: as libtorrent does; four chunks are a megabyte to trade with.
constexpr std::uint64_t kRandomUntilStored = 4;
// Chosen by us: keeps a pick short where peers hold disjoint parts.
constexpr std::size_t kRankedScanMax = 256;
constexpr std::uint64_t kExtentChunksMax = 16;
// Fewer extents than this would make nodes choose alike.
constexpr std::uint64_t kExtentsWorthwhile = 64;
constexpr std::uint16_t kAvailabilityMax = std::numeric_limits<std::uint16_t>::max();

std::uint64_t mix(std::uint64_t x) {  // SplitMix64's finaliser
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
}

}  // namespace

ChunkPicker::ChunkPicker(std::uint64_t chunk_count, FillOrder order, std::uint64_t salt)
    : chunk_count_(chunk_count), salt_(salt), order_(order), dice_state_(mix(salt)) {
    SWARM_ASSERT(chunk_count <= kContentBytesMax / kChunkBytes);
    while (extent_chunks_ < kExtentChunksMax &&
           chunk_count / (extent_chunks_ * 2) >= kExtentsWorthwhile) {
        extent_chunks_ *= 2;
    }
    extent_count_ = (chunk_count + extent_chunks_ - 1) / extent_chunks_;
    extent_bits_ = static_cast<unsigned>(std::bit_width(extent_count_));
}

std::optional<ChunkIndex> ChunkPicker::pick(const Holdings& held,
                                            std::optional<ChunkIndex> suggested) {
    if (wanted() == 0 || held.none()) {
        return std::nullopt;
    }
    for (const std::uint64_t chunk : returned_) {
        if (held.has(ChunkIndex(chunk))) {
            return ChunkIndex(chunk);
        }
    }
    if (order_ == FillOrder::sequential) {
        while (lowest_ < chunk_count_ && taken_.contains(ChunkIndex(lowest_))) {
            ++lowest_;
        }
        return lowest_from(held, lowest_);
    }
    if (suggested && held.has(*suggested) && unshared(*suggested)) {
        return suggested;
    }
    return stored_ < kRandomUntilStored ? any(held) : rarest(held);
}

std::optional<ChunkIndex> ChunkPicker::lowest_from(const Holdings& held, std::uint64_t from) const {
    const std::uint64_t words = (chunk_count_ + 63) / 64;
    for (std::uint64_t i = from / 64; i < words; ++i) {
        std::uint64_t bits = ~taken_.word(i) & (held.all ? ~std::uint64_t{0} : held.some.word(i));
        if (i == from / 64) {
            bits &= ~std::uint64_t{0} << (from % 64);
        }
        if (bits != 0) {
            const std::uint64_t chunk = i * 64 + static_cast<std::uint64_t>(std::countr_zero(bits));
            return chunk < chunk_count_ ? std::optional(ChunkIndex(chunk)) : std::nullopt;
        }
    }
    return std::nullopt;
}

std::optional<ChunkIndex> ChunkPicker::any(const Holdings& held) {
    const auto found = lowest_from(held, roll() % chunk_count_);
    return found ? found : lowest_from(held, 0);
}

std::optional<ChunkIndex> ChunkPicker::rarest(const Holdings& held) {
    if (held.all) {
        // What no partial peer holds ranks first, and a partial peer cannot have it.
        if (const auto chunk = held_by_no_partial_peer()) {
            return chunk;
        }
    }
    std::size_t looked_at = 0;
    for (const auto& bucket : buckets_) {
        for (const std::uint32_t chunk : bucket) {
            if (held.has(ChunkIndex(chunk))) {
                return ChunkIndex(chunk);
            }
            if (++looked_at == kRankedScanMax) {
                return any(held);
            }
        }
    }
    return std::nullopt;
}

std::optional<ChunkIndex> ChunkPicker::held_by_no_partial_peer() {
    for (const auto& [key, chunk] : passed_) {
        if (availability(ChunkIndex(chunk)) == 0) {
            return ChunkIndex(chunk);
        }
    }
    for (; extent_step_ < std::uint64_t{1} << extent_bits_; ++extent_step_) {
        const std::uint64_t extent = extent_at(extent_step_);
        if (extent >= extent_count_) {
            continue;
        }
        const std::uint64_t begin = extent * extent_chunks_;
        const std::uint64_t end = std::min(begin + extent_chunks_, chunk_count_);
        for (std::uint64_t chunk = begin; chunk < end; ++chunk) {
            if (wanted_bit(ChunkIndex(chunk)) && availability(ChunkIndex(chunk)) == 0) {
                return ChunkIndex(chunk);
            }
        }
    }
    return std::nullopt;
}

// A salted permutation of the numbers of extent_bits_ bits: each line below is a bijection on them.
std::uint64_t ChunkPicker::extent_at(std::uint64_t step) const {
    const std::uint64_t mask = (std::uint64_t{1} << extent_bits_) - 1;
    const unsigned half = std::max(1U, extent_bits_ / 2);
    std::uint64_t x = step;
    for (unsigned round = 0; round < 3; ++round) {
        const std::uint64_t key = mix(salt_ + round);
        x = (x + key) & mask;
        x = (x * (key | 1)) & mask;
        x ^= x >> half;
    }
    return x & mask;
}

void ChunkPicker::gained(ChunkIndex chunk) {
    SWARM_ASSERT(chunk.value < chunk_count_);
    std::uint16_t& count = page_of(chunk).availability[chunk.value % kPageChunks];
    if (count == kAvailabilityMax) {
        return;
    }
    if (wanted_bit(chunk)) {
        leave_bucket(chunk, count);
        enter_bucket(chunk, count + 1U);
    }
    ++count;
}

void ChunkPicker::lost(ChunkIndex chunk) {
    SWARM_ASSERT(chunk.value < chunk_count_);
    std::uint16_t& count = page_of(chunk).availability[chunk.value % kPageChunks];
    if (count == 0) {
        return;
    }
    if (wanted_bit(chunk)) {
        leave_bucket(chunk, count);
        enter_bucket(chunk, count - 1U);
    }
    --count;
    if (count == 0) {
        extent_step_ = 0;
    }
}

void ChunkPicker::take(ChunkIndex chunk) {
    SWARM_ASSERT(chunk.value < chunk_count_);
    if (!wanted_bit(chunk)) {
        return;
    }
    leave_bucket(chunk, availability(chunk));
    taken_.insert(chunk);
    returned_.erase(chunk.value);
    passed_.erase({mix(salt_ ^ chunk.value), chunk.value});
}

void ChunkPicker::put_back(ChunkIndex chunk, Begun begun) {
    SWARM_ASSERT(chunk.value < chunk_count_);
    if (wanted_bit(chunk)) {
        return;
    }
    taken_.erase(chunk);
    enter_bucket(chunk, availability(chunk));
    if (begun == Begun::yes) {
        returned_.insert(chunk.value);
    } else {
        passed_.emplace(mix(salt_ ^ chunk.value), chunk.value);
    }
    lowest_ = std::min(lowest_, chunk.value);
}

std::uint32_t ChunkPicker::availability(ChunkIndex chunk) const {
    const auto page = pages_.find(chunk.value / kPageChunks);
    return page == pages_.end() ? 0 : page->second->availability[chunk.value % kPageChunks];
}

ChunkPicker::Page& ChunkPicker::page_of(ChunkIndex chunk) {
    auto& page = pages_[chunk.value / kPageChunks];
    if (!page) {
        page = std::make_unique<Page>();
    }
    return *page;
}

void ChunkPicker::enter_bucket(ChunkIndex chunk, std::uint32_t availability) {
    if (availability == 0) {
        return;  // rank 0 is walked in salted order, not listed
    }
    if (buckets_.size() <= availability) {
        buckets_.resize(availability + 1);
    }
    auto& bucket = buckets_[availability];
    bucket.push_back(static_cast<std::uint32_t>(chunk.value));
    const std::size_t last = bucket.size() - 1;
    const std::size_t other = roll() % bucket.size();
    std::swap(bucket[last], bucket[other]);
    page_of(ChunkIndex(bucket[last])).position[bucket[last] % kPageChunks] =
        static_cast<std::uint32_t>(last);
    page_of(ChunkIndex(bucket[other])).position[bucket[other] % kPageChunks] =
        static_cast<std::uint32_t>(other);
}

void ChunkPicker::leave_bucket(ChunkIndex chunk, std::uint32_t availability) {
    if (availability == 0) {
        return;
    }
    auto& bucket = buckets_[availability];
    const std::size_t at = page_of(chunk).position[chunk.value % kPageChunks];
    bucket[at] = bucket.back();
    page_of(ChunkIndex(bucket[at])).position[bucket[at] % kPageChunks] =
        static_cast<std::uint32_t>(at);
    bucket.pop_back();
}

std::uint64_t ChunkPicker::roll() {
    dice_state_ += 0x9E3779B97F4A7C15ULL;
    return mix(dice_state_);
}

}  // namespace swarmfs::swarm
