#include "engine/content/tree_builder.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/content/naive_tree.hpp"

namespace swarmfs::content {

namespace {

std::vector<Hash256> naive_leaves(ByteSpan bytes) {
    std::vector<Hash256> leaves;
    for (std::size_t at = 0; at < bytes.size(); at += kLeafBytes) {
        leaves.push_back(crypto::sha256(
            bytes.subspan(at, std::min<std::size_t>(kLeafBytes, bytes.size() - at))));
    }
    return leaves;
}

const std::uint64_t kSizes[] = {1,      16383,  16384,  16385,  32768,       49153,
                                262143, 262144, 262145, 524289, 1024 * 1024, 1300007};

}  // namespace

TEST_CASE("a file of at most one leaf is named by the SHA-256 of its bytes") {
    for (const std::uint64_t size : {1U, 16383U, 16384U}) {
        TreeBuilder builder;
        builder.append(some_bytes(size));
        CHECK(builder.finish().id() == ContentId{crypto::sha256(some_bytes(size)), size});
    }
}

TEST_CASE("the empty file has no tree") {
    TreeBuilder builder;
    builder.append({});
    CHECK(builder.finish().id() == kEmptyContent);
    CHECK(HashTree().id() == kEmptyContent);
}

TEST_CASE("the tree does not depend on the pieces in which bytes arrive") {
    SeededDice dice(7);
    for (const std::uint64_t size : kSizes) {
        CAPTURE(size);
        const Bytes bytes = some_bytes(size);
        const NaiveTree naive(size, naive_leaves(bytes));
        for (const std::uint64_t piece_max : {40'000U, 5'000'000U, 16'384U}) {
            TreeBuilder builder;
            for (ByteSpan rest = bytes; !rest.empty();) {
                const auto length = std::min<std::uint64_t>(rest.size(), 1 + dice.below(piece_max));
                builder.append(rest.first(length));
                rest = rest.subspan(length);
            }
            CHECK(builder.size() == size);
            const HashTree tree = builder.finish();
            CHECK(tree.id() == ContentId{naive.node(naive.depth, 0), size});
            for (unsigned level = 0; level <= naive.depth; ++level) {
                for (std::uint64_t i = 0; i < tree.level(level).size(); ++i) {
                    REQUIRE(tree.level(level)[i] == naive.node(level, i));
                }
            }
            CHECK(builder.size() == 0);
        }
    }
}

TEST_CASE("hashes may stand in for bytes, and take the place of others") {
    const Bytes bytes = some_bytes(5 * kLeafBytes + 100);
    const auto leaves = naive_leaves(bytes);
    TreeBuilder builder;
    builder.append(ByteSpan(bytes).first(kLeafBytes));
    builder.append_leaf(leaves[1]);
    builder.append_leaf(Hash256{});
    builder.append(ByteSpan(bytes).subspan(3 * kLeafBytes));
    builder.replace_leaf(LeafIndex(2), leaves[2]);
    CHECK(builder.finish().id() == HashTree(bytes.size(), leaves).id());
}

TEST_CASE("leaves that are taken as they come make the same tree when they are folded") {
    for (const std::uint64_t size : kSizes) {
        CAPTURE(size);
        const Bytes bytes = some_bytes(size);
        TreeBuilder builder;
        std::vector<Hash256> spilled;
        const auto spill = [&] {
            CHECK(builder.taken_leaves() == spilled.size());
            const auto taken = builder.take_leaves();
            spilled.insert(spilled.end(), taken.begin(), taken.end());
        };
        for (ByteSpan rest = bytes; !rest.empty();) {
            const ByteSpan piece = rest.first(std::min<std::size_t>(rest.size(), 50'000));
            builder.append(piece);
            rest = rest.subspan(piece.size());
            spill();
        }
        builder.close();
        spill();

        MemoryTree sink(size);
        TreeFold fold(size, sink);
        for (const Hash256& leaf : spilled) {
            REQUIRE(fold.add(leaf).ok());
        }
        const HashTree whole(size, naive_leaves(bytes));
        CHECK(*fold.finish() == whole.id());
        for (unsigned level = 0; level <= whole.shape().depth(); ++level) {
            for (std::uint64_t i = 0; i < whole.level(level).size(); ++i) {
                REQUIRE(sink.levels[level][i] == whole.level(level)[i]);
            }
        }
        CHECK(sink.written == whole.shape().tree_file_bytes() / 32);
    }
}

TEST_CASE("folding and keeping agree around the length of a run") {
    for (const std::uint64_t leaves : {127U, 128U, 129U, 255U, 256U, 257U, 16384U, 16385U}) {
        CAPTURE(leaves);
        const std::uint64_t size = leaves * kLeafBytes;
        MemoryTree sink(size);
        TreeFold fold(size, sink);
        for (const Hash256& leaf : some_leaves(size)) {
            REQUIRE(fold.add(leaf).ok());
        }
        CHECK(*fold.finish() == HashTree(size, some_leaves(size)).id());
        CHECK(sink.written == sink.shape.tree_file_bytes() / 32);
    }
}

TEST_CASE("a tree writes and reads back every level") {
    const std::uint64_t size = 1'300'007;
    const HashTree tree(size, some_leaves(size));
    MemoryTree copy(size);
    REQUIRE(tree.write_to(copy).ok());
    std::vector<Hash256> row(tree.shape().nodes(2));
    REQUIRE(tree.read_nodes(2, 0, row).ok());
    CHECK(std::equal(row.begin(), row.end(), tree.level(2).begin()));
    CHECK(copy.written == tree.shape().tree_file_bytes() / 32);
}

}  // namespace swarmfs::content
