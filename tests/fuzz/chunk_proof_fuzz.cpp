// fuzz: uses content crypto
//
// input = size:u64 chunk:u64 known_level:u8 known_hash:32 hashes*     (numbers big-endian)
//
// 1. Whatever arrives: no crash, no overflow, nothing allocated beyond the proof, and a proof is
//    accepted only with exactly the length that its shape asks for.
// 2. The same numbers folded to a small content: our proof equals the naive definition's and
//    verifies; the input's hashes in its place do not, unless they are the proof.

#include "engine/content/partial_tree.hpp"
#include "engine/content/proof.hpp"
#include "engine/core/wire.hpp"
#include "tests/content/naive_tree.hpp"
#include "tests/fuzz/must.hpp"

using swarmfs::fuzz::must;

namespace {

using namespace swarmfs;
using namespace swarmfs::content;

struct Input {
    std::uint64_t size = 0;
    ChunkIndex chunk;
    KnownNode known;
    std::vector<Hash256> hashes;
};

void judge_anything(const Input& in) {
    const auto length = proof_length(in.size, in.chunk, in.known.level);
    const auto proven = verify_chunk_proof(in.size, in.chunk, in.known, in.hashes);
    must(!length || *length <= kProofHashesMax);
    must(!proven.ok() || in.hashes.size() == length);
    const LeafIndex leaf(in.chunk.value);
    const Bytes bytes(in.size <= kContentBytesMax ? leaf_bytes(in.size, leaf) : 0);
    must(!verify_leaf_proof(in.size, leaf, bytes, in.known, in.hashes).ok() ||
         in.hashes.size() == leaf_proof_length(in.size, leaf, in.known.level));
    if (check_content_id({in.known.hash, in.size}).ok() && in.chunk.value < chunk_count(in.size)) {
        PartialTree tree({in.known.hash, in.size});
        const KnownNode root = tree.lowest_known_ancestor(in.chunk);
        must(tree.absorb(in.chunk, root, in.hashes).ok() || tree.known_nodes() == 0);
    }
}

void compare_with_definition(const Input& in) {
    const std::uint64_t size = 1 + in.size % (300 * kLeafBytes);
    const HashTree tree(size, some_leaves(size, in.size));
    const auto leaves = tree.level(0);
    const NaiveTree naive(size, {leaves.begin(), leaves.end()});
    const TreeShape& shape = tree.shape();
    const ChunkIndex chunk(in.chunk.value % shape.chunks());
    const unsigned level =
        shape.chunk_level() + in.known.level % (shape.depth() - shape.chunk_level() + 1);
    const KnownNode known{level, tree.level(level)[chunk.value >> (level - shape.chunk_level())]};

    const auto proof = make_chunk_proof(tree, size, chunk, level);
    must(proof.ok() && *proof == naive.proof(chunk.value, level));
    const auto proven = verify_chunk_proof(size, chunk, known, *proof);
    must(proven.ok());
    for (const TreeNode& node : proven->nodes) {
        must(node.hash == naive.node(node.level, node.index));
    }
    must(verify_chunk_proof(size, chunk, known, in.hashes).ok() == (in.hashes == *proof));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    WireReader reader({data, length});
    Input in;
    in.size = reader.u64();
    in.chunk = ChunkIndex(reader.u64());
    in.known.level = reader.u8();
    in.known.hash = reader.fixed<Hash256>();
    if (reader.failed()) {
        return 0;
    }
    const ByteSpan rest = reader.rest();
    const auto hashes = hashes_from(rest.first(rest.size() - rest.size() % kHashBytes));
    must(hashes.has_value());
    in.hashes = *hashes;
    judge_anything(in);
    compare_with_definition(in);
    return 0;
}
