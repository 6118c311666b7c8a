#pragma once
// Proofs that tie a chunk, or a single leaf, to a hash the receiver already trusts.
//
//   proof of a chunk = hashes of all its leaves, then its uncles from the chunk's level up to, not
//                      including, the level of the hash that is known
//
// Rules:
//   1. The receiver names the level of the lowest ancestor it knows; the root's level when it knows
//      only the root. A reader of one stream so gets 15/16 of its uncles for nothing.
//   2. Uncles that lie wholly beyond the end are padding, which everyone can compute: not sent.
//   3. So the number of hashes follows from (size, chunk, known level). Any other is refused before
//      a hash is computed. This, and the size being part of the content's name, is what keeps an
//      inner node from passing for a leaf: the tree itself does not tell them apart.
//   4. The only leaf of a content of at most 16 KiB is its root: its proof is empty.
//   5. Every leaf hash of the chunk is sent, although a path would do for one: a receiver then
//      proves each 16 KiB as it arrives, and can name the leaf that was a lie.
// Pure; any thread.

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "engine/content/tree_nodes.hpp"
#include "engine/content/tree_shape.hpp"
#include "engine/core/bytes.hpp"

namespace swarmfs::content {

// A hash the receiver trusts: that of a chunk's (or a leaf's) ancestor at `level`.
struct KnownNode {
    unsigned level = 0;
    Hash256 hash;

    auto operator<=>(const KnownNode&) const = default;
};

// What a verified proof says.
struct ChunkHashes {
    ChunkIndex chunk;
    std::uint64_t bytes = 0;  // of the chunk
    unsigned count = 0;       // of its leaves
    std::array<Hash256, kLeavesPerChunk> leaf{};
    // The real nodes above the leaves and below the known one that the proof proved: the chunk's
    // own, its sibling, their parent, and so on. Worth keeping: they shorten the next proof.
    std::vector<TreeNode> nodes;

    std::span<const Hash256> leaves() const { return std::span(leaf).first(count); }
};

// Returns: how many hashes the proof has; nothing when the content has no such chunk, or its tree
// no such level (less than chunk_level(), more than depth()).
std::optional<std::size_t> proof_length(std::uint64_t size, ChunkIndex chunk, unsigned known_level);
// The longest there is: 16 leaves and an uncle for each level above them.
inline constexpr std::size_t kProofHashesMax = kLeavesPerChunk + kTreeDepthMax - kChunkLevel;

// Errors: invalid when proof_length() has no answer; the source's.
Result<std::vector<Hash256>> make_chunk_proof(const NodeSource& source, std::uint64_t size,
                                              ChunkIndex chunk, unsigned known_level);

// Errors: invalid when proof_length() has no answer; a peer error, corrupt, when the length is
// another or the hashes do not lead to `known`: both are lies.
Result<ChunkHashes> verify_chunk_proof(std::uint64_t size, ChunkIndex chunk, const KnownNode& known,
                                       std::span<const Hash256> hashes);

// The node above two nodes of `level`, or above the last one and padding.
Hash256 parent_of(unsigned level, const Hash256& left, const std::optional<Hash256>& right);
// The chunk's own node, as its leaves have it. Requires: the chunk is of a content of that shape.
Hash256 chunk_node(const TreeShape& shape, const ChunkHashes& chunk);

// Whether these are the bytes of leaf `leaf` of the chunk: the exact length and the hash.
bool leaf_matches(const ChunkHashes& chunk, unsigned leaf, ByteSpan bytes);
// The same for leaves in a row from `first` on, hashed together: bit n of the result is leaf n.
std::uint16_t matching_leaves(const ChunkHashes& chunk, unsigned first,
                              std::span<const ByteSpan> leaves);

// The same for one leaf: its siblings from level 0 up to, not including, the known level; again
// without padding. known_level runs from 0 (the leaf's own hash is known) to depth().
std::optional<std::size_t> leaf_proof_length(std::uint64_t size, LeafIndex leaf,
                                             unsigned known_level);
Result<std::vector<Hash256>> make_leaf_proof(const NodeSource& source, std::uint64_t size,
                                             LeafIndex leaf, unsigned known_level);
Result<> verify_leaf_proof(std::uint64_t size, LeafIndex leaf, ByteSpan bytes,
                           const KnownNode& known, std::span<const Hash256> siblings);

// Hashes as they travel, one after another.
// Returns: nothing when the length is not a whole number of hashes.
std::optional<std::vector<Hash256>> hashes_from(ByteSpan bytes);
// Valid until: as `hashes`.
ByteSpan bytes_of(std::span<const Hash256> hashes);

}  // namespace swarmfs::content
