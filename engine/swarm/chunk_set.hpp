#pragma once
// A set of chunks of one content, as a bitmap that costs only what it touches.
//
// Pages of 4,096 chunks (1 GiB of content, 512 bytes) are made when a chunk in them is inserted, so
// a few chunks of a 1 PiB content cost a few pages. Pure; one thread.

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "engine/core/bytes.hpp"
#include "engine/core/units.hpp"

namespace swarmfs::swarm {

class ChunkSet {
public:
    bool contains(ChunkIndex chunk) const {
        return (word(chunk.value / 64) >> (chunk.value % 64) & 1) != 0;
    }
    // Returns: true when it was not there before.
    bool insert(ChunkIndex chunk);
    // Returns: true when it was there.
    bool erase(ChunkIndex chunk);
    void clear() {
        pages_.clear();
        count_ = 0;
    }
    std::uint64_t count() const { return count_; }
    std::size_t pages() const { return pages_.size(); }
    // Whether inserting the chunk costs no page.
    bool has_page(ChunkIndex chunk) const {
        return pages_.find(chunk.value / 64 / kWordsPerPage) != pages_.end();
    }
    bool empty() const { return count_ == 0; }

    // Chunks [64 index, 64 index + 64), lowest first in the lowest bit.
    std::uint64_t word(std::uint64_t index) const {
        const auto page = pages_.find(index / kWordsPerPage);
        return page == pages_.end() ? 0 : page->second[index % kWordsPerPage];
    }

    template <class Visit>
    void for_each(Visit visit) const {  // in no particular order
        for (const auto& [number, words] : pages_) {
            for (std::size_t i = 0; i < kWordsPerPage; ++i) {
                for (std::uint64_t bits = words[i]; bits != 0; bits &= bits - 1) {
                    visit(ChunkIndex((number * kWordsPerPage + i) * 64 +
                                     static_cast<std::uint64_t>(std::countr_zero(bits))));
                }
            }
        }
    }

private:
    static constexpr std::size_t kWordsPerPage = 64;
    std::unordered_map<std::uint64_t, std::array<std::uint64_t, kWordsPerPage>> pages_;
    std::uint64_t count_ = 0;
};

// Visits the chunks set in a wire bitmap (most significant bit first) that starts at `first`;
// chunks from `chunk_count` on are skipped.
template <class Visit>
void for_each_in_bitmap(ByteSpan bitmap, ChunkIndex first, std::uint64_t chunk_count, Visit visit) {
    for (std::size_t i = 0; i < bitmap.size(); ++i) {
        for (unsigned bits = bitmap[i]; bits != 0;) {
            const auto bit =
                static_cast<unsigned>(std::countl_zero(static_cast<std::uint8_t>(bits)));
            bits &= ~(0x80U >> bit);
            const std::uint64_t chunk = first.value + i * 8 + bit;
            if (chunk < chunk_count) {
                visit(ChunkIndex(chunk));
            }
        }
    }
}

// What a peer has told us it holds of a content.
struct Holdings {
    bool all = false;
    ChunkSet some;

    bool has(ChunkIndex chunk) const { return all || some.contains(chunk); }
    bool none() const { return !all && some.empty(); }
};

}  // namespace swarmfs::swarm
