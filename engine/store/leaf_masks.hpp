#pragma once
// Which leaves of one content are there: a bit a leaf, 16 of them a chunk, in pages of 1024 chunks
// that cost memory only where something is. Pure. Thread: one at a time.

#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "engine/core/bytes.hpp"
#include "engine/core/units.hpp"

namespace swarmfs::store {

class LeafMasks {
public:
    static constexpr std::uint64_t kPageChunks = 1024;  // 256 MiB of content, 2 KiB of masks

    explicit LeafMasks(std::uint64_t size) : size_(size), all_(size == 0) {}

    std::uint64_t size() const { return size_; }
    // The mask of a chunk all of whose leaves are there. Requires: the content has the chunk.
    std::uint16_t full(ChunkIndex chunk) const;
    std::uint16_t mask(ChunkIndex chunk) const;
    bool complete() const { return all_; }
    std::uint64_t stored_bytes() const { return all_ ? size_ : stored_bytes_; }
    // Requires: the range lies inside the content.
    bool has(std::uint64_t offset, std::uint64_t length) const;
    // Whether any leaf of the chunks [begin, end) is there; end may lie beyond the content's.
    bool any(ChunkIndex begin, ChunkIndex end) const;
    // One bit a chunk from `first` on, most significant first; set where the whole chunk is there.
    // Cost: O(bitmap), and the pages that are there.
    void whole_chunks(ChunkIndex first, MutableByteSpan bitmap) const;
    // The first chunk from `from` on of which anything may be there; nothing when there is none.
    std::optional<ChunkIndex> next_stored(ChunkIndex from) const;

    // Chunks of which any leaf is there, in order.
    template <class Visit>  // void(ChunkIndex, std::uint16_t mask)
    void for_each(const Visit& visit) const {
        for (auto at = next_stored(ChunkIndex(0)); at; at = next_stored(*at + 1)) {
            if (const std::uint16_t bits = mask(*at); bits != 0) {
                visit(*at, bits);
            }
        }
    }

    // Bits beyond the end are ignored.
    void add(ChunkIndex chunk, std::uint16_t bits);
    void remove(ChunkIndex chunk, std::uint16_t bits);
    void add_all();
    void clear();

    // Pages as they are kept: 1024 numbers of 16 bits, big-endian.
    std::vector<std::uint64_t> pages() const;
    Bytes encode_page(std::uint64_t page) const;
    // Requires: bytes.size() == kPageChunks * 2. Bits beyond the end are dropped.
    void load_page(std::uint64_t page, ByteSpan bytes);

    // Where the last stored leaf ends; 0 when there is none.
    std::uint64_t stored_end() const;

    void change_all() {
        const auto every = pages();
        changed_.insert(every.begin(), every.end());
    }
    // Pages changed since the last call. While complete() there are none to keep.
    std::set<std::uint64_t> take_changed() { return std::exchange(changed_, {}); }

private:
    struct Page {
        std::array<std::uint16_t, kPageChunks> mask{};
        std::uint32_t chunks = 0;  // that have a bit
    };
    std::uint64_t bytes_of(ChunkIndex chunk, std::uint16_t bits) const;
    void spread();  // from "all" to pages

    std::uint64_t size_;
    bool all_;
    std::uint64_t stored_bytes_ = 0;
    std::map<std::uint64_t, Page> pages_;
    std::set<std::uint64_t> changed_;
};

}  // namespace swarmfs::store
