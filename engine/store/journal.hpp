#pragma once
// The journal on disk: segment files that batches are appended to before anybody is told that they
// are kept, and that are used again once their batches are in the tables.
//
//   write ──append──> current segment ──close_segment──> closed segment ──retire──> spare file ──┐
//                          ^                                                                     │
//                          └──────────────────────── next segment <─────────────────────────────┘
//
//   1. append returns when the record is in the kernel: it survives kill -9.
//   2. sync_to(n) returns when every record up to n is on the disk: it survives power loss. Callers
//      that come while a sync runs share the next one ("group commit").
//   3. A failed append is taken back: its head is overwritten with zeros, at once or before the
//      segment ends. Where the failure is not a full disk, and when a sync fails, the journal is
//      broken for good and says so to everyone after.
//   4. Room is reserved ahead, so that small records (an erase) fit on a full disk.
//   5. After a crash, records count up to the first one that is missing or torn. Nothing later was
//      ever acknowledged as surviving power loss, because a sync covers all segments in order.
//   6. A segment whose header is damaged counts where its records prove which use they are of. Where
//      they cannot, it is put aside under another name and reported, never used again. One of
//      another version is refused.
//   7. The tables take whole segments, so a segment that begins at or before what they have is done
//      with, whatever a half-written next use made of its file.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/store/disk.hpp"
#include "engine/store/journal_format.hpp"

namespace swarmfs::store {

class Journal {
public:
    struct Segment {
        Path path;
        std::unique_ptr<File> file;
        SegmentUse use;
        std::uint64_t end = 0;
        bool synced = true;
    };

    // What the tables say about the journal; kept in them, changed with them.
    struct Mark {
        std::uint32_t opening =
            0;  // how often the database was opened; only this one's segments count
        std::uint64_t applied = 0;  // every record up to this sequence is in the tables

        bool operator==(const Mark&) const = default;
    };

    struct Recovery {
        std::uint64_t last_sequence = 0;    // of what counts; at least what the tables had
        std::uint64_t records = 0;          // visited, i.e. newer than the tables
        std::vector<std::string> repaired;  // one line for each thing that was not as it should be
        std::vector<Path> files;            // segment files to be used again
        std::vector<Path> spent;            // those of them that hold nothing the tables lack
        std::vector<Path> aside;            // damaged ones, to be kept under another name
        std::uint64_t next_file = 0;        // a number no segment file has
    };

    // Visits every record the tables lack, in order.
    // Errors: corrupt when the journal has moved on from what the tables are (a table file was
    // removed, or replaced by an old one), or is of another version.
    static Result<Recovery> recover(Disk& disk, const Path& folder, const Mark& mark,
                                    const VisitRecord& visit);

    // Starts appending after recovery.last_sequence; what is to be put aside is.
    // Requires: the tables hold every record up to there, and `opening` as their mark, for good.
    static Result<std::unique_ptr<Journal>> start(Disk& disk, const Path& folder,
                                                  const Recovery& recovery, std::uint32_t opening,
                                                  std::uint64_t segment_bytes);

    // Returns: the record's sequence.   Errors: no_space (nothing changed), io (broken for good).
    Result<std::uint64_t> append(ByteSpan body);
    Result<> sync_to(std::uint64_t sequence);

    // Ends the current segment and starts the next.   Errors: as append; the current one goes on.
    Result<std::shared_ptr<Segment>> close_segment();
    // All records of `segment`, up to `last_sequence`, are in the tables for good.
    void retire(std::shared_ptr<Segment> segment, std::uint64_t last_sequence);

    std::uint64_t last_sequence() const;
    // Bytes of records in the current segment.
    std::uint64_t current_bytes() const;

private:
    Journal(Disk& disk, Path folder, std::uint32_t opening, std::uint64_t segment_bytes)
        : disk_(disk),
          folder_(std::move(folder)),
          opening_(opening),
          segment_bytes_(segment_bytes) {}
    Result<std::shared_ptr<Segment>> next_segment();
    Result<std::shared_ptr<Segment>> create_segment();
    Result<> write_header(Segment& segment);
    Result<> take_back();

    // Fixed at construction.
    Disk& disk_;
    Path folder_;
    std::uint32_t opening_;
    std::uint64_t segment_bytes_;

    mutable std::mutex mutex_;  // guards what follows
    std::shared_ptr<Segment> current_;
    std::vector<std::shared_ptr<Segment>> closed_;
    std::vector<std::shared_ptr<Segment>> spare_;
    bool begun_ = false;  // a failed append may have left a record at the current segment's end
    std::uint64_t last_sequence_ = 0;
    std::uint64_t applied_ = 0;
    std::uint64_t next_file_ = 0;
    std::optional<Error> broken_;

    std::mutex sync_mutex_;  // guards what follows; never held during a sync
    std::condition_variable sync_changed_;
    std::uint64_t synced_sequence_ = 0;
    bool syncing_ = false;
    std::optional<Error> sync_failure_;
};

}  // namespace swarmfs::store
