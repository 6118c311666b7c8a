#include "engine/content/proof.hpp"

#include <algorithm>

#include "engine/core/assert.hpp"
#include "engine/crypto/hash.hpp"
#include "engine/crypto/hash_lanes.hpp"
#include "engine/crypto/merkle.hpp"

namespace swarmfs::content {

namespace {

// Real siblings on the way from node (level, index) up to, not including, `known_level`.
std::size_t count_siblings(const TreeShape& shape, unsigned level, std::uint64_t index,
                           unsigned known_level) {
    std::size_t count = 0;
    for (; level < known_level; ++level, index /= 2) {
        count += shape.is_real(level, index ^ 1) ? 1 : 0;
    }
    return count;
}

Result<> read_siblings(const NodeSource& source, const TreeShape& shape, unsigned level,
                       std::uint64_t index, unsigned known_level, std::vector<Hash256>& out) {
    for (; level < known_level; ++level, index /= 2) {
        if (shape.is_real(level, index ^ 1)) {
            Hash256 sibling;
            SWARM_CHECK(source.read_nodes(level, index ^ 1, {&sibling, 1}));
            out.push_back(sibling);
        }
    }
    return done();
}

// Climbs from `node` to `known_level` over `siblings`, of which there are exactly as many as are
// real. Appends what it meets below the known level to `met`, unless that is null.
Hash256 climb(const TreeShape& shape, TreeNode node, unsigned known_level,
              std::span<const Hash256> siblings, std::vector<TreeNode>* met) {
    while (node.level < known_level) {
        const std::uint64_t beside = node.index ^ 1;
        const bool real = shape.is_real(node.level, beside);
        const Hash256& sibling = real ? siblings.front() : crypto::zero_subtree(node.level);
        if (met != nullptr) {
            met->push_back(node);
            if (real) {
                met->push_back({node.level, beside, sibling});
            }
        }
        node.hash = node.index % 2 == 0 ? crypto::sha256_pair(node.hash, sibling)
                                        : crypto::sha256_pair(sibling, node.hash);
        node.index /= 2;
        ++node.level;
        siblings = siblings.subspan(real ? 1 : 0);
    }
    return node.hash;
}

Error no_such_proof() {
    return caller_error(Code::invalid, "the content has no such chunk, leaf or level");
}

Error wrong_length(std::size_t expected, std::size_t got) {
    return peer_error("a proof has " + std::to_string(got) + " hashes where the shape asks for " +
                          std::to_string(expected),
                      Code::corrupt);
}

Error wrong_hashes() {
    return peer_error("a proof does not lead to the known hash", Code::corrupt);
}

}  // namespace

std::optional<std::size_t> proof_length(std::uint64_t size, ChunkIndex chunk,
                                        unsigned known_level) {
    if (size > kContentBytesMax || chunk.value >= chunk_count(size)) {
        return std::nullopt;
    }
    const TreeShape shape(size);
    if (known_level < shape.chunk_level() || known_level > shape.depth()) {
        return std::nullopt;
    }
    if (shape.depth() == 0) {
        return 0;
    }
    return leaves_in_chunk(size, chunk) +
           count_siblings(shape, shape.chunk_level(), chunk.value, known_level);
}

Result<std::vector<Hash256>> make_chunk_proof(const NodeSource& source, std::uint64_t size,
                                              ChunkIndex chunk, unsigned known_level) {
    const auto length = proof_length(size, chunk, known_level);
    if (!length) {
        return no_such_proof();
    }
    if (*length == 0) {
        return std::vector<Hash256>{};
    }
    const TreeShape shape(size);
    std::vector<Hash256> hashes(leaves_in_chunk(size, chunk));
    SWARM_CHECK(source.read_nodes(0, first_leaf(chunk).value, hashes));
    hashes.reserve(*length);
    SWARM_CHECK(
        read_siblings(source, shape, shape.chunk_level(), chunk.value, known_level, hashes));
    SWARM_ASSERT(hashes.size() == *length);
    return hashes;
}

Result<ChunkHashes> verify_chunk_proof(std::uint64_t size, ChunkIndex chunk, const KnownNode& known,
                                       std::span<const Hash256> hashes) {
    const auto length = proof_length(size, chunk, known.level);
    if (!length) {
        return no_such_proof();
    }
    if (hashes.size() != *length) {
        return wrong_length(*length, hashes.size());
    }
    const TreeShape shape(size);
    ChunkHashes proven;
    proven.chunk = chunk;
    proven.bytes = chunk_bytes(size, chunk);
    proven.count = static_cast<unsigned>(leaves_in_chunk(size, chunk));
    if (shape.depth() == 0) {
        proven.leaf[0] = known.hash;
        return proven;
    }
    std::copy_n(hashes.begin(), proven.count, proven.leaf.begin());
    const TreeNode top{shape.chunk_level(), chunk.value,
                       crypto::subtree_root(proven.leaves(), shape.chunk_level())};
    if (climb(shape, top, known.level, hashes.subspan(proven.count), &proven.nodes) != known.hash) {
        return wrong_hashes();
    }
    return proven;
}

Hash256 parent_of(unsigned level, const Hash256& left, const std::optional<Hash256>& right) {
    return crypto::sha256_pair(left, right ? *right : crypto::zero_subtree(level));
}

Hash256 chunk_node(const TreeShape& shape, const ChunkHashes& chunk) {
    return crypto::subtree_root(chunk.leaves(), shape.chunk_level());
}

bool leaf_matches(const ChunkHashes& chunk, unsigned leaf, ByteSpan bytes) {
    return matching_leaves(chunk, leaf, {&bytes, 1}) != 0;
}

std::uint16_t matching_leaves(const ChunkHashes& chunk, unsigned first,
                              std::span<const ByteSpan> leaves) {
    const unsigned known = chunk.count - std::min(chunk.count, first);
    leaves = leaves.first(std::min<std::size_t>(leaves.size(), known));
    std::array<Hash256, kLeavesPerChunk> hashes;
    crypto::sha256_each(leaves, std::span(hashes).first(leaves.size()));
    unsigned matching = 0;
    for (unsigned i = 0; i < leaves.size(); ++i) {
        const unsigned leaf = first + i;
        if (leaves[i].size() == leaf_bytes(chunk.bytes, LeafIndex(leaf)) &&
            hashes[i] == chunk.leaf[leaf]) {
            matching |= 1U << leaf;
        }
    }
    return static_cast<std::uint16_t>(matching);
}

std::optional<std::size_t> leaf_proof_length(std::uint64_t size, LeafIndex leaf,
                                             unsigned known_level) {
    if (size > kContentBytesMax || leaf.value >= leaf_count(size)) {
        return std::nullopt;
    }
    const TreeShape shape(size);
    if (known_level > shape.depth()) {
        return std::nullopt;
    }
    return count_siblings(shape, 0, leaf.value, known_level);
}

Result<std::vector<Hash256>> make_leaf_proof(const NodeSource& source, std::uint64_t size,
                                             LeafIndex leaf, unsigned known_level) {
    if (!leaf_proof_length(size, leaf, known_level)) {
        return no_such_proof();
    }
    std::vector<Hash256> siblings;
    SWARM_CHECK(read_siblings(source, TreeShape(size), 0, leaf.value, known_level, siblings));
    return siblings;
}

Result<> verify_leaf_proof(std::uint64_t size, LeafIndex leaf, ByteSpan bytes,
                           const KnownNode& known, std::span<const Hash256> siblings) {
    const auto length = leaf_proof_length(size, leaf, known.level);
    if (!length) {
        return no_such_proof();
    }
    if (siblings.size() != *length) {
        return wrong_length(*length, siblings.size());
    }
    if (bytes.size() != leaf_bytes(size, leaf)) {
        return peer_error("a leaf has " + std::to_string(bytes.size()) + " bytes in place of " +
                          std::to_string(leaf_bytes(size, leaf)));
    }
    const TreeNode start{0, leaf.value, crypto::sha256(bytes)};
    if (climb(TreeShape(size), start, known.level, siblings, nullptr) != known.hash) {
        return wrong_hashes();
    }
    return done();
}

std::optional<std::vector<Hash256>> hashes_from(ByteSpan bytes) {
    if (bytes.size() % kHashBytes != 0) {
        return std::nullopt;
    }
    std::vector<Hash256> hashes(bytes.size() / kHashBytes);
    for (std::size_t i = 0; i < hashes.size(); ++i) {
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(i * kHashBytes), kHashBytes,
                    hashes[i].bytes.begin());
    }
    return hashes;
}

ByteSpan bytes_of(std::span<const Hash256> hashes) {
    static_assert(sizeof(Hash256) == kHashBytes && alignof(Hash256) == 1);
    return {reinterpret_cast<const std::uint8_t*>(hashes.data()), hashes.size_bytes()};
}

}  // namespace swarmfs::content
