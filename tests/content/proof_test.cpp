#include "engine/content/proof.hpp"

#include <doctest/doctest.h>

#include "engine/crypto/merkle.hpp"
#include "tests/content/naive_tree.hpp"

namespace swarmfs::content {

namespace {

// In leaves: around every power of two up to eight chunks, and ragged ones beyond.
const std::uint64_t kLeafCounts[] = {1,  2,  3,  5,  8,  9,  15, 16,  17,  31,  32, 33,
                                     48, 49, 63, 64, 65, 80, 81, 127, 128, 129, 200};

KnownNode known_at(const HashTree& tree, std::uint64_t chunk, unsigned level) {
    const unsigned chunk_level = tree.shape().chunk_level();
    return {level, tree.level(level)[chunk >> (level - chunk_level)]};
}

// Calls `check(tree, chunk, known)` for every chunk and known level of contents of every shape.
template <class Check>
void for_every_proof(Check check) {
    for (const std::uint64_t leaves : kLeafCounts) {
        const std::uint64_t size = leaves * kLeafBytes - 5;
        const HashTree tree(size, some_leaves(size, leaves));
        const TreeShape& shape = tree.shape();
        for (std::uint64_t chunk = 0; chunk < shape.chunks(); ++chunk) {
            for (unsigned level = shape.chunk_level(); level <= shape.depth(); ++level) {
                CAPTURE(leaves);
                CAPTURE(chunk);
                CAPTURE(level);
                check(tree, ChunkIndex(chunk), known_at(tree, chunk, level));
            }
        }
    }
}

}  // namespace

TEST_CASE("the proof of every chunk against every level verifies and equals the definition's") {
    for_every_proof([](const HashTree& tree, ChunkIndex chunk, const KnownNode& known) {
        const std::uint64_t size = tree.shape().size();
        const auto leaves = tree.level(0);
        const NaiveTree naive(size, {leaves.begin(), leaves.end()});
        const auto proof = make_chunk_proof(tree, size, chunk, known.level);
        REQUIRE(proof.ok());
        CHECK(*proof == naive.proof(chunk.value, known.level));
        CHECK(proof_length(size, chunk, known.level) == proof->size());
        CHECK(proof->size() <= kProofHashesMax);

        const auto proven = verify_chunk_proof(size, chunk, known, *proof);
        REQUIRE(proven.ok());
        CHECK(proven->chunk == chunk);
        CHECK(proven->bytes == chunk_bytes(size, chunk));
        REQUIRE(proven->count == leaves_in_chunk(size, chunk));
        for (unsigned i = 0; i < proven->count; ++i) {
            CHECK(proven->leaf[i] == leaves[chunk.value * kLeavesPerChunk + i]);
        }
        for (const TreeNode& node : proven->nodes) {
            CHECK(node.level < known.level);
            REQUIRE(tree.shape().is_real(node.level, node.index));
            CHECK(node.hash == tree.level(node.level)[node.index]);
        }
    });
}

TEST_CASE("a proof for one chunk does not verify another") {
    for_every_proof([](const HashTree& tree, ChunkIndex chunk, const KnownNode& known) {
        const std::uint64_t size = tree.shape().size();
        if (known.level != tree.shape().depth()) {
            return;
        }
        const auto proof = *make_chunk_proof(tree, size, chunk, known.level);
        for (std::uint64_t other = 0; other < tree.shape().chunks(); ++other) {
            if (other != chunk.value) {
                CHECK_FALSE(verify_chunk_proof(size, ChunkIndex(other), known, proof).ok());
            }
        }
    });
}

TEST_CASE("a proof with any hash changed is the peer's lie") {
    for_every_proof([](const HashTree& tree, ChunkIndex chunk, const KnownNode& known) {
        const std::uint64_t size = tree.shape().size();
        auto proof = *make_chunk_proof(tree, size, chunk, known.level);
        for (Hash256& hash : proof) {
            hash.bytes[31] ^= 1;
            const auto verdict = verify_chunk_proof(size, chunk, known, proof);
            REQUIRE_FALSE(verdict.ok());
            CHECK(verdict.error().whose == Whose::peer);
            CHECK(verdict.error().code == Code::corrupt);
            hash.bytes[31] ^= 1;
        }
    });
}

TEST_CASE("a proof of any other length is refused") {
    for_every_proof([](const HashTree& tree, ChunkIndex chunk, const KnownNode& known) {
        const std::uint64_t size = tree.shape().size();
        const auto proof = *make_chunk_proof(tree, size, chunk, known.level);
        for (std::size_t length = 0; length <= proof.size() + 2; ++length) {
            auto wrong = proof;
            wrong.resize(length);  // cut, or with zero hashes behind
            const auto verdict = verify_chunk_proof(size, chunk, known, wrong);
            REQUIRE(verdict.ok() == (length == proof.size()));
            if (!verdict.ok()) {
                CHECK(verdict.error().whose == Whose::peer);
                CHECK(verdict.error().code == Code::corrupt);
            }
        }
    });
}

TEST_CASE("chunks and levels that do not exist have no proof") {
    const std::uint64_t size = 33 * kLeafBytes;  // three chunks, depth 6
    const HashTree tree(size, some_leaves(size));
    CHECK(proof_length(size, ChunkIndex(2), 6).has_value());
    CHECK_FALSE(proof_length(size, ChunkIndex(3), 6).has_value());
    CHECK_FALSE(proof_length(size, ChunkIndex(2), 7).has_value());
    CHECK_FALSE(proof_length(size, ChunkIndex(2), 3).has_value());
    CHECK_FALSE(proof_length(size, ChunkIndex(~std::uint64_t{0}), 6).has_value());
    CHECK_FALSE(proof_length(0, ChunkIndex(0), 0).has_value());
    CHECK_FALSE(proof_length(kContentBytesMax + 1, ChunkIndex(0), 36).has_value());
    CHECK(make_chunk_proof(tree, size, ChunkIndex(3), 6).error().whose == Whose::caller);
    CHECK_FALSE(verify_chunk_proof(size, ChunkIndex(3), {6, tree.id().root}, {}).ok());
    // In a tree lower than a chunk the root's level is the only one to ask against.
    CHECK_FALSE(proof_length(3 * kLeafBytes, ChunkIndex(0), 1).has_value());
    CHECK(proof_length(3 * kLeafBytes, ChunkIndex(0), 2) == 3);
    CHECK_FALSE(proof_length(3 * kLeafBytes, ChunkIndex(0), 4).has_value());
}

TEST_CASE("the largest content's last chunk is proven by 16 leaves and 32 uncles") {
    const ChunkIndex last(chunk_count(kContentBytesMax) - 1);
    CHECK(proof_length(kContentBytesMax, last, 36) == kProofHashesMax);
    // One leaf more than half: the last chunk has one leaf, and one uncle, the full half.
    const std::uint64_t size = kContentBytesMax / 2 + 1;
    CHECK(proof_length(size, ChunkIndex(chunk_count(size) - 1), 36) == 2);
}

TEST_CASE("an inner node does not pass for a leaf") {
    // The two parents of a tree of four leaves, offered as the leaves of a content half as long.
    const std::uint64_t size = 4 * kLeafBytes;
    const HashTree tree(size, some_leaves(size));
    const KnownNode root{2, tree.id().root};
    CHECK_FALSE(verify_chunk_proof(size, ChunkIndex(0), root, tree.level(1)).ok());
    // Under the true size no leaf has 64 bytes, so the two hashes below a node are no leaf either.
    Bytes inner = to_bytes(bytes_of(tree.level(0).first(2)));
    const std::vector<Hash256> uncle = {tree.level(1)[1]};
    CHECK_FALSE(verify_leaf_proof(size, LeafIndex(0), inner, root, uncle).ok());
    inner.resize(kLeafBytes);
    CHECK_FALSE(verify_leaf_proof(size, LeafIndex(0), inner, root, uncle).ok());
}

TEST_CASE("contents that differ only in zero padding share a root but no proof") {
    // 17 leaves, and the same with a last leaf whose hash would be zero: equal roots, two sizes.
    auto leaves = some_leaves(17 * kLeafBytes);
    const HashTree shorter(17 * kLeafBytes, leaves);
    leaves.push_back(Hash256{});
    const HashTree longer(18 * kLeafBytes, leaves);
    CHECK(shorter.id().root == longer.id().root);
    const auto proof = *make_chunk_proof(longer, 18 * kLeafBytes, ChunkIndex(1), 5);
    const KnownNode root{5, shorter.id().root};
    CHECK_FALSE(verify_chunk_proof(17 * kLeafBytes, ChunkIndex(1), root, proof).ok());
    // The twin's zero leaf is a lie no bytes can keep.
    const auto twin = *verify_chunk_proof(18 * kLeafBytes, ChunkIndex(1), root, proof);
    CHECK_FALSE(leaf_matches(twin, 1, Bytes(kLeafBytes)));
    CHECK_FALSE(leaf_matches(twin, 1, {}));
}

TEST_CASE("an all-zero proof proves nothing, whatever the known hash") {
    const std::uint64_t size = 40 * kLeafBytes;
    const HashTree tree(size, some_leaves(size));
    const std::vector<Hash256> zeros(*proof_length(size, ChunkIndex(1), 6));
    CHECK_FALSE(verify_chunk_proof(size, ChunkIndex(1), {6, tree.id().root}, zeros).ok());
    CHECK_FALSE(verify_chunk_proof(size, ChunkIndex(1), {6, Hash256{}}, zeros).ok());
}

TEST_CASE("the only leaf of a small content is its root, and its proof is empty") {
    const Bytes bytes = some_bytes(1000);
    const KnownNode root{0, crypto::sha256(bytes)};
    const auto proven = verify_chunk_proof(1000, ChunkIndex(0), root, {});
    REQUIRE(proven.ok());
    CHECK(leaf_matches(*proven, 0, bytes));
    const std::vector<Hash256> one(1);
    CHECK_FALSE(verify_chunk_proof(1000, ChunkIndex(0), root, one).ok());
}

TEST_CASE("a leaf matches by exact length and hash, in its own place only") {
    const std::uint64_t size =
        kChunkBytes + kLeafBytes + 100;  // the second chunk: a leaf and a bit
    const Bytes bytes = some_bytes(size);
    std::vector<Hash256> leaves;
    for (std::uint64_t i = 0; i < leaf_count(size); ++i) {
        leaves.push_back(crypto::sha256(
            ByteSpan(bytes).subspan(i * kLeafBytes, leaf_bytes(size, LeafIndex(i)))));
    }
    const HashTree tree(size, leaves);
    const auto chunk = *verify_chunk_proof(size, ChunkIndex(1), known_at(tree, 1, 5),
                                           *make_chunk_proof(tree, size, ChunkIndex(1), 5));
    const ByteSpan tail = ByteSpan(bytes).subspan(kChunkBytes);
    CHECK(leaf_matches(chunk, 0, tail.first(kLeafBytes)));
    CHECK(leaf_matches(chunk, 1, tail.subspan(kLeafBytes)));
    CHECK_FALSE(leaf_matches(chunk, 1, tail.first(kLeafBytes)));
    CHECK_FALSE(leaf_matches(chunk, 0, tail.first(kLeafBytes - 1)));
    CHECK_FALSE(leaf_matches(chunk, 1, tail.subspan(kLeafBytes, 99)));
    CHECK_FALSE(leaf_matches(chunk, 2, tail.first(0)));
    CHECK_FALSE(leaf_matches(chunk, 99, tail.first(0)));
}

TEST_CASE("every leaf is proven by its path to every level, and by no other leaf's") {
    for (const std::uint64_t count : kLeafCounts) {
        const std::uint64_t size = count * kLeafBytes - 7;
        const Bytes bytes = some_bytes(size, count);
        std::vector<Hash256> hashes(count);
        for (std::uint64_t i = 0; i < count; ++i) {
            hashes[i] = crypto::sha256(
                ByteSpan(bytes).subspan(i * kLeafBytes, leaf_bytes(size, LeafIndex(i))));
        }
        const HashTree tree(size, hashes);
        for (std::uint64_t i = 0; i < count; i += 1 + count / 20) {
            const LeafIndex leaf(i);
            const ByteSpan data = ByteSpan(bytes).subspan(i * kLeafBytes, leaf_bytes(size, leaf));
            for (unsigned level = 0; level <= tree.shape().depth(); ++level) {
                CAPTURE(count);
                CAPTURE(i);
                CAPTURE(level);
                const KnownNode known{level, tree.level(level)[i >> level]};
                auto path = *make_leaf_proof(tree, size, leaf, level);
                CHECK(leaf_proof_length(size, leaf, level) == path.size());
                CHECK(verify_leaf_proof(size, leaf, data, known, path).ok());
                if (level > 0 && level == tree.shape().depth()) {
                    CHECK_FALSE(verify_leaf_proof(size, LeafIndex(i ^ 1), data, known, path).ok());
                }
                CHECK_FALSE(
                    verify_leaf_proof(size, leaf, data.first(data.size() - 1), known, path).ok());
                path.push_back(Hash256{});
                CHECK_FALSE(verify_leaf_proof(size, leaf, data, known, path).ok());
            }
        }
        CHECK_FALSE(leaf_proof_length(size, LeafIndex(count), 0).has_value());
        CHECK_FALSE(leaf_proof_length(size, LeafIndex(0), tree.shape().depth() + 1).has_value());
    }
}

TEST_CASE("hashes travel as whole numbers of 32 bytes") {
    const auto hashes = some_leaves(5 * kLeafBytes);
    CHECK(hashes_from(bytes_of(hashes)) == hashes);
    CHECK(hashes_from({})->empty());
    CHECK_FALSE(hashes_from(bytes_of(hashes).first(33)).has_value());
}

}  // namespace swarmfs::content
