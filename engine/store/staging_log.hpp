#pragma once
// What was written to staged files, as it is written: so that it survives a crash of this program also
// before anybody closes or syncs the file, and a program that has it open goes on with it.
//
//   write ──> staging/<number> ──> staging-log  a record of some 50 bytes, in the kernel's cache
//   close, fsync ──> the row in the Database    which says all of it at once
//
//   1. It is only of use within one start of the machine, so nothing of it is ever synced; what another
//      start left, or what belongs to tables that are lost, is thrown away. The rows are what survives
//      more.
//   2. At the next start it becomes rows before anybody looks at those. A file that the log has ended
//      is as its row says, or has none.
//   3. The log is a row of segment files, <home>/staging-log/<n>. A file's records go to the newest; the first there
//      is the file's whole row. So a segment can go when no file has its latest whole row in it.
//
//   segment = magic[8] "SWARMSTG", version u32 = 1, boot text16, record*
//   record  = body length u32, crc32c of the body u32, body
//   body    = 1 u8, number u64, row of staged_file.hpp          all that is staged
//           | 2 u8, number u64, offset, length, size, mtime u64 a range that is staged now, too
//           | 3 u8, number u64                                  its last writer has closed it
//           | 4 u8, number u64                                  its row says it all from here on
// Numbers big-endian. The first record that is not whole ends a segment.
//
// Thread: any.

#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "engine/store/database.hpp"
#include "engine/store/disk.hpp"
#include "engine/store/extents.hpp"

namespace swarmfs::store {

class StagingLog {
    struct Segment {
        Path path;
        std::unique_ptr<File> file;
        std::uint64_t end = 0;
        std::size_t files = 0;  // whose latest whole row it has
    };

public:
    static constexpr std::uint64_t kSegmentBytes = 4 << 20;

    // Turns what the last run left in `folder` into rows of `database`. Both outlive it.
    // Errors: those of the disk and of the Database.
    static Result<std::unique_ptr<StagingLog>> open(Disk& disk, Database& database,
                                                    const Path& folder);
    ~StagingLog();
    StagingLog(const StagingLog&) = delete;
    StagingLog& operator=(const StagingLog&) = delete;

    // Whether the file had a writer when the last run died.
    bool had_writer(std::uint64_t number) const { return had_writer_.contains(number); }

    // One staged file's part of it.   Thread: as the file's.
    class Entry {
    public:
        Entry(StagingLog& log, std::uint64_t number) : log_(log), number_(number) {}
        // Without end(): the log keeps what it has, for the next run.
        ~Entry() = default;
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;

        // Errors, for all: no_space, io.
        Result<> put_row(ByteSpan row);
        // `row`, called where it is needed, tells all of it, the range too.
        template <class Row>
        Result<> add(const Range& range, std::uint64_t size, std::int64_t mtime_ns,
                     const Row& row) {
            return in_newest() ? put_range(range, size, mtime_ns) : put_row(row());
        }
        Result<> put_closed();
        // Requires: its row in the Database says it all, or nobody wants the file any more.
        void end();

    private:
        friend class StagingLog;
        bool in_newest() const;
        Result<> put_range(const Range& range, std::uint64_t size, std::int64_t mtime_ns);

        StagingLog& log_;
        const std::uint64_t number_;
        Segment* segment_ = nullptr;  // that has its latest whole row; guarded by the log's mutex
    };

private:
    struct Found;
    StagingLog(Disk& disk, Path folder) : disk_(disk), folder_(std::move(folder)) {}
    Result<> recover(Database& database);
    void read_segment(const Path& path, Found& found) const;
    Result<> begin_segment();
    Result<> append(ByteSpan body);
    Result<> append_ended(Entry& entry);
    Result<> append_row(Entry& entry, ByteSpan row);
    void leave(Entry& entry);

    Disk& disk_;
    const Path folder_;
    std::set<std::uint64_t> had_writer_;                          // fixed by open
    mutable std::mutex mutex_;                                    // guards what follows
    std::map<std::uint64_t, std::unique_ptr<Segment>> segments_;  // by their numbers
    Segment* newest_ = nullptr;
    std::uint64_t next_ = 0;
};

}  // namespace swarmfs::store
