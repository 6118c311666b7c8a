#include "engine/crypto/merkle.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "engine/core/assert.hpp"
#include "engine/crypto/hash.hpp"

namespace swarmfs::crypto {

namespace {

// The parents of `nodes`, which stand on `level` and begin at an even index.
std::vector<Hash256> parents(std::span<const Hash256> nodes, unsigned level) {
    std::vector<Hash256> above;
    above.reserve((nodes.size() + 1) / 2);
    for (std::size_t i = 0; i < nodes.size(); i += 2) {
        const bool paired = i + 1 < nodes.size();
        above.push_back(sha256_pair(nodes[i], paired ? nodes[i + 1] : zero_subtree(level)));
    }
    return above;
}

// The leaves of `leaves` below node (level, index); fewer than 2^level at the end, or none.
std::span<const Hash256> leaves_below(std::span<const Hash256> leaves, unsigned level,
                                      std::uint64_t index) {
    const std::uint64_t width = std::uint64_t{1} << level;
    const std::uint64_t begin = index * width;
    if (begin >= leaves.size()) {
        return {};
    }
    return leaves.subspan(begin, std::min<std::uint64_t>(width, leaves.size() - begin));
}

void check_node(std::span<const Hash256> leaves, unsigned level, std::uint64_t index) {
    const unsigned depth = merkle_depth(leaves.size());
    SWARM_ASSERT(level <= depth);
    SWARM_ASSERT(index < (std::uint64_t{1} << (depth - level)));
}

}  // namespace

unsigned merkle_depth(std::uint64_t leaf_count) {
    SWARM_ASSERT(leaf_count <= std::uint64_t{1} << kMerkleLevelMax);
    return leaf_count <= 1 ? 0 : static_cast<unsigned>(std::bit_width(leaf_count - 1));
}

const Hash256& zero_subtree(unsigned level) {
    static const auto table = [] {
        std::array<Hash256, kMerkleLevelMax + 1> rows;
        for (std::size_t i = 1; i < rows.size(); ++i) {
            rows[i] = sha256_pair(rows[i - 1], rows[i - 1]);
        }
        return rows;
    }();
    SWARM_ASSERT(level < table.size());
    return table[level];
}

Hash256 subtree_root(std::span<const Hash256> leaves, unsigned level) {
    SWARM_ASSERT(merkle_depth(leaves.size()) <= level && level <= kMerkleLevelMax);
    if (leaves.empty()) {
        return zero_subtree(level);
    }
    if (level == 0) {
        return leaves[0];
    }
    std::vector<Hash256> row = parents(leaves, 0);
    for (unsigned at = 1; at < level; ++at) {
        row = parents(row, at);
    }
    return row[0];
}

Hash256 merkle_root(std::span<const Hash256> leaves) {
    return subtree_root(leaves, merkle_depth(leaves.size()));
}

Hash256 merkle_node(std::span<const Hash256> leaves, unsigned level, std::uint64_t index) {
    check_node(leaves, level, index);
    return subtree_root(leaves_below(leaves, level, index), level);
}

std::vector<Hash256> merkle_path(std::span<const Hash256> leaves, unsigned level,
                                 std::uint64_t index) {
    check_node(leaves, level, index);
    std::vector<Hash256> path;
    for (const unsigned depth = merkle_depth(leaves.size()); level < depth; ++level, index /= 2) {
        path.push_back(subtree_root(leaves_below(leaves, level, index ^ 1), level));
    }
    return path;
}

Hash256 merkle_root_from_path(const Hash256& node, std::uint64_t index,
                              std::span<const Hash256> path) {
    Hash256 at = node;
    for (const Hash256& sibling : path) {
        at = index % 2 == 0 ? sha256_pair(at, sibling) : sha256_pair(sibling, at);
        index /= 2;
    }
    return at;
}

}  // namespace swarmfs::crypto
