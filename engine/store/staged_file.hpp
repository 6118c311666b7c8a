#pragma once
// A file while it is being written: what was written here, over what was there.
//
//   byte of the file = staged      where it was written here
//                    = the base's  below base_limit, where it was not
//                    = zero        elsewhere
//
// Nothing of the base is copied or fetched for an overwrite. The staged bytes lie at their own
// offsets in <home>/staging/<number>; which they are is in a row of the Database (docs/storage-
// format.md), so that a file that was closed and not published yet is found again after a crash. What
// was written since that row, or before there is one, is in a log (staging_log.hpp).
//
// Thread: one at a time; whoever shares one brings a mutex.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"
#include "engine/store/disk.hpp"
#include "engine/store/extents.hpp"
#include "engine/store/namespace_rows.hpp"
#include "engine/store/staging_log.hpp"

namespace swarmfs::store {

struct StagingRow {
    std::uint64_t number = 0;  // names the file
    SwarmId swarm;
    InodeRecord opened;  // what the file was when the first writer opened it
    ContentId base;
    std::uint64_t base_limit = 0;  // of the base, what no truncation has cut off
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;
    std::vector<Range> extents;
};

Bytes encode_staging_row(const StagingRow& row);
std::optional<StagingRow> decode_staging_row(ByteSpan bytes);
Bytes staging_key(std::uint64_t number);
Bytes staging_prefix();
// Returns: nothing when the key is of another kind.
std::optional<std::uint64_t> number_of_staging_key(ByteSpan key);

enum class SegmentFrom : std::uint8_t { staged, base, zero };

struct Segment {
    Range range;
    SegmentFrom from = SegmentFrom::zero;

    bool operator==(const Segment&) const = default;
};

class StagedFile {
public:
    // Over `opened.content`, as large as that is. The folder exists. Without a log only its row brings
    // it back.
    static Result<std::unique_ptr<StagedFile>> create(Disk& disk, const Path& folder,
                                                      std::uint64_t number, const SwarmId& swarm,
                                                      const InodeRecord& opened,
                                                      StagingLog* log = nullptr);
    // After a crash. Errors: not_found when the file is gone.
    static Result<std::unique_ptr<StagedFile>> recover(Disk& disk, const Path& folder,
                                                       StagingRow row, StagingLog* log = nullptr);

    std::uint64_t size() const { return row_.size; }
    std::uint64_t staged_bytes() const { return extents_.bytes(); }
    const StagingRow& row() const { return row_; }
    const Path& path() const { return path_; }

    // Errors: no_space, too_large (beyond kContentBytesMax), io.
    Result<> write(std::uint64_t offset, ByteSpan bytes, std::int64_t now_ns);
    Result<> truncate(std::uint64_t size, std::int64_t now_ns);
    // The range reads as zeros from now on, and costs no room. What lies beyond the end of the file
    // grows it, unless it is to keep its length; then it is nothing.
    // Errors: too_large, no_space, io.
    enum class Length : std::uint8_t { grows, stays };
    Result<> zero(const Range& range, Length length, std::int64_t now_ns);
    // Room for the range: writing there does not meet a full disk until this is published. The bytes
    // are what they were. Errors: as above.
    Result<> reserve(const Range& range, Length length, std::int64_t now_ns);
    // The range is the base's from now on, at the same place, for a base that may be another one
    // than before: no byte moves.   Requires: the range is not empty and lies inside `base`.
    // Returns: false, and nothing was changed, where the file shows something of another base, or
    // the range neither is all there is of this one nor continues it.
    bool refer(const ContentId& base, const Range& range, std::int64_t now_ns);
    void set_mtime(std::int64_t mtime_ns);
    // Its last writer has closed it.
    void note_closed();
    // Its row says it all, until it changes again.
    void end_log();

    // Where the bytes of the range are; ends at the end of the file.
    std::vector<Segment> segments(std::uint64_t offset, std::uint64_t length) const;
    // Reads bytes of a staged segment.
    Result<> read(std::uint64_t offset, MutableByteSpan out) const;
    // The first byte of a staged segment's part that is data, or a hole; its end when there is none.
    Result<std::uint64_t> next_data(const Range& part) const;
    Result<std::uint64_t> next_hole(const Range& part) const;

    // Copies bytes of the base to their place: reading them no longer needs the base.
    Result<> fill(std::uint64_t offset, ByteSpan bytes);
    // What is written survives power loss, once its row does.
    Result<> sync();
    // Somebody was told so, perhaps before a crash: publishing must not put it at risk.
    bool sync_promised() const { return sync_promised_; }
    // The row that describes what is written now, for the Database.
    Bytes encoded_row() const;
    // The file has exactly size() bytes, and zeros wherever it reads as zeros: what a write left
    // there that failed halfway, or that no row told of before a kill, is gone.
    Result<> make_whole();
    // What the file holds there, whoever's it is, becomes zeros, and a hole where that can be.
    Result<> clear(Range range);

private:
    Result<> log_row();
    Result<> log_range(const Range& range);
    Result<> give_back(const Range& range);
    static Result<> check_end(const Range& range);

    StagedFile(Disk& disk, Path path, std::unique_ptr<File> file, StagingRow row, StagingLog* log)
        : disk_(disk), path_(std::move(path)), file_(std::move(file)), row_(std::move(row)) {
        if (log != nullptr) {
            log_.emplace(*log, row_.number);
        }
    }

    Disk& disk_;
    const Path path_;
    const std::unique_ptr<File> file_;
    StagingRow row_;  // its extents are kept in extents_
    Extents extents_;
    bool name_synced_ = false;
    bool sync_promised_ = false;
    std::optional<StagingLog::Entry> log_;
};

}  // namespace swarmfs::store
