#include "engine/crypto/merkle.hpp"

#include <doctest/doctest.h>

#include "engine/core/dice.hpp"
#include "engine/crypto/hash.hpp"

namespace swarmfs::crypto {

namespace {

std::vector<Hash256> some_hashes(std::size_t count) {
    SeededDice dice(count + 1);
    std::vector<Hash256> hashes(count);
    for (Hash256& hash : hashes) {
        dice.fill(hash.bytes);
    }
    return hashes;
}

// The definition, word for word: pad, then hash in pairs from the top down.
Hash256 naive_root(std::vector<Hash256> leaves) {
    std::size_t width = 1;
    while (width < leaves.size()) {
        width *= 2;
    }
    leaves.resize(width);
    if (width == 1) {
        return leaves[0];
    }
    const auto middle = leaves.begin() + static_cast<std::ptrdiff_t>(width / 2);
    return sha256_pair(naive_root({leaves.begin(), middle}), naive_root({middle, leaves.end()}));
}

}  // namespace

TEST_CASE("one leaf is its own root, and no leaves have the zero hash") {
    const auto one = some_hashes(1);
    CHECK(merkle_root(one) == one[0]);
    CHECK(merkle_root({}) == Hash256{});
}

TEST_CASE("the root is that of the tree padded with zero hashes to a power of two") {
    for (std::size_t count = 1; count <= 70; ++count) {
        CAPTURE(count);
        CHECK(merkle_root(some_hashes(count)) == naive_root(some_hashes(count)));
    }
}

TEST_CASE("a subtree of padding hashes by its level alone") {
    for (unsigned level = 0; level < 8; ++level) {
        CHECK(zero_subtree(level) == naive_root(std::vector<Hash256>(std::size_t{1} << level)));
    }
    CHECK_FALSE(zero_subtree(1).is_zero());
}

TEST_CASE("every aligned subtree leads to the root by its path, and by no other index") {
    for (const std::size_t count : {1U, 2U, 3U, 4U, 5U, 8U, 9U, 21U, 32U, 33U}) {
        const auto leaves = some_hashes(count);
        const Hash256 root = merkle_root(leaves);
        const unsigned depth = merkle_depth(count);
        for (unsigned level = 0; level <= depth; ++level) {
            const std::uint64_t width = std::uint64_t{1} << (depth - level);
            for (std::uint64_t index = 0; index < width; ++index) {
                CAPTURE(count);
                CAPTURE(level);
                CAPTURE(index);
                const Hash256 node = merkle_node(leaves, level, index);
                const auto path = merkle_path(leaves, level, index);
                CHECK(path.size() == depth - level);
                CHECK(merkle_root_from_path(node, index, path) == root);
                if (width > 1 && node != path[0]) {
                    CHECK(merkle_root_from_path(node, index ^ 1, path) != root);
                }
            }
        }
    }
}

TEST_CASE("the depth is the number of halvings that lead to one node") {
    CHECK(merkle_depth(0) == 0);
    CHECK(merkle_depth(1) == 0);
    CHECK(merkle_depth(2) == 1);
    CHECK(merkle_depth(3) == 2);
    CHECK(merkle_depth(4) == 2);
    CHECK(merkle_depth(5) == 3);
    CHECK(merkle_depth((std::uint64_t{1} << 36) - 1) == 36);
    CHECK(merkle_depth((std::uint64_t{1} << 36) + 1) == 37);
}

}  // namespace swarmfs::crypto
