#pragma once
// One content at rest: which of its leaves are here, reading them, and taking in proven ones.
//
//   1. A leaf is stored when its bytes, its hash and its hash's way to the root were written before
//      its bit was set. Bits reach the Database in batches, later; what is lost with them after a
//      kill is fetched again.
//   2. Every leaf is hashed when it is first read after a start, and in a file shared in place at
//      every read. One that does not match is dropped: it is not here any more.
//   3. Nodes of the tree file are never taken back while the content has a record, so a node above
//      a leaf that was stored once is there. That it is right is seen by following it to the root,
//      once after a start, before a peer is asked for less because of it or a new version built on
//      it: what rotted here is never held against a peer.
//   4. A tree that no longer leads to the root is made anew from the bytes, where they prove it,
//      and else written over by the next proof that arrives.
//   5. Locks are held for moments, never while the disk works; but files are not moved or removed
//      while a leaf is written to them.
// Thread: any, for all of it.

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>

#include "engine/content/tree_nodes.hpp"
#include "engine/content/tree_shape.hpp"
#include "engine/core/key_value.hpp"
#include "engine/store/cache_marks.hpp"
#include "engine/store/content_rows.hpp"
#include "engine/store/extents.hpp"
#include "engine/store/file_cache.hpp"
#include "engine/store/leaf_masks.hpp"
#include "engine/store/trusted_nodes.hpp"

namespace swarmfs::store {

class ContentLedger;
class StoreShared;

class StoredContent final : public std::enable_shared_from_this<StoredContent> {
public:
    // ContentStore::open makes these.
    StoredContent(std::shared_ptr<StoreShared> shared, const ContentId& id);

    const ContentId& id() const { return id_; }
    std::uint16_t leaf_mask(ChunkIndex chunk) const;
    // Requires: the range lies inside the content.
    bool has(std::uint64_t offset, std::uint64_t length) const;
    bool complete() const;
    std::uint64_t stored_bytes() const;
    // One bit a chunk from `first` on, most significant first; set where the whole chunk is here.
    void whole_chunks(ChunkIndex first, MutableByteSpan bitmap) const;
    std::optional<ChunkIndex> next_stored(ChunkIndex from) const;
    bool owned() const;
    bool in_place() const;

    // Returns: bytes read; fewer than asked only at the end of the content. Errors: not_found (a
    // leaf is not stored), corrupt (it no longer matches its hash, and is dropped now), io.
    Result<std::size_t> read(std::uint64_t offset, MutableByteSpan out);
    // Whole leaves, each to its own place. Errors: as read. Requires: leaves[i] has leaf i's size.
    Result<> read_leaves(ChunkIndex chunk, unsigned first, std::span<const MutableByteSpan> leaves);

    // The first byte at or after `offset` that may be other than zero, and the first that lies in a
    // hole; the size when there is none. Holes are told apart in a content that is here whole, where
    // its file system does.   Requires: offset < size. Errors: io.
    Result<std::uint64_t> next_data(std::uint64_t offset);
    Result<std::uint64_t> next_hole(std::uint64_t offset);

    // Takes in leaves that `proven` proved, one span each. Storing what is stored is no error.
    // Errors: no_space, io: nothing was stored; cancelled: the content was removed meanwhile.
    Result<> write_verified(ChunkIndex chunk, unsigned first, std::span<const ByteSpan> leaves,
                            const content::ChunkHashes& proven);

    // The hashes of the chunk's leaves. Errors: not_found (never stored), corrupt, io.
    Result<content::ChunkHashes> leaf_hashes(ChunkIndex chunk);
    // See content/proof.hpp; checked against the root before it is returned.
    // Errors: invalid (impossible level), not_found, corrupt, io.
    Result<std::vector<Hash256>> chunk_proof(ChunkIndex chunk, unsigned known_level);
    KnownTree known(ChunkIndex chunk);
    // Nodes of the tree, those that are known, as the tree file has them: whoever takes them is to
    // prove them. Valid until: this content dies.
    const content::NodeSource& nodes() const { return nodes_; }
    // The same, each of them proven. Errors: corrupt when one does not lead to the root.
    const content::NodeSource& proven_nodes() const { return proven_nodes_; }
    bool knows_node(unsigned level, std::uint64_t index) const;

    // What is stored of it survives power loss, once the Database is synced too.
    // Errors: io: what was not synced is lost to a power loss.
    Result<> sync();
    // The file that holds exactly this content, for splice and passthrough.
    // Errors: not_found when it is not whole, is small, is shared in place, or lies over another.
    Result<std::shared_ptr<File>> whole_file();

    // The content that this one lies over (layered_file.hpp); null: it stands by itself.
    std::shared_ptr<StoredContent> base() const;
    LeafMasks own_leaves() const;  // in its own file, where there is a base
    // From `at` on, as far as `end`, what lies all in its own file (covered), or all below.
    // Requires: at < end <= size. Errors: not_found when it is not what it was in `generation`.
    Result<Extents::Piece> own_run(std::uint64_t at, std::uint64_t end,
                                   std::uint64_t generation) const;

private:
    friend class ContentStore;
    friend class ContentRepair;
    friend class Inheritance;
    friend class ContentEviction;
    friend class Publication;

    // Bytes that are alike: seen to match before, or else to be hashed, and of one chunk.
    struct Run {
        std::size_t length = 0;
        bool checked = false;
    };

    // stored_content_state.cpp
    Result<> load();
    Result<> load_once();
    bool files_fit() const;
    void collect(ContentLedger& ledger, std::uint64_t epoch);
    void collect_again();
    void forget_everything();
    void note_change();
    // stored_content_files.cpp
    Result<std::shared_ptr<File>> data_file(Open how);
    Result<std::shared_ptr<File>> tree_file(Open how);
    Result<std::shared_ptr<File>> place_file();
    Result<std::shared_ptr<File>> file_to_read(std::uint64_t generation);
    Result<std::shared_ptr<File>> bytes_file();

    // stored_content_holes.cpp
    Result<> write_leaves(File& data, unsigned first, std::span<const ByteSpan> leaves,
                          const content::ChunkHashes& proven);
    std::shared_ptr<File> file_with_holes();

    // stored_content_tree.cpp
    Result<> read_known_nodes(unsigned level, std::uint64_t first, std::span<Hash256> out);
    Result<> read_proven_nodes(unsigned level, std::uint64_t first, std::span<Hash256> out);
    Result<> read_tree(unsigned level, std::uint64_t first, std::span<Hash256> out);
    void read_tree_under(unsigned level, std::uint64_t first, std::span<Hash256> out);
    enum class Anew : std::uint8_t { what_is_new, all };
    Result<> write_tree(const content::ChunkHashes& proven, Anew anew);
    Result<Hash256> trusted_node(unsigned level, std::uint64_t index);
    void trust(const std::vector<content::TreeNode>& nodes, std::uint64_t generation);
    Result<std::vector<Hash256>> trusted_proof(ChunkIndex chunk, unsigned known_level);
    Result<std::vector<Hash256>> proof_to_root(ChunkIndex chunk);
    bool mend_tree(ChunkIndex chunk);
    bool mend_chunk(ChunkIndex chunk);

    Result<std::size_t> read_file(std::uint64_t offset, MutableByteSpan out, const Sight& sight);
    Run next_run(std::uint64_t at, std::uint64_t end, bool elsewhere) const;
    Result<> read_checked(File& file, std::uint64_t at, MutableByteSpan out, const Sight& sight);
    Result<> check_leaves(ChunkIndex chunk, unsigned first, std::span<const ByteSpan> leaves,
                          std::uint64_t generation);
    // Of what was there in `generation`; what took its place since is left alone.
    Error drop(ChunkIndex chunk, std::uint16_t bits, std::uint64_t generation, const char* why);
    Error drop_all(std::uint64_t generation, const char* why);
    // Reading the range failed. What the base lost of it is lost here, too. Returns: `why`.
    Error lost_below(Error why, std::uint64_t offset, std::uint64_t length,
                     std::uint64_t generation);
    Error not_here() const;
    void add_place(const Place& place);  // requires: mutex_ is held

    const std::shared_ptr<StoreShared> owner_;  // so that a handle may be dropped after the store
    StoreShared& shared_;
    const ContentId id_;
    const content::TreeShape shape_;
    const content::CalledNodes nodes_;
    const content::CalledNodes proven_nodes_;

    std::mutex load_mutex_;
    bool loaded_ = false;  // guarded by load_mutex_
    FileSlot data_;
    FileSlot tree_;
    FileSlot place_;
    // Shared: leaves or nodes are being written. Alone: the files are moved or removed. Taken after
    // a Batch is begun and before mutex_.
    std::shared_mutex files_mutex_;
    std::mutex mend_mutex_;
    bool mend_failed_ = false;  // the bytes did not prove the tree either; guarded by mend_mutex_

    mutable std::mutex mutex_;  // guards what follows
    LeafMasks masks_;
    LeafMasks checked_;  // leaves whose bytes were seen to match since the start
    bool owned_ = false;
    std::vector<Place> places_;
    CacheMarks cache_;
    Bytes small_;                   // the bytes of a small content that is here
    std::uint64_t generation_ = 0;  // changes when files are removed or replaced
    bool replaced_ = false;         // a NewContent is about to take its place: rows are its own
    bool changed_ = false;          // queued to be saved
    std::set<std::uint64_t> saved_pages_;
    std::shared_ptr<StoredContent> base_;
    LeafMasks own_;  // leaves in its own file, where there is a base
    std::set<std::uint64_t> saved_own_pages_;
    TrustedNodes trusted_;
    TrustedNodes standing_;                       // those of them that the tree file has
    std::set<std::uint64_t> doubtful_;            // chunks whose nodes are to be written again
    std::optional<content::ChunkHashes> recent_;  // of the chunk that was read last
};

}  // namespace swarmfs::store
