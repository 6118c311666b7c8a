// What a content knows of its tree: nodes, proofs, and how little a peer needs to send.

#include <algorithm>
#include <array>

#include "engine/content/hash_tree.hpp"
#include "engine/content/tree_builder.hpp"
#include "engine/store/content_repair.hpp"
#include "engine/store/hashing.hpp"
#include "engine/store/store_shared.hpp"
#include "engine/store/stored_content.hpp"

namespace swarmfs::store {

Result<> StoredContent::read_known_nodes(unsigned level, std::uint64_t first,
                                         std::span<Hash256> out) {
    for (std::uint64_t index = first; index < first + out.size(); ++index) {
        if (!knows_node(level, index)) {
            return disk_error(Code::unavailable,
                              "a part of the tree of " + file_stem(id_) + " is not known");
        }
    }
    return read_tree(level, first, out);
}

Result<> StoredContent::read_proven_nodes(unsigned level, std::uint64_t first,
                                          std::span<Hash256> out) {
    const unsigned top = shape_.chunk_level();
    for (std::size_t i = 0; i < out.size(); ++i) {
        auto node = trusted_node(level, first + i);
        const std::uint64_t chunk =
            level < top ? (first + i) >> (top - level) : (first + i) << (level - top);
        if (!node && mend_tree(ChunkIndex(chunk))) {
            node = trusted_node(level, first + i);
        }
        if (!node) {
            return std::move(node).error();
        }
        out[i] = *node;
    }
    return done();
}

// ---- the tree file ----

Result<> StoredContent::read_tree(unsigned level, std::uint64_t first, std::span<Hash256> out) {
    if (level == shape_.depth()) {
        out.front() = id_.root;
        return done();
    }
    SWARM_TRY(const auto file, tree_file(Open::read));
    static_assert(sizeof(Hash256) == content::kHashBytes);
    const MutableByteSpan bytes(reinterpret_cast<std::uint8_t*>(out.data()), out.size_bytes());
    SWARM_TRY(const std::size_t got, file->read_at(shape_.node_offset(level, first), bytes));
    if (got < bytes.size()) {
        return disk_error(Code::corrupt, shared_.tree_path(id_).string() + " is too short");
    }
    if (const auto below = base()) {
        below->read_tree_under(level, first, out);
    }
    return done();
}

// For a content that lies over this one: nodes it has not written are this one's, where it has them.
// Nothing is believed because it stands here: see trusted_node().
void StoredContent::read_tree_under(unsigned level, std::uint64_t first, std::span<Hash256> out) {
    constexpr Hash256 kUnwritten{};
    for (std::size_t i = 0; i < out.size();) {
        std::size_t end = i;
        while (end < out.size() && out[end] == kUnwritten && shape_.is_real(level, first + end)) {
            ++end;
        }
        if (end > i && !read_tree(level, first + i, out.subspan(i, end - i))) {
            std::fill(out.begin() + static_cast<std::ptrdiff_t>(i),
                      out.begin() + static_cast<std::ptrdiff_t>(end), kUnwritten);
        }
        i = std::max(end, i + 1);
    }
}

// The chunk's leaves, the nodes between them and the chunk's own, and what its proof showed above.
Result<> StoredContent::write_tree(const content::ChunkHashes& proven, Anew anew) {
    if (shape_.leaves() == 1) {
        return done();
    }
    SWARM_TRY(const auto file, tree_file(Open::create));
    const auto write = [&](unsigned level, std::uint64_t first, std::span<const Hash256> nodes) {
        return file->write_at(shape_.node_offset(level, first), content::bytes_of(nodes));
    };
    const std::uint64_t leaf = first_leaf(proven.chunk).value;
    SWARM_CHECK(write(0, leaf, proven.leaves()));
    // Padded with zeros, the chunk is a tree of its own whose inner nodes are the content's.
    const unsigned top = shape_.chunk_level();
    std::vector<Hash256> padded(std::size_t{1} << top);
    std::copy(proven.leaves().begin(), proven.leaves().end(), padded.begin());
    const content::HashTree tree(kLeafBytes << top, std::move(padded));
    for (unsigned level = 1; level < top; ++level) {
        const std::uint64_t first = leaf >> level;
        const std::uint64_t end = std::min(shape_.nodes(level), (leaf + (1U << top)) >> level);
        SWARM_CHECK(write(level, first, tree.level(level).first(end - first)));
    }
    // Above, a node and its sibling, which stand side by side, are written together.
    std::vector<content::TreeNode> above;
    std::uint64_t generation = 0;
    {
        const std::lock_guard lock(mutex_);
        generation = generation_;
        const bool all = anew == Anew::all || doubtful_.contains(proven.chunk.value);
        for (const content::TreeNode& node : proven.nodes) {
            const bool stands = !all && standing_.find(node.level, node.index) == node.hash;
            if (node.level >= top && shape_.is_real(node.level, node.index) && !stands) {
                above.push_back(node);
            }
        }
    }
    std::sort(above.begin(), above.end());
    for (std::size_t i = 0; i < above.size();) {
        const Hash256 pair[] = {above[i].hash, above[i + 1 < above.size() ? i + 1 : i].hash};
        const bool both = i + 1 < above.size() && above[i + 1].level == above[i].level &&
                          above[i + 1].index == above[i].index + 1;
        SWARM_CHECK(write(above[i].level, above[i].index, std::span(pair).first(both ? 2 : 1)));
        i += both ? 2 : 1;
    }
    const std::lock_guard lock(mutex_);
    doubtful_.erase(proven.chunk.value);
    recent_.reset();
    trust(above, generation);
    return done();
}

// ---- what may be relied on ----

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

// The node, when it and what the tree file has beside its way lead to one that is trusted already:
// the root at the end. Requires: knows_node(level, index).
Result<Hash256> StoredContent::trusted_node(unsigned level, std::uint64_t index) {
    std::vector<content::TreeNode> met;
    std::uint64_t generation = 0;
    {
        const std::lock_guard lock(mutex_);
        generation = generation_;
    }
    content::TreeNode at{level, index, {}};
    for (;; at.index /= 2, ++at.level) {
        std::optional<Hash256> trusted = id_.root;
        if (at.level < shape_.depth()) {
            const std::lock_guard lock(mutex_);
            trusted = trusted_.find(at.level, at.index);
        }
        if (trusted && at.level == level) {
            return *trusted;
        }
        if (trusted && *trusted != at.hash) {
            return disk_error(Code::corrupt,
                              "the tree of " + file_stem(id_) + " no longer leads to its root");
        }
        if (trusted) {
            break;
        }
        const std::uint64_t left = at.index & ~std::uint64_t{1};
        const bool both = shape_.is_real(at.level, left + 1);
        if (!knows_node(at.level, at.index)) {
            return disk_error(Code::unavailable,
                              "a part of the tree of " + file_stem(id_) + " is not known");
        }
        std::array<Hash256, 2> pair{};
        SWARM_CHECK(read_tree(at.level, left, std::span(pair).first(both ? 2 : 1)));
        if (at.level > level && pair[at.index - left] != at.hash) {
            return disk_error(Code::corrupt,
                              "the tree of " + file_stem(id_) + " no longer leads to its root");
        }
        met.push_back({at.level, left, pair[0]});
        if (both) {
            met.push_back({at.level, left + 1, pair[1]});
        }
        at.hash =
            content::parent_of(at.level, pair[0], both ? std::optional(pair[1]) : std::nullopt);
    }
    const std::lock_guard lock(mutex_);
    // The pair it belongs to is the first that was met.
    const Hash256 found = met[std::min<std::size_t>(index & 1, met.size() - 1)].hash;
    std::reverse(met.begin(), met.end());
    trust(met, generation);
    return found;
}

// Nodes that lead to the root, and stood in the tree file of `generation`. Requires: mutex_ is held.
void StoredContent::trust(const std::vector<content::TreeNode>& nodes, std::uint64_t generation) {
    for (const content::TreeNode& node : nodes) {
        trusted_.add(node);
        if (generation == generation_) {
            standing_.add(node);
        }
    }
}

Result<content::ChunkHashes> StoredContent::leaf_hashes(ChunkIndex chunk) {
    content::ChunkHashes hashes;
    std::uint64_t generation = 0;
    {
        const std::lock_guard lock(mutex_);
        if (masks_.mask(chunk) == 0) {
            return not_here();
        }
        if (recent_ && recent_->chunk == chunk) {
            return *recent_;
        }
        generation = generation_;
    }
    hashes.chunk = chunk;
    hashes.bytes = chunk_bytes(id_.size, chunk);
    hashes.count = static_cast<unsigned>(leaves_in_chunk(id_.size, chunk));
    SWARM_CHECK(read_tree(0, first_leaf(chunk).value, std::span(hashes.leaf).first(hashes.count)));
    const std::lock_guard lock(mutex_);
    if (generation == generation_) {
        recent_ = hashes;
    }
    return hashes;
}

// By way of nodes that lead to trusted ones: chunks in order cost a read or two each, where the
// whole way to the root of a gigabyte is thirteen. Requires: known_level is possible.
Result<std::vector<Hash256>> StoredContent::trusted_proof(ChunkIndex chunk, unsigned known_level) {
    class Served final : public content::NodeSource {
    public:
        Served(StoredContent& content, const content::ChunkHashes& leaves)
            : content_(content), leaves_(leaves) {}
        Result<> read_nodes(unsigned level, std::uint64_t first,
                            std::span<Hash256> out) const override {
            if (level == 0) {
                std::copy_n(leaves_.leaves().begin(), out.size(), out.begin());
                return done();
            }
            SWARM_TRY(out.front(), content_.trusted_node(level, first));
            return done();
        }

    private:
        StoredContent& content_;
        const content::ChunkHashes& leaves_;
    };
    SWARM_TRY(const content::ChunkHashes leaves, leaf_hashes(chunk));
    SWARM_TRY(const Hash256 own, trusted_node(shape_.chunk_level(), chunk.value));
    if (content::chunk_node(shape_, leaves) != own) {
        return disk_error(Code::corrupt, "the leaves of a chunk do not lead to its node");
    }
    return content::make_chunk_proof(Served(*this, leaves), id_.size, chunk, known_level);
}

Result<std::vector<Hash256>> StoredContent::proof_to_root(ChunkIndex chunk) {
    SWARM_TRY(auto whole, content::make_chunk_proof(nodes_, id_.size, chunk, shape_.depth()));
    const content::KnownNode root{shape_.depth(), id_.root};
    SWARM_CHECK(content::verify_chunk_proof(id_.size, chunk, root, whole));
    return whole;
}

Result<std::vector<Hash256>> StoredContent::chunk_proof(ChunkIndex chunk, unsigned known_level) {
    const auto length = content::proof_length(id_.size, chunk, known_level);
    if (!length) {
        return caller_error(Code::invalid, "the content has no such chunk or level");
    }
    std::uint64_t generation = 0;
    {
        const std::lock_guard lock(mutex_);
        if (masks_.mask(chunk) == 0) {
            return not_here();
        }
        generation = generation_;
    }
    if (auto proof = trusted_proof(chunk, known_level)) {
        return proof;
    }
    {
        const std::lock_guard lock(mutex_);
        recent_.reset();
    }
    // The proof to a lower level is the beginning of the proof to the root.
    auto whole = proof_to_root(chunk);
    if (!whole && mend_tree(chunk)) {
        whole = proof_to_root(chunk);
    }
    if (!whole) {
        return whole.error().code == Code::corrupt
                   ? drop(chunk, 0xFFFF, generation, "its tree file no longer leads to its root")
                   : std::move(whole).error();
    }
    whole->resize(*length);
    return whole;
}

KnownTree StoredContent::known(ChunkIndex chunk) {
    KnownTree known;
    known.ancestor = {shape_.depth(), id_.root};
    const unsigned top = shape_.chunk_level();
    bool right = true;
    for (unsigned level = top; level < shape_.depth(); ++level) {
        const std::uint64_t index = chunk.value >> (level - top);
        if (!knows_node(level, index)) {
            continue;
        }
        if (const auto node = trusted_node(level, index)) {
            known.ancestor = {level, *node};
            break;
        }
        right = false;
    }
    auto hashes = leaf_hashes(chunk);
    if (hashes && known.ancestor.level == top &&
        content::chunk_node(shape_, *hashes) == known.ancestor.hash) {
        known.proven = std::move(*hashes);
    }
    if (leaf_mask(chunk) != 0 && !known.proven) {
        right = false;
    }
    if (!right) {
        bool fresh = false;
        {
            const std::lock_guard lock(mutex_);
            fresh = doubtful_.insert(chunk.value).second;
        }
        if (fresh) {
            shared_.note_repair(file_stem(id_) + ", chunk " + std::to_string(chunk.value) +
                                ": its tree no longer leads to its root; the next proof is "
                                "written over it");
        }
    }
    return known;
}

// ---- a tree that rotted ----

// Returns: whether the tree file was wrong about the chunk and is right again.
bool StoredContent::mend_tree(ChunkIndex chunk) {
    if (proof_to_root(chunk)) {
        return false;
    }
    const std::lock_guard one(mend_mutex_);
    const std::shared_lock files(files_mutex_);
    bool mended = proof_to_root(chunk).ok() || mend_chunk(chunk);  // or another thread was first
    if (!mended && complete() && !mend_failed_) {
        mended = ContentRepair(*this).mend_tree();
        mend_failed_ = !mended;
    }
    if (mended) {
        shared_.note_repair(file_stem(id_) + ", chunk " + std::to_string(chunk.value) +
                            ": its tree was made again from its bytes");
        const std::lock_guard lock(mutex_);
        recent_.reset();
    }
    return mended;
}

// From the chunk's own bytes, when they are all here and the nodes beside its way are right.
bool StoredContent::mend_chunk(ChunkIndex chunk) {
    {
        const std::lock_guard lock(mutex_);
        if (masks_.mask(chunk) != masks_.full(chunk)) {
            return false;
        }
    }
    const auto file = bytes_file();
    auto hashes = content::make_chunk_proof(nodes_, id_.size, chunk, shape_.depth());
    Bytes bytes(static_cast<std::size_t>(chunk_bytes(id_.size, chunk)));
    if (!file || !hashes || !read_whole(**file, chunk.value * kChunkBytes, bytes)) {
        return false;
    }
    content::hash_leaves(bytes, std::span(*hashes).first(leaf_count(bytes.size())));
    const content::KnownNode root{shape_.depth(), id_.root};
    const auto proven = content::verify_chunk_proof(id_.size, chunk, root, *hashes);
    return proven && write_tree(*proven, Anew::all);
}

}  // namespace swarmfs::store
