#include "engine/content/partial_tree.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "tests/content/naive_tree.hpp"

namespace swarmfs::content {

namespace {

// Fetches the proof of `chunk` as a receiver would. Returns: how many hashes that took.
std::size_t fetch(PartialTree& known, const HashTree& truth, std::uint64_t chunk) {
    const KnownNode ancestor = known.lowest_known_ancestor(ChunkIndex(chunk));
    const auto proof =
        make_chunk_proof(truth, truth.shape().size(), ChunkIndex(chunk), ancestor.level);
    REQUIRE(proof.ok());
    REQUIRE(known.absorb(ChunkIndex(chunk), ancestor, *proof).ok());
    return proof->size();
}

}  // namespace

TEST_CASE("a tree that knows its root alone asks against the root") {
    const std::uint64_t size = 100 * kLeafBytes;
    const HashTree truth(size, some_leaves(size));
    const PartialTree known(truth.id());
    CHECK(known.lowest_known_ancestor(ChunkIndex(3)) == KnownNode{7, truth.id().root});
    CHECK_FALSE(known.chunk_hash(ChunkIndex(3)).has_value());
}

TEST_CASE("a content of one chunk knows its chunk's hash from the start") {
    for (const std::uint64_t leaves : {1U, 3U, 8U, 16U}) {
        const std::uint64_t size = leaves * kLeafBytes;
        const HashTree truth(size, some_leaves(size));
        PartialTree known(truth.id());
        CHECK(known.chunk_hash(ChunkIndex(0)) == truth.id().root);
        CHECK(fetch(known, truth, 0) == (leaves == 1 ? 0 : leaves));
        CHECK(known.known_nodes() == 0);
    }
}

TEST_CASE("what a proof teaches shortens the next one") {
    const std::uint64_t size = 8 * kChunkBytes;  // depth 7: three uncles
    const HashTree truth(size, some_leaves(size));
    PartialTree known(truth.id());
    CHECK(fetch(known, truth, 0) == 16 + 3);
    CHECK(known.chunk_hash(ChunkIndex(0)) == truth.level(4)[0]);
    CHECK(known.chunk_hash(ChunkIndex(1)) == truth.level(4)[1]);
    CHECK(known.lowest_known_ancestor(ChunkIndex(3)) == KnownNode{5, truth.level(5)[1]});
    CHECK(fetch(known, truth, 1) == 16);
    CHECK(fetch(known, truth, 2) == 16 + 1);
    CHECK(fetch(known, truth, 3) == 16);
    CHECK(fetch(known, truth, 7) == 16 + 2);
}

TEST_CASE("chunks fetched in any order are all proven and end in the same knowledge") {
    SeededDice dice(5);
    for (const std::uint64_t leaves : {17U, 33U, 100U, 255U, 256U, 257U, 1000U}) {
        const std::uint64_t size = leaves * kLeafBytes - 1;
        const HashTree truth(size, some_leaves(size));
        PartialTree known(truth.id());
        std::vector<std::uint64_t> order(truth.shape().chunks());
        std::iota(order.begin(), order.end(), 0);
        for (std::size_t i = order.size(); i > 1; --i) {
            std::swap(order[i - 1], order[dice.below(i)]);
        }
        std::size_t uncles = 0;
        for (const std::uint64_t chunk : order) {
            uncles += fetch(known, truth, chunk) - leaves_in_chunk(size, ChunkIndex(chunk));
        }
        std::size_t above = 0;
        for (unsigned level = kChunkLevel; level < truth.shape().depth(); ++level) {
            above += truth.shape().nodes(level);
        }
        CHECK(known.known_nodes() == above);
        CHECK(uncles <= above);
        for (const std::uint64_t chunk : order) {
            CHECK(known.chunk_hash(ChunkIndex(chunk)) == truth.level(kChunkLevel)[chunk]);
        }
    }
}

TEST_CASE("a proof that does not verify teaches nothing") {
    const std::uint64_t size = 8 * kChunkBytes;
    const HashTree truth(size, some_leaves(size));
    PartialTree known(truth.id());
    const KnownNode root = known.lowest_known_ancestor(ChunkIndex(2));
    auto proof = *make_chunk_proof(truth, size, ChunkIndex(2), root.level);
    proof.back().bytes[0] ^= 1;
    CHECK_FALSE(known.absorb(ChunkIndex(2), root, proof).ok());
    CHECK(known.known_nodes() == 0);
}

TEST_CASE("a node whose hash is zero is still unknown until it is proven") {
    const std::uint64_t size = 4 * kChunkBytes;
    Hash256 root;
    root.bytes[0] = 1;
    PartialTree known({root, size});
    CHECK(known.lowest_known_ancestor(ChunkIndex(0)).level == 6);
    known.learn({4, 0, Hash256{}});
    CHECK(known.chunk_hash(ChunkIndex(0)) == Hash256{});
    CHECK_FALSE(known.chunk_hash(ChunkIndex(1)).has_value());
}

TEST_CASE("nodes that are not real, too low or too high are not learnt") {
    const std::uint64_t size = 33 * kLeafBytes;
    Hash256 root;
    root.bytes[0] = 1;
    PartialTree known({root, size});
    known.learn({3, 0, root});
    known.learn({6, 0, root});
    known.learn({4, 3, root});
    known.learn({63, 0, root});
    CHECK(known.known_nodes() == 0);
    known.learn({4, 2, root});
    known.learn({4, 2, root});
    CHECK(known.known_nodes() == 1);
}

TEST_CASE("a content of one pebibyte costs nothing until something is learnt, and little then") {
    Hash256 root;
    root.bytes[0] = 1;
    PartialTree known({root, kContentBytesMax});
    CHECK(known.known_nodes() == 0);
    const ChunkIndex last(chunk_count(kContentBytesMax) - 1);
    CHECK(known.lowest_known_ancestor(last) == KnownNode{36, root});
    known.learn({20, last.value >> 16, root});
    CHECK(known.lowest_known_ancestor(last).level == 20);
    CHECK(known.lowest_known_ancestor(ChunkIndex(0)).level == 36);
}

TEST_CASE("a full tree forgets all but the root and goes on") {
    Hash256 root;
    root.bytes[0] = 1;
    PartialTree known({root, kContentBytesMax});
    for (std::uint64_t i = 0; i < PartialTree::kNodesMax; ++i) {
        known.learn({4, i, root});
    }
    CHECK(known.known_nodes() == PartialTree::kNodesMax);
    known.learn({4, 7'000'000, root});
    CHECK(known.known_nodes() == 1);
    CHECK(known.lowest_known_ancestor(ChunkIndex(0)).level == 36);
    CHECK(known.chunk_hash(ChunkIndex(7'000'000)).has_value());
}

}  // namespace swarmfs::content
