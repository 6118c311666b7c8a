#pragma once
// Inside of Database: locks, memtables and the thread that writes LMDB.
//
//   locks, in the order in which they may be taken:
//     writer_   the life of a Batch: one batch at a time
//     flush_    one writing of LMDB at a time; guards frozen_'s change
//     commit_   append + apply, and the swap of memtables: never held during LMDB I/O or a sync
//     tables_   readers share it while they look at memtables and begin an LMDB transaction

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "engine/store/ballast.hpp"
#include "engine/store/database.hpp"
#include "engine/store/journal.hpp"
#include "engine/store/layers.hpp"
#include "engine/store/tables.hpp"

namespace swarmfs::store {

class Database::Core final : public KeyValueReader {
public:
    Core(Disk& disk, Path folder, const DatabaseOptions& options)
        : disk_(disk),
          folder_(std::move(folder)),
          options_(options),
          ballast_(disk, folder_ / "ballast", options.ballast_bytes) {}
    ~Core() override;

    Result<> open();
    Result<> commit(Changes changes, Durability durability, std::unique_lock<std::mutex> writer);
    Result<> sync();
    Result<> flush();
    void watch(Watcher watcher);
    std::optional<Error> failure() const;

    // Reads what is committed; `failed` becomes true when the disk did not let it.
    std::optional<Bytes> get(ByteSpan key, bool& failed) const;
    void scan_through(const Changes* newest, ByteSpan prefix, ByteSpan from, const Visit& visit,
                      bool& failed) const;

    std::optional<Bytes> get(ByteSpan key) const override;
    void scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const override;
    bool failed() const override { return read_failed_; }

    std::mutex& writer() { return writer_; }
    const OpenReport& report() const { return report_; }

private:
    // Changes not yet in LMDB, and the journal segment that holds them meanwhile.
    struct Frozen {
        std::shared_ptr<const Changes> changes;
        std::shared_ptr<Journal::Segment> segment;
        std::uint64_t last_sequence = 0;
    };

    Result<> write_recovered(const Changes& changes, const Journal::Recovery& recovery,
                             const Journal::Mark& mark);
    Result<> wait_for_room(std::unique_lock<std::mutex>& commit);
    Result<> freeze();
    Result<> write_frozen();
    void run_flusher();
    Error fail(Error error);
    Page page(ByteSpan prefix, ByteSpan from, std::size_t limit, bool& failed) const;

    // Fixed once open.
    Disk& disk_;
    Path folder_;
    DatabaseOptions options_;
    Ballast ballast_;  // used while opening and closing, else under flush_
    std::uint32_t opening_ = 0;
    std::unique_ptr<Tables> lmdb_;
    std::unique_ptr<Journal> journal_;
    OpenReport report_;

    std::mutex writer_;
    std::mutex flush_;
    Frozen frozen_;  // guarded by flush_, and by tables_ when it changes

    mutable std::mutex commit_;        // guards the following six
    std::condition_variable changed_;  // for the flusher and for commits that wait for room
    std::uint64_t unwritten_bytes_ = 0;
    std::optional<Error> failure_;
    std::optional<Error> blocked_;  // why LMDB cannot be written just now
    bool stopping_ = false;
    Watcher watcher_;

    mutable std::shared_mutex tables_;
    std::shared_ptr<Changes> active_ = std::make_shared<Changes>();  // guarded by tables_

    mutable std::atomic<bool> read_failed_ = false;
    std::thread flusher_;
};

}  // namespace swarmfs::store
