#pragma once
// Whole trees: one kept in memory, and one that is folded from its leaves as they come and never
// kept. A tree costs 64 bytes for each 16 KiB of content: 40 MiB for 10 GiB.

#include <array>
#include <vector>

#include "engine/content/tree_nodes.hpp"
#include "engine/content/tree_shape.hpp"

namespace swarmfs::content {

// Computes every level of a tree from its leaves in order, handing nodes on in runs. Memory: at
// most kRunNodes hashes a level, whatever the size. For contents whose leaf hashes are spilled to
// disk.
class TreeFold {
public:
    // Nodes handed on at once: a page of hashes, and even, so that no pair is ever split.
    static constexpr std::size_t kRunNodes = 128;

    // `sink` must outlive this. Requires: size <= kContentBytesMax.
    TreeFold(std::uint64_t size, NodeSink& sink) : shape_(size), sink_(sink) {}

    // Requires: fewer than shape().leaves() were added. Errors: the sink's.
    Result<> add(const Hash256& leaf);
    // Requires: all leaves were added. Errors: the sink's.
    Result<ContentId> finish();

    const TreeShape& shape() const { return shape_; }

private:
    struct Row {
        std::uint64_t first = 0;  // index of pending[0]
        std::vector<Hash256> pending;
    };
    Result<> push(unsigned level, const Hash256& node);
    Result<> flush(unsigned level);

    TreeShape shape_;
    NodeSink& sink_;
    std::uint64_t added_ = 0;
    std::array<Row, kTreeDepthMax + 1> rows_;
    Hash256 root_;
};

// Every level in memory. Thread: any number of readers.
class HashTree final : public NodeSource {
public:
    // The tree of the empty content.
    HashTree() : HashTree(0, {}) {}
    // Requires: leaves.size() == leaf_count(size).
    HashTree(std::uint64_t size, std::vector<Hash256> leaves);

    ContentId id() const;
    const TreeShape& shape() const { return shape_; }
    // The real nodes of `level`. Valid until: the tree dies or is assigned to.
    std::span<const Hash256> level(unsigned level) const;
    Result<> read_nodes(unsigned level, std::uint64_t first, std::span<Hash256> out) const override;
    // Writes every level, leaves first. Errors: the sink's.
    Result<> write_to(NodeSink& sink) const;

private:
    TreeShape shape_;
    std::vector<std::vector<Hash256>> levels_;
};

}  // namespace swarmfs::content
