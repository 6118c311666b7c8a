#pragma once
// The definition of a content's tree, written for clarity and not for use: the whole padded tree,
// by recursion, from the leaves. What the room computes cleverly is compared with it.

#include <optional>
#include <vector>

#include "engine/content/hash_tree.hpp"
#include "engine/core/dice.hpp"
#include "engine/crypto/hash.hpp"

namespace swarmfs::content {

struct NaiveTree {
    NaiveTree(std::uint64_t bytes, std::vector<Hash256> hashes)
        : size(bytes), real_leaves(hashes.size()), leaves(std::move(hashes)) {
        std::size_t width = 1;
        while (width < leaves.size()) {
            width *= 2;
            ++depth;
        }
        leaves.resize(width);
    }

    Hash256 node(unsigned level, std::uint64_t index) const {
        return level == 0 ? leaves.at(index)
                          : crypto::sha256_pair(node(level - 1, index * 2),
                                                node(level - 1, index * 2 + 1));
    }
    bool is_real(unsigned level, std::uint64_t index) const {
        return (index << level) < real_leaves;
    }
    // The proof of `chunk` as the header of proof.hpp describes it.
    std::vector<Hash256> proof(std::uint64_t chunk, unsigned known_level) const {
        std::vector<Hash256> hashes;
        if (depth == 0) {
            return hashes;
        }
        for (std::uint64_t i = chunk * 16; i < (chunk + 1) * 16 && i < real_leaves; ++i) {
            hashes.push_back(leaves[i]);
        }
        for (unsigned level = 4; level < known_level; ++level) {
            const std::uint64_t uncle = (chunk >> (level - 4)) ^ 1;
            if (is_real(level, uncle)) {
                hashes.push_back(node(level, uncle));
            }
        }
        return hashes;
    }

    std::uint64_t size;
    std::uint64_t real_leaves;
    unsigned depth = 0;
    std::vector<Hash256> leaves;
};

inline Bytes some_bytes(std::uint64_t size, std::uint64_t seed = 1) {
    SeededDice dice(seed);
    Bytes bytes(size);
    dice.fill(bytes);
    return bytes;
}

inline std::vector<Hash256> some_leaves(std::uint64_t size, std::uint64_t seed = 1) {
    SeededDice dice(seed);
    std::vector<Hash256> leaves(leaf_count(size));
    for (Hash256& leaf : leaves) {
        dice.fill(leaf.bytes);
    }
    return leaves;
}

// Keeps what it is given, and notices what is written twice or is not real.
class MemoryTree final : public NodeSource, public NodeSink {
public:
    explicit MemoryTree(std::uint64_t size) : shape(size), levels(shape.depth() + 1) {
        for (unsigned level = 0; level <= shape.depth(); ++level) {
            levels[level].resize(shape.nodes(level));
        }
    }
    Result<> read_nodes(unsigned level, std::uint64_t first,
                        std::span<Hash256> out) const override {
        ++reads;
        for (Hash256& hash : out) {
            const auto& node = levels.at(level).at(first++);
            if (!node) {
                return network_error(Code::unavailable, "not known");
            }
            hash = *node;
        }
        return done();
    }
    Result<> write_nodes(unsigned level, std::uint64_t first,
                         std::span<const Hash256> nodes) override {
        for (const Hash256& hash : nodes) {
            levels.at(level).at(first++) = hash;
            ++written;
        }
        return done();
    }

    TreeShape shape;
    std::vector<std::vector<std::optional<Hash256>>> levels;
    std::size_t written = 0;
    mutable std::size_t reads = 0;
};

}  // namespace swarmfs::content
