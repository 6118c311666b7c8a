#include "engine/content/tree_builder.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/core/assert.hpp"
#include "engine/crypto/hash_lanes.hpp"

namespace swarmfs::content {

void hash_leaves(ByteSpan bytes, std::span<Hash256> out) {
    SWARM_ASSERT(out.size() == leaf_count(bytes.size()));
    std::array<ByteSpan, kLeavesPerChunk> leaves;
    while (!out.empty()) {
        const std::size_t count = std::min(out.size(), leaves.size());
        for (std::size_t i = 0; i < count; ++i) {
            leaves[i] = bytes.first(std::min<std::size_t>(bytes.size(), kLeafBytes));
            bytes = bytes.subspan(leaves[i].size());
        }
        crypto::sha256_each(std::span(leaves).first(count), out.first(count));
        out = out.subspan(count);
    }
}

void TreeBuilder::append(ByteSpan bytes) {
    SWARM_ASSERT(!closed_);
    SWARM_ASSERT(bytes.size() <= kContentBytesMax - size_);
    if (!at_leaf_boundary()) {
        const std::uint64_t missing = kLeafBytes - size_ % kLeafBytes;
        const ByteSpan head = bytes.first(std::min<std::size_t>(bytes.size(), missing));
        partial_.update(head);
        size_ += head.size();
        bytes = bytes.subspan(head.size());
        if (!at_leaf_boundary()) {
            return;
        }
        leaves_.push_back(partial_.finish());
    }
    const std::size_t whole = bytes.size() / kLeafBytes;
    leaves_.resize(leaves_.size() + whole);
    hash_leaves(bytes.first(whole * kLeafBytes), std::span(leaves_).last(whole));
    const ByteSpan tail = bytes.subspan(whole * kLeafBytes);
    if (!tail.empty()) {
        partial_.update(tail);
    }
    size_ += bytes.size();
}

void TreeBuilder::append_leaf(const Hash256& leaf) {
    SWARM_ASSERT(!closed_ && at_leaf_boundary());
    SWARM_ASSERT(size_ + kLeafBytes <= kContentBytesMax);
    leaves_.push_back(leaf);
    size_ += kLeafBytes;
}

void TreeBuilder::replace_leaf(LeafIndex leaf, const Hash256& hash) {
    SWARM_ASSERT(leaf.value >= taken_ && leaf.value - taken_ < leaves_.size());
    leaves_[leaf.value - taken_] = hash;
}

std::vector<Hash256> TreeBuilder::take_leaves() {
    taken_ += leaves_.size();
    return std::exchange(leaves_, {});
}

void TreeBuilder::close() {
    if (!closed_ && !at_leaf_boundary()) {
        leaves_.push_back(partial_.finish());
    }
    closed_ = true;
}

HashTree TreeBuilder::finish() {
    SWARM_ASSERT(taken_ == 0);
    close();
    HashTree tree(size_, std::move(leaves_));
    *this = TreeBuilder();
    return tree;
}

}  // namespace swarmfs::content
