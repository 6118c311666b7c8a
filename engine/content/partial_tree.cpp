#include "engine/content/partial_tree.hpp"

#include "engine/core/assert.hpp"

namespace swarmfs::content {

namespace {

// Indices at chunk level and above stay below 2^32, so the level fits above them.
std::uint64_t block_key(unsigned level, std::uint64_t block) {
    return (std::uint64_t{level} << 56) | block;
}

}  // namespace

PartialTree::PartialTree(const ContentId& id) : id_(id), shape_(id.size) {
    SWARM_ASSERT(check_content_id(id).ok());
}

KnownNode PartialTree::lowest_known_ancestor(ChunkIndex chunk) const {
    SWARM_ASSERT(chunk.value < shape_.chunks());
    std::uint64_t index = chunk.value;
    for (unsigned level = shape_.chunk_level(); level < shape_.depth(); ++level, index /= 2) {
        if (const Hash256* hash = find(level, index)) {
            return {level, *hash};
        }
    }
    return {shape_.depth(), id_.root};
}

std::optional<Hash256> PartialTree::chunk_hash(ChunkIndex chunk) const {
    const KnownNode known = lowest_known_ancestor(chunk);
    return known.level == shape_.chunk_level() ? std::optional(known.hash) : std::nullopt;
}

Result<ChunkHashes> PartialTree::absorb(ChunkIndex chunk, const KnownNode& known,
                                        std::span<const Hash256> hashes) {
    auto proven = verify_chunk_proof(id_.size, chunk, known, hashes);
    if (proven.ok()) {
        for (const TreeNode& node : proven->nodes) {
            learn(node);
        }
    }
    return proven;
}

void PartialTree::learn(const TreeNode& node) {
    if (node.level < shape_.chunk_level() || node.level >= shape_.depth() ||
        !shape_.is_real(node.level, node.index)) {
        return;
    }
    if (known_nodes_ == kNodesMax) {
        blocks_.clear();
        known_nodes_ = 0;
    }
    Block& block = blocks_[block_key(node.level, node.index / kBlockNodes)];
    const auto bit = static_cast<std::uint8_t>(1U << (node.index % kBlockNodes));
    if ((block.known & bit) == 0) {
        block.known |= bit;
        block.hash[node.index % kBlockNodes] = node.hash;
        ++known_nodes_;
    }
}

const Hash256* PartialTree::find(unsigned level, std::uint64_t index) const {
    const auto found = blocks_.find(block_key(level, index / kBlockNodes));
    if (found == blocks_.end() || (found->second.known >> (index % kBlockNodes) & 1) == 0) {
        return nullptr;
    }
    return &found->second.hash[index % kBlockNodes];
}

}  // namespace swarmfs::content
