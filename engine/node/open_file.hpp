#pragma once
// One file that somebody has open, through any number of handles: what reading it gives, and what
// has been written and not published yet.
//
// Rules:
//   1. Reads and writes go by offset. Where something was written here, that is what is read;
//      below, the content the file had when it was opened.
//   2. The mutex guards the fields. It is held for moments, and while bytes of one call move; never
//      while a file is hashed or synced, never for another file's sake or the network's.
//   3. What takes long (hashing, fdatasync) claims `staged` instead: readers go on, and whoever
//      wants to change what is staged waits for the claim to end. Only such writers wait, with the
//      files they write; at most one a file, since the kernel lets no two write to one at once.
//   4. What `stat` shows can be asked without the mutex: it waits for nobody.
//
// Locks, in the order they are taken; never the other way round:
//
//   mutex() of one file ─> the Database's writer (a batch) ─> the volume's files_mutex_ ─> leaves
//
// So nobody waits for a file's mutex while it holds files_mutex_ or acts on the Tree.
// Thread: any.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "engine/core/clock.hpp"
#include "engine/core/key_value.hpp"
#include "engine/node/volume.hpp"
#include "engine/store/content_store.hpp"
#include "engine/store/namespace_rows.hpp"
#include "engine/store/staged_file.hpp"

namespace swarmfs::node {

// What stands between a reader and its bytes.
struct Missing {
    ContentId content;
    store::Range range;
};

// Whether a file still has a name here. One that another member replaced counts as named: what is
// written to it is published, beside what replaced it.
//
//   yes ──> going ──> no      the batch that takes the name sets `going`; its commit settles it
//    ^────────┘               (or undoes it, when it fails)
enum class Named : std::uint8_t { yes, going, no };

class OpenFile {
public:
    OpenFile(store::InodeRecord record, std::shared_ptr<store::StoredContent> stored);

    store::Inode inode() const { return inode_; }
    // What it was when it was opened, and who had published that; none, when nobody else knew of it.
    const ContentId& opened_content() const { return opened_content_; }
    const std::optional<NodeId>& opened_author() const { return opened_author_; }

    // ---- without the mutex ----
    // What is staged, as `stat` shows it. Returns: nothing when the namespace says it all.
    struct Written {
        std::uint64_t staging_number = 0;
        std::uint64_t size = 0;
        std::uint64_t staged_bytes = 0;  // of them, written here
        std::int64_t mtime_ns = 0;
    };
    std::optional<Written> written() const;
    std::atomic<Named> named = Named::yes;
    std::atomic<bool> orphaned = false;    // it has a row of orphans.hpp, or may have
    std::atomic<bool> publishing = false;  // a worker has it, or will; changed under the mutex
    // Changed under the volume's files_mutex_: those who work with it, handles included, and of the
    // handles those that write. A file without uses is let go of when nothing of it is left to do.
    std::atomic<std::size_t> uses = 0;
    std::atomic<std::size_t> writers = 0;

    // Fills `out` from `offset`. Returns: the bytes read, fewer only at the end of the file; or
    // what must be fetched first.
    struct ReadOutcome {
        std::size_t bytes = 0;
        std::optional<Missing> missing;
    };
    Result<ReadOutcome> read(std::uint64_t offset, MutableByteSpan out);

    // As Volume::seek.
    Result<std::uint64_t> seek(std::uint64_t offset, SeekFor what);

    std::mutex& mutex() { return mutex_; }

    // ---- under the mutex ----
    store::InodeRecord record;                     // as the namespace has it
    std::shared_ptr<store::StoredContent> stored;  // null for the empty content
    std::unique_ptr<store::StagedFile> staged;     // null until something is written
    bool changed_since_row = false;                // the staging row lags behind
    bool delayed = false;                          // the log says why it is not published yet
    Duration publishing_took{};                    // the last time, with hashing
    void staged_changed();  // after every change of `staged`: brings what is shown up to date
    std::uint64_t size() const { return staged ? staged->size() : record.content.size; }

    // Requires: the lock holds mutex(). While the file is claimed the holder of the claim may use
    // `staged` and `stored` without the mutex, and nobody else may change them.
    void claim(std::unique_lock<std::mutex>& lock);
    void unclaim();
    void wait_until_unclaimed(std::unique_lock<std::mutex>& lock);

private:
    Result<ReadOutcome> read_content(store::StoredContent& content, std::uint64_t offset,
                                     MutableByteSpan out) const;
    Result<ReadOutcome> read_staged(std::uint64_t offset, MutableByteSpan out);
    Result<std::uint64_t> seek_staged(std::uint64_t offset, SeekFor what) const;
    Result<std::uint64_t> seek_in(const store::Segment& segment, SeekFor what) const;

    const store::Inode inode_;
    const ContentId opened_content_;
    const std::optional<NodeId> opened_author_;
    std::mutex mutex_;
    std::condition_variable unclaimed_;
    bool claimed_ = false;  // guarded by mutex_
    mutable std::mutex written_mutex_;
    std::optional<Written> written_;  // guarded by written_mutex_
};

}  // namespace swarmfs::node
