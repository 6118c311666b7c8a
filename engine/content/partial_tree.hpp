#pragma once
// What one receiver knows of a content's tree above the leaves.
//
// Rules:
//   1. The root is known at the start. A node is known only after a proof led from it to a node
//      that was known before. "Known" is a bit of its own: a hash of any value may be unknown.
//   2. Knowing is a cache. It makes proofs shorter and is never needed: at kNodesMax the tree
//      forgets everything but the root and starts to learn anew. Whoever asks for a proof keeps the
//      KnownNode it asked with, since the tree may have forgotten it when the answer comes.
//   3. Memory follows what is known, not the size: a content of 1 PiB costs nothing at the start.
// Pure. Thread: one.

#include <array>
#include <optional>
#include <unordered_map>

#include "engine/content/proof.hpp"

namespace swarmfs::content {

class PartialTree {
public:
    // 64 GiB read in one stream; about 20 MiB of memory.
    static constexpr std::size_t kNodesMax = std::size_t{1} << 19;

    // Requires: check_content_id(id).ok().
    explicit PartialTree(const ContentId& id);

    const ContentId& id() const { return id_; }

    // What to ask a proof of `chunk` against: the chunk's own hash when that is known, the root
    // when nothing else is. Requires: the content has this chunk.
    KnownNode lowest_known_ancestor(ChunkIndex chunk) const;
    // The root of the chunk's subtree, by which equal chunks of other contents are found.
    std::optional<Hash256> chunk_hash(ChunkIndex chunk) const;

    // Verifies a proof against `known`, which came from lowest_known_ancestor(chunk) at any time,
    // and learns from it. Errors: as verify_chunk_proof; then nothing is learnt.
    Result<ChunkHashes> absorb(ChunkIndex chunk, const KnownNode& known,
                               std::span<const Hash256> hashes);
    // Learns a node that was proven before and kept, in a tree file. Nodes below chunk_level() and
    // nodes that are not real are ignored.
    void learn(const TreeNode& node);

    // Nodes known besides the root.
    std::size_t known_nodes() const { return known_nodes_; }

private:
    // Neighbours are learnt together: 8 nodes of one level share an entry.
    static constexpr std::uint64_t kBlockNodes = 8;
    struct Block {
        std::uint8_t known = 0;  // bit i: hash[i] is known
        std::array<Hash256, kBlockNodes> hash;
    };
    const Hash256* find(unsigned level, std::uint64_t index) const;

    ContentId id_;
    TreeShape shape_;
    std::unordered_map<std::uint64_t, Block> blocks_;
    std::size_t known_nodes_ = 0;
};

}  // namespace swarmfs::content
