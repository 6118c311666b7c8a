#pragma once
// The shape of a content's hash tree, which follows from its size alone (BEP 52, "pieces root").
//
//   level 2          root               40 KiB: three leaves, the last of them short, and one of
//   level 1       n0      n1            padding; depth 2; six real nodes
//   level 0     l0  l1  l2  zero
//
// Rules:
//   1. A leaf is the SHA-256 of 16 KiB of content; the last one covers what is left. Leaves are
//      padded to a power of two with 32 zero bytes each. The root's level is depth().
//   2. A node is *real* when it stands above at least one leaf. Nodes that are not real are known
//      to everyone (crypto::zero_subtree), so they are neither stored nor sent.
//   3. A chunk is the subtree of 16 leaves at level kChunkLevel; in a content of at most 8 leaves,
//      which has no such level, the only chunk is the whole tree: chunk_level() says which.
//   4. In a tree file the real nodes stand level after level, leaves first, 32 bytes each.
//   5. The empty content has no tree: its root is zero. No other content may have a zero root.
// Pure; any thread.

#include <cstdint>

#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"
#include "engine/core/units.hpp"

namespace swarmfs::content {

inline constexpr std::uint64_t kHashBytes = Hash256::kSize;
// Leaves of the largest content: 2^50 / 2^14. No tree is deeper.
inline constexpr unsigned kTreeDepthMax = 36;

inline constexpr ContentId kEmptyContent{};

// Errors: a peer error when the size is beyond kContentBytesMax, or rule 5 is broken. Everything
// that arrives from outside passes here before its shape is asked for.
Result<> check_content_id(const ContentId& id);

class TreeShape {
public:
    // Requires: size <= kContentBytesMax.
    explicit TreeShape(std::uint64_t size);

    std::uint64_t size() const { return size_; }
    std::uint64_t leaves() const { return leaves_; }
    std::uint64_t chunks() const { return chunk_count(size_); }
    unsigned depth() const { return depth_; }
    unsigned chunk_level() const { return depth_ < kChunkLevel ? depth_ : kChunkLevel; }

    // Returns: how many real nodes stand on `level`; 0 above the root.
    std::uint64_t nodes(unsigned level) const;
    bool is_real(unsigned level, std::uint64_t index) const { return index < nodes(level); }

    // Where a real node stands in a tree file. Requires: is_real(level, index).
    std::uint64_t node_offset(unsigned level, std::uint64_t index) const;
    std::uint64_t tree_file_bytes() const;

    auto operator<=>(const TreeShape&) const = default;

private:
    std::uint64_t nodes_below(unsigned level) const;

    std::uint64_t size_;
    std::uint64_t leaves_;
    unsigned depth_;
};

}  // namespace swarmfs::content
