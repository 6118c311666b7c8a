// What a content knows of its tree: nodes, proofs, and how little a peer needs to send.

#include "engine/store/store_shared.hpp"
#include "engine/store/stored_content.hpp"

namespace swarmfs::store {

Result<> StoredContent::Nodes::read_nodes(unsigned level, std::uint64_t first,
                                          std::span<Hash256> out) const {
    for (std::uint64_t index = first; index < first + out.size(); ++index) {
        if (!content_.knows_node(level, index)) {
            return disk_error(Code::unavailable,
                              "a part of the tree of " + file_stem(content_.id_) + " is not known");
        }
    }
    return content_.read_tree(level, first, out);
}

// A stored chunk brought the hashes of its leaves, its way to the root, and the siblings of that
// way: so a node is known when anything below its parent is stored.
bool StoredContent::knows_node(unsigned level, std::uint64_t index) const {
    if (level >= shape_.depth()) {
        return true;
    }
    const unsigned top = shape_.chunk_level();
    const std::lock_guard lock(mutex_);
    if (level < top) {
        return masks_.mask(ChunkIndex(index >> (top - level))) != 0;
    }
    const unsigned up = level - top + 1;
    const std::uint64_t first = (index >> 1) << up;
    return masks_.any(ChunkIndex(first), ChunkIndex(first + (std::uint64_t{1} << up)));
}

Result<content::ChunkHashes> StoredContent::leaf_hashes(ChunkIndex chunk) {
    content::ChunkHashes hashes;
    hashes.chunk = chunk;
    hashes.bytes = chunk_bytes(id_.size, chunk);
    hashes.count = static_cast<unsigned>(leaves_in_chunk(id_.size, chunk));
    {
        const std::lock_guard lock(mutex_);
        if (masks_.mask(chunk) == 0) {
            return not_here();
        }
    }
    SWARM_CHECK(read_tree(0, first_leaf(chunk).value, std::span(hashes.leaf).first(hashes.count)));
    return hashes;
}

Result<std::vector<Hash256>> StoredContent::chunk_proof(ChunkIndex chunk, unsigned known_level) {
    const auto length = content::proof_length(id_.size, chunk, known_level);
    if (!length) {
        return caller_error(Code::invalid, "the content has no such chunk or level");
    }
    if (leaf_mask(chunk) == 0) {
        return not_here();
    }
    // The proof to a lower level is the beginning of the proof to the root.
    auto whole = content::make_chunk_proof(nodes_, id_.size, chunk, shape_.depth());
    if (!whole) {
        return std::move(whole).error();
    }
    const content::KnownNode root{shape_.depth(), id_.root};
    if (!content::verify_chunk_proof(id_.size, chunk, root, *whole)) {
        return drop(chunk, 0xFFFF, "its tree file no longer leads to its root");
    }
    whole->resize(*length);
    return whole;
}

KnownTree StoredContent::known(ChunkIndex chunk) {
    KnownTree known;
    known.ancestor = {shape_.depth(), id_.root};
    const unsigned top = shape_.chunk_level();
    if (auto hashes = leaf_hashes(chunk); hashes) {
        known.proven = std::move(*hashes);
    }
    for (unsigned level = top; level < shape_.depth(); ++level) {
        const std::uint64_t index = chunk.value >> (level - top);
        if (!knows_node(level, index)) {
            continue;
        }
        Hash256 hash;
        if (read_tree(level, index, {&hash, 1}).ok()) {
            known.ancestor = {level, hash};
        }
        break;
    }
    return known;
}

}  // namespace swarmfs::store
