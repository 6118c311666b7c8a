#include "engine/store/leaf_masks.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "engine/core/assert.hpp"

namespace swarmfs::store {

std::uint16_t LeafMasks::full(ChunkIndex chunk) const {
    const std::uint64_t leaves = leaves_in_chunk(size_, chunk);
    return static_cast<std::uint16_t>((std::uint32_t{1} << leaves) - 1);
}

std::uint16_t LeafMasks::mask(ChunkIndex chunk) const {
    if (all_) {
        return full(chunk);
    }
    const auto page = pages_.find(chunk.value / kPageChunks);
    return page == pages_.end() ? std::uint16_t{0} : page->second.mask[chunk.value % kPageChunks];
}

bool LeafMasks::has(std::uint64_t offset, std::uint64_t length) const {
    SWARM_ASSERT(offset <= size_ && length <= size_ - offset);
    if (all_ || length == 0) {
        return true;
    }
    const std::uint64_t last = leaf_at(offset + length - 1).value;
    for (std::uint64_t leaf = leaf_at(offset).value; leaf <= last;) {
        const ChunkIndex chunk = chunk_of(LeafIndex(leaf));
        const std::uint64_t first = leaf % kLeavesPerChunk;
        const std::uint64_t end = std::min(kLeavesPerChunk, first + (last - leaf) + 1);
        const auto wanted = ((std::uint32_t{1} << end) - 1) & ~((std::uint32_t{1} << first) - 1);
        if ((mask(chunk) & wanted) != wanted) {
            return false;
        }
        leaf += end - first;
    }
    return true;
}

bool LeafMasks::any(ChunkIndex begin, ChunkIndex end) const {
    const std::uint64_t stop = std::min(end.value, chunk_count(size_));
    if (begin.value >= stop) {
        return false;
    }
    if (all_) {
        return true;
    }
    for (auto page = pages_.lower_bound(begin.value / kPageChunks);
         page != pages_.end() && page->first * kPageChunks < stop; ++page) {
        const std::uint64_t base = page->first * kPageChunks;
        if (page->second.chunks == 0) {
            continue;
        }
        const std::uint64_t from = std::max(begin.value, base) - base;
        const std::uint64_t to = std::min(stop, base + kPageChunks) - base;
        for (std::uint64_t at = from; at < to; ++at) {
            if (page->second.mask[at] != 0) {
                return true;
            }
        }
    }
    return false;
}

void LeafMasks::whole_chunks(ChunkIndex first, MutableByteSpan bitmap) const {
    std::fill(bitmap.begin(), bitmap.end(), std::uint8_t{0});
    const std::uint64_t end = std::min(chunk_count(size_), first.value + bitmap.size() * 8);
    for (auto at = next_stored(first); at && at->value < end;) {
        const std::uint64_t page_end = std::min(end, (at->value / kPageChunks + 1) * kPageChunks);
        const auto page = pages_.find(at->value / kPageChunks);
        for (ChunkIndex chunk = *at; chunk.value < page_end; ++chunk) {
            const bool whole = all_ || page->second.mask[chunk.value % kPageChunks] == full(chunk);
            const std::uint64_t bit = chunk.value - first.value;
            bitmap[bit / 8] =
                static_cast<std::uint8_t>(bitmap[bit / 8] | (whole ? 0x80 >> (bit % 8) : 0));
        }
        at = next_stored(ChunkIndex(page_end));
    }
}

std::optional<ChunkIndex> LeafMasks::next_stored(ChunkIndex from) const {
    if (from.value >= chunk_count(size_)) {
        return std::nullopt;
    }
    if (all_) {
        return from;
    }
    auto page = pages_.lower_bound(from.value / kPageChunks);
    while (page != pages_.end() && page->second.chunks == 0) {
        ++page;
    }
    if (page == pages_.end()) {
        return std::nullopt;
    }
    return ChunkIndex(std::max(from.value, page->first * kPageChunks));
}

std::uint64_t LeafMasks::bytes_of(ChunkIndex chunk, std::uint16_t bits) const {
    const auto count = static_cast<std::uint64_t>(std::popcount(bits));
    const std::uint64_t last = leaf_count(size_) - 1;
    const bool has_last =
        chunk_of(LeafIndex(last)) == chunk && (bits >> (last % kLeavesPerChunk) & 1) != 0;
    return count * kLeafBytes - (has_last ? kLeafBytes - leaf_bytes(size_, LeafIndex(last)) : 0);
}

void LeafMasks::add(ChunkIndex chunk, std::uint16_t bits) {
    if (all_) {
        return;
    }
    Page& page = pages_[chunk.value / kPageChunks];
    std::uint16_t& mask = page.mask[chunk.value % kPageChunks];
    const auto fresh = static_cast<std::uint16_t>(bits & full(chunk) & ~mask);
    if (fresh == 0) {
        return;
    }
    page.chunks += mask == 0 ? 1 : 0;
    mask = static_cast<std::uint16_t>(mask | fresh);
    stored_bytes_ += bytes_of(chunk, fresh);
    changed_.insert(chunk.value / kPageChunks);
    if (stored_bytes_ == size_) {
        add_all();
    }
}

void LeafMasks::remove(ChunkIndex chunk, std::uint16_t bits) {
    const auto gone = static_cast<std::uint16_t>(bits & mask(chunk));
    if (gone == 0) {
        return;
    }
    if (all_) {
        spread();
    }
    Page& page = pages_.at(chunk.value / kPageChunks);
    std::uint16_t& mask = page.mask[chunk.value % kPageChunks];
    mask = static_cast<std::uint16_t>(mask & ~gone);
    page.chunks -= mask == 0 ? 1 : 0;
    stored_bytes_ -= bytes_of(chunk, gone);
    changed_.insert(chunk.value / kPageChunks);
}

void LeafMasks::add_all() {
    all_ = true;
    pages_.clear();
    changed_.clear();
}

void LeafMasks::clear() {
    all_ = size_ == 0;
    stored_bytes_ = 0;
    pages_.clear();
    changed_.clear();
}

void LeafMasks::spread() {
    all_ = false;
    stored_bytes_ = size_;
    for (std::uint64_t chunk = 0; chunk < chunk_count(size_); ++chunk) {
        Page& page = pages_[chunk / kPageChunks];
        page.mask[chunk % kPageChunks] = full(ChunkIndex(chunk));
        ++page.chunks;
    }
    change_all();
}

std::uint64_t LeafMasks::stored_end() const {
    if (all_) {
        return size_;
    }
    for (auto page = pages_.rbegin(); page != pages_.rend(); ++page) {
        for (std::uint64_t at = kPageChunks; at > 0; --at) {
            const std::uint16_t mask = page->second.mask[at - 1];
            if (mask != 0) {
                const auto last = static_cast<std::uint64_t>(std::bit_width(mask)) - 1;
                const LeafIndex leaf =
                    first_leaf(ChunkIndex(page->first * kPageChunks + at - 1)) + last;
                return leaf.value * kLeafBytes + leaf_bytes(size_, leaf);
            }
        }
    }
    return 0;
}

std::vector<std::uint64_t> LeafMasks::pages() const {
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, page] : pages_) {
        numbers.push_back(number);
    }
    return numbers;
}

Bytes LeafMasks::encode_page(std::uint64_t page) const {
    Bytes bytes;
    bytes.reserve(kPageChunks * 2);
    const auto found = pages_.find(page);
    for (std::uint64_t at = 0; at < kPageChunks; ++at) {
        const std::uint16_t mask =
            found == pages_.end() ? std::uint16_t{0} : found->second.mask[at];
        bytes.push_back(static_cast<std::uint8_t>(mask >> 8));
        bytes.push_back(static_cast<std::uint8_t>(mask));
    }
    return bytes;
}

void LeafMasks::load_page(std::uint64_t page, ByteSpan bytes) {
    SWARM_ASSERT(bytes.size() == kPageChunks * 2);
    for (std::uint64_t at = 0; at < kPageChunks; ++at) {
        const ChunkIndex chunk(page * kPageChunks + at);
        const auto bits = static_cast<std::uint16_t>(bytes[2 * at] << 8 | bytes[2 * at + 1]);
        if (bits != 0 && chunk.value < chunk_count(size_)) {
            add(chunk, bits);
        }
    }
    changed_.erase(page);
}

}  // namespace swarmfs::store
