#pragma once
// Merkle trees over 32-byte hashes, shaped as BEP 52 shapes them.
//
// Rules:
//   1. Level 0 holds the leaves, padded on the right with zero hashes (32 zero bytes) to a power of
//      two. A node is the SHA-256 of its two children. The root's level is `merkle_depth(count)`.
//   2. One leaf is its own root. No leaves have the zero hash as root.
//   3. A subtree of padding has a hash that depends on its level alone: `zero_subtree(level)`. It
//      is not zero above level 0: only leaves are padded, and what lies above is computed.
//   4. The tree itself tells neither leaves from inner nodes nor padding from a leaf that is zero.
//      Whoever relies on a root must bind the number of leaves to it (size, count) and must ask for
//      the one path length that follows from it. Otherwise an inner node passes for a leaf.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/core/ids.hpp"

namespace swarmfs::crypto {

// Beyond any tree whose leaves can be counted in 64 bits.
inline constexpr unsigned kMerkleLevelMax = 63;

// The level of the root over `leaf_count` leaves: 0 for none or one, 1 for two, 2 for three or
// four. Requires: leaf_count <= 2^63.
unsigned merkle_depth(std::uint64_t leaf_count);

// The hash of 2^level zero leaves. Requires: level <= kMerkleLevelMax. Thread: any.
const Hash256& zero_subtree(unsigned level);

// Cost: one sha256_pair per inner node; a copy of half the leaves.
Hash256 merkle_root(std::span<const Hash256> leaves);

// The root of a subtree of 2^level leaves that begins with `leaves`, the rest of it padding.
// Requires: leaves.size() <= 2^level.
Hash256 subtree_root(std::span<const Hash256> leaves, unsigned level);

// One node of the tree over `leaves`: the root of the aligned subtree of 2^level leaves at `index`.
// Requires: level <= merkle_depth(leaves.size()); index < 2^(depth - level).
Hash256 merkle_node(std::span<const Hash256> leaves, unsigned level, std::uint64_t index);

// The siblings on the way from node (level, index) to below the root, lowest first. Siblings that
// are padding are included, so the length is always depth - level.
// Requires: as merkle_node.
std::vector<Hash256> merkle_path(std::span<const Hash256> leaves, unsigned level,
                                 std::uint64_t index);

// The ancestor of `node`, path.size() levels above it, if `path` is right. `index` is the node's
// index in its own level; which level that is does not matter to the arithmetic.
// Requires: the caller has checked path.size() and index against the shape it expects (rule 4).
Hash256 merkle_root_from_path(const Hash256& node, std::uint64_t index,
                              std::span<const Hash256> path);

}  // namespace swarmfs::crypto
