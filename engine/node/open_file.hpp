#pragma once
// One file that somebody has open, through any number of handles: what reading it gives, and what
// has been written and not published yet.
//
// Rules:
//   1. Reads and writes go by offset. Where something was written here, that is what is read;
//      below, the content the file had when it was opened.
//   2. The mutex guards the fields; it is held while this file's own bytes move, never for another
//      file's, never for the network.
//   3. Size and times can be asked without the mutex: `stat` does not wait for a write.
// Thread: any.

#include <atomic>
#include <memory>
#include <mutex>

#include "engine/core/key_value.hpp"
#include "engine/store/content_store.hpp"
#include "engine/store/namespace_rows.hpp"
#include "engine/store/staged_file.hpp"

namespace swarmfs::node {

// What stands between a reader and its bytes.
struct Missing {
    ContentId content;
    store::Range range;
};

class OpenFile {
public:
    OpenFile(store::InodeRecord record, std::shared_ptr<store::StoredContent> stored);

    store::Inode inode() const { return inode_; }
    std::uint64_t size() const { return size_; }
    std::int64_t mtime_ns() const { return mtime_ns_; }

    // Fills `out` from `offset`. Returns: the bytes read, fewer only at the end of the file; or
    // what must be fetched first.
    struct ReadOutcome {
        std::size_t bytes = 0;
        std::optional<Missing> missing;
    };
    Result<ReadOutcome> read(std::uint64_t offset, MutableByteSpan out);

    std::mutex& mutex() { return mutex_; }

    // ---- under the mutex ----
    store::InodeRecord record;                     // as the namespace has it
    std::shared_ptr<store::StoredContent> stored;  // null for the empty content
    std::unique_ptr<store::StagedFile> staged;     // null until something is written
    bool changed_since_row = false;                // the staging row lags behind
    bool unlinked = false;                         // nobody will ever open it again
    bool publishing = false;                       // a worker has it
    bool delayed = false;                          // the log says why it is not published yet
    std::size_t handles = 0;
    std::size_t writers = 0;
    void staged_changed();  // after writing: brings size and times up to date
    void record_changed();  // the same after a change of `record`, when nothing is staged

private:
    Result<ReadOutcome> read_content(store::StoredContent& content, std::uint64_t offset,
                                     MutableByteSpan out) const;
    Result<ReadOutcome> read_staged(std::uint64_t offset, MutableByteSpan out);

    const store::Inode inode_;
    std::mutex mutex_;
    std::atomic<std::uint64_t> size_;
    std::atomic<std::int64_t> mtime_ns_;
};

}  // namespace swarmfs::node
