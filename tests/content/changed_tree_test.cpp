#include "engine/content/changed_tree.hpp"

#include <doctest/doctest.h>

#include "tests/content/naive_tree.hpp"

namespace swarmfs::content {

namespace {

Hash256 some_hash(Dice& dice) {
    Hash256 hash;
    dice.fill(hash.bytes);
    return hash;
}

MemoryTree stored(const HashTree& tree) {
    MemoryTree copy(tree.shape().size());
    REQUIRE(tree.write_to(copy).ok());
    copy.written = 0;
    return copy;
}

// Puts rows of the old tree under what is written, as the store does with a cloned tree file.
MemoryTree cloned(const HashTree& old, std::uint64_t new_size) {
    MemoryTree copy(new_size);
    for (unsigned level = 0; level < copy.levels.size() && level <= old.shape().depth(); ++level) {
        const auto row = old.level(level);
        for (std::size_t i = 0; i < std::min(row.size(), copy.levels[level].size()); ++i) {
            copy.levels[level][i] = row[i];
        }
    }
    return copy;
}

std::uint64_t some_size(Dice& dice) {
    const std::uint64_t leaves = dice.below(dice.below(4) == 0 ? 400 : 40);
    return leaves * kLeafBytes + (dice.below(2) == 0 ? 0 : dice.below(kLeafBytes));
}

}  // namespace

TEST_CASE("a new version's tree equals one built from nothing, for any change and any sizes") {
    const Hash256 hole = crypto::sha256(Bytes(kLeafBytes));
    for (std::uint64_t seed = 0; seed < 600; ++seed) {
        CAPTURE(seed);
        SeededDice dice(seed);
        const std::uint64_t old_size = some_size(dice);
        const std::uint64_t new_size = dice.below(4) == 0 ? old_size : some_size(dice);
        const HashTree old(old_size, some_leaves(old_size, seed));

        ChangedLeaves changed;
        std::vector<Hash256> leaves(leaf_count(new_size), hole);
        for (std::uint64_t i = 0; i < leaves.size(); ++i) {
            const LeafIndex leaf(i);
            const bool was = i < old.shape().leaves();
            const bool must =
                leaf_bytes(new_size, leaf) != (was ? leaf_bytes(old_size, leaf) : kLeafBytes);
            leaves[i] = was ? old.level(0)[i] : hole;
            if (must || dice.below(1 + seed % 20) == 0) {
                leaves[i] = some_hash(dice);
                changed.emplace(leaf, leaves[i]);
            }
        }
        const HashTree expected(new_size, leaves);
        MemoryTree sink = cloned(old, new_size);
        const auto id = change_tree(stored(old), old_size, new_size, changed, sink);
        REQUIRE(id.ok());
        CHECK(*id == expected.id());
        if (new_size > 0) {
            for (unsigned level = 0; level <= expected.shape().depth(); ++level) {
                for (std::uint64_t i = 0; i < expected.level(level).size(); ++i) {
                    REQUIRE(sink.levels[level][i] == expected.level(level)[i]);
                }
            }
        }
    }
}

TEST_CASE("a change costs its leaves and the depth, not the size") {
    const std::uint64_t size = 10'000 * kLeafBytes;  // depth 14
    const HashTree old(size, some_leaves(size));
    const MemoryTree source = stored(old);
    MemoryTree sink = cloned(old, size);
    const auto id = change_tree(source, size, size, {{LeafIndex(5'000), Hash256{}}}, sink);
    REQUIRE(id.ok());
    CHECK(sink.written == 15);
    CHECK(source.reads == 14);
}

TEST_CASE("nothing changed leaves the name, and computes nothing") {
    const std::uint64_t size = 100 * kLeafBytes + 1;
    const HashTree old(size, some_leaves(size));
    MemoryTree sink(size);
    CHECK(*change_tree(old, size, size, {}, sink) == old.id());
    CHECK(sink.written == 0);
}

TEST_CASE("only the uncles of what changed need to be known") {
    const std::uint64_t size = 100 * kLeafBytes;
    const HashTree old(size, some_leaves(size));
    MemoryTree source(size);
    MemoryTree sink(size);
    const ChangedLeaves changed = {{LeafIndex(20), Hash256{}}};
    CHECK(change_tree(source, size, size, changed, sink).error().code == Code::unavailable);
    for (unsigned level = 0; level < 7; ++level) {
        const std::uint64_t uncle = (20U >> level) ^ 1;
        source.levels[level][uncle] = old.level(level)[uncle];
    }
    CHECK(change_tree(source, size, size, changed, sink).ok());
}

TEST_CASE("a leaf whose length changed must be given") {
    const std::uint64_t size = 2 * kLeafBytes + 10;
    const HashTree old(size, some_leaves(size));
    MemoryTree sink(10 * kLeafBytes);
    const auto grown = change_tree(old, size, 3 * kLeafBytes, {}, sink);
    CHECK(grown.error().code == Code::invalid);
    CHECK_FALSE(change_tree(old, size, 2 * kLeafBytes + 9, {}, sink).ok());
    CHECK_FALSE(change_tree(old, size, kLeafBytes + 9, {}, sink).ok());
    CHECK_FALSE(change_tree(old, size, 5 * kLeafBytes + 9, {{LeafIndex(2), Hash256{}}}, sink).ok());
    CHECK_FALSE(change_tree(old, size, kLeafBytes, {{LeafIndex(1), Hash256{}}}, sink).ok());
    CHECK(change_tree(old, size, 2 * kLeafBytes, {}, sink).ok());
    CHECK(*change_tree(old, size, 0, {}, sink) == kEmptyContent);
}

}  // namespace swarmfs::content
