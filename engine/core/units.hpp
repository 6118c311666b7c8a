#pragma once
// Sizes and positions inside a content. Indices are types of their own: a leaf index where a chunk
// index is meant is a compile error, not an off-by-sixteen at run time.

#include <compare>
#include <cstdint>

namespace swarmfs {

// Fixed by the protocol (BEP 52's block size, and 16 of them).
inline constexpr std::uint64_t kLeafBytes = 16 * 1024;
inline constexpr std::uint64_t kLeavesPerChunk = 16;
inline constexpr std::uint64_t kChunkBytes = kLeafBytes * kLeavesPerChunk;
// The level of a chunk's subtree root above its leaves: 2^4 = 16.
inline constexpr unsigned kChunkLevel = 4;
// Chosen by us: 8 EiB files would overflow signed offsets on the way; 1 PiB is beyond any disk
// swarmfs will meet, and keeps every product of sizes here inside 64 bits.
inline constexpr std::uint64_t kContentBytesMax = std::uint64_t{1} << 50;

template <class Tag>
struct Index {
    std::uint64_t value = 0;

    constexpr Index() = default;
    constexpr explicit Index(std::uint64_t v) : value(v) {}

    auto operator<=>(const Index&) const = default;
    constexpr Index& operator++() {
        ++value;
        return *this;
    }
    constexpr Index operator+(std::uint64_t n) const { return Index(value + n); }
};

struct LeafTag {};
struct ChunkTag {};
using LeafIndex = Index<LeafTag>;    // leaf number within a content
using ChunkIndex = Index<ChunkTag>;  // chunk number within a content

constexpr ChunkIndex chunk_of(LeafIndex leaf) {
    return ChunkIndex(leaf.value / kLeavesPerChunk);
}
constexpr LeafIndex first_leaf(ChunkIndex chunk) {
    return LeafIndex(chunk.value * kLeavesPerChunk);
}
constexpr LeafIndex leaf_at(std::uint64_t offset) {
    return LeafIndex(offset / kLeafBytes);
}
constexpr ChunkIndex chunk_at(std::uint64_t offset) {
    return ChunkIndex(offset / kChunkBytes);
}

constexpr std::uint64_t leaf_count(std::uint64_t size) {
    return (size + kLeafBytes - 1) / kLeafBytes;
}
constexpr std::uint64_t chunk_count(std::uint64_t size) {
    return (size + kChunkBytes - 1) / kChunkBytes;
}

// Bytes of `leaf` in a content of `size` bytes; 0 when the leaf lies beyond the end.
constexpr std::uint64_t leaf_bytes(std::uint64_t size, LeafIndex leaf) {
    const std::uint64_t begin = leaf.value * kLeafBytes;
    return begin >= size ? 0 : (size - begin < kLeafBytes ? size - begin : kLeafBytes);
}
constexpr std::uint64_t chunk_bytes(std::uint64_t size, ChunkIndex chunk) {
    const std::uint64_t begin = chunk.value * kChunkBytes;
    return begin >= size ? 0 : (size - begin < kChunkBytes ? size - begin : kChunkBytes);
}
// Leaves of `chunk` in a content of `size` bytes (1 to 16; 0 beyond the end).
constexpr std::uint64_t leaves_in_chunk(std::uint64_t size, ChunkIndex chunk) {
    return leaf_count(chunk_bytes(size, chunk));
}

}  // namespace swarmfs
