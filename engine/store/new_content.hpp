#pragma once
// A content that was just made here and is not in the store yet.
//
//   prepare  hash it; its tree stands in <home>/content/incoming
//   record   in the caller's batch, beside the names that refer to it: from that commit on the
//            content is stored, wherever its file still stands
//   place    after the commit: the files move to their place. A crash in between is made good at
//            the next open, because the batch says which files to move.
//
// Dropping a NewContent that was not committed leaves the original file alone and forgets the rest.

#include <memory>
#include <optional>
#include <vector>

#include "engine/content/tree_builder.hpp"
#include "engine/store/content_rows.hpp"
#include "engine/store/disk.hpp"
#include "engine/store/hashing.hpp"
#include "engine/store/leaf_masks.hpp"

namespace swarmfs::store {

class StoredContent;
class StoreShared;

// Movable. Thread: one at a time.
class NewContent {
public:
    NewContent(NewContent&&) = default;
    NewContent& operator=(NewContent&&) = default;

    const ContentId& id() const { return id_; }
    // Every byte is here. (Otherwise unchanged parts of the version before are not.)
    bool complete() const { return masks_.complete(); }

private:
    friend class ContentStore;
    friend class ContentWriter;
    friend class Publication;
    friend Result<NewContent> hash_into_new(StoreShared&, std::uint64_t, const ReadBytes&,
                                            const GiveUp&);

    explicit NewContent(const ContentId& id)
        : id_(id), masks_(id.size), checked_(id.size), own_(id.size) {}

    ContentId id_;
    LeafMasks masks_;
    LeafMasks checked_;           // leaves whose bytes were hashed just now
    Path data_;                   // to become the content's file; empty: there is none to move
    Path tree_;                   // likewise
    std::optional<Place> place_;  // shared in place instead
    std::shared_ptr<StoredContent> base_;  // what it lies over, if anything (layered_file.hpp)
    LeafMasks own_;                        // leaves in its own file then
    Bytes small_;
    std::shared_ptr<StoredContent> content_;  // since record()
    bool sync_promised_ = false;              // the bytes were said to survive power loss
    bool known_ = false;                      // nothing to be recorded: it is stored as it is
};

// Hashes `size` bytes into a tree file in `incoming`. What is to become of the bytes, the caller
// says. Requires: size > kSmallBytesMax.   Errors: those of `read`, cancelled, no_space, io.
Result<NewContent> hash_into_new(StoreShared& shared, std::uint64_t size, const ReadBytes& read,
                                 const GiveUp& give_up);

// A content written here from bytes in order: hashed as it is written, never read again. A file is
// made only when it outgrows a small content. Thread: one at a time.
class ContentWriter {
public:
    ContentWriter(ContentWriter&&) noexcept;
    ContentWriter& operator=(ContentWriter&&) = delete;
    ~ContentWriter();  // without finish: the file is removed

    // Errors: no_space, too_large, io; nothing more may be appended after one.
    Result<> append(ByteSpan bytes);
    // Errors: no_space, io.
    Result<NewContent> finish();

private:
    friend class ContentStore;
    explicit ContentWriter(StoreShared& shared) : shared_(&shared) {}

    StoreShared* shared_;
    Bytes small_;  // what was appended while there is no file
    Path path_;
    std::unique_ptr<File> file_;
    content::TreeBuilder builder_;
};

}  // namespace swarmfs::store
