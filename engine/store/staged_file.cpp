#include "engine/store/staged_file.hpp"

#include <algorithm>

#include "engine/core/units.hpp"
#include "engine/core/wire.hpp"
#include "engine/store/changes.hpp"
#include "engine/store/key_spaces.hpp"

namespace swarmfs::store {
namespace {

constexpr std::uint8_t kRowVersion = 1;
// Zeros written at once, where a file system cannot punch holes.
constexpr std::uint64_t kZerosAtOnce = 1 << 20;

Path file_of(const Path& folder, std::uint64_t number) {
    return folder / std::to_string(number);
}

}  // namespace

Bytes staging_prefix() {
    return key_of(KeySpace::staging);
}

Bytes staging_key(std::uint64_t number) {
    Bytes key = staging_prefix();
    WireWriter(key).u64(number);
    return key;
}

std::optional<std::uint64_t> number_of_staging_key(ByteSpan key) {
    if (key.size() != 9 || !begins_with(key, staging_prefix())) {
        return std::nullopt;
    }
    return WireReader(key.subspan(1)).u64();
}

Bytes encode_staging_row(const StagingRow& row) {
    Bytes bytes;
    WireWriter out(bytes);
    out.u8(kRowVersion);
    out.u64(row.number);
    out.fixed(row.swarm);
    out.u64(row.opened.inode);
    out.bytes16(encode_record(row.opened));
    out.fixed(row.base.root);
    out.u64(row.base.size);
    out.u64(row.base_limit);
    out.u64(row.size);
    out.u64(static_cast<std::uint64_t>(row.mtime_ns));
    out.u32(static_cast<std::uint32_t>(row.extents.size()));
    for (const Range& range : row.extents) {
        out.u64(range.offset);
        out.u64(range.length);
    }
    return bytes;
}

std::optional<StagingRow> decode_staging_row(ByteSpan bytes) {
    WireReader in(bytes);
    StagingRow row;
    const std::uint8_t version = in.u8();
    row.number = in.u64();
    row.swarm = in.fixed<SwarmId>();
    const Inode inode = in.u64();
    const auto opened = decode_record(inode, in.bytes16());
    row.base.root = in.fixed<Hash256>();
    row.base.size = in.u64();
    row.base_limit = in.u64();
    row.size = in.u64();
    row.mtime_ns = static_cast<std::int64_t>(in.u64());
    const std::uint32_t count = in.u32();
    if (version != kRowVersion || !opened || in.remaining() != std::size_t{count} * 16) {
        return std::nullopt;
    }
    row.opened = *opened;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint64_t offset = in.u64();
        row.extents.push_back({offset, in.u64()});
    }
    return in.finished() ? std::optional(row) : std::nullopt;
}

Result<std::unique_ptr<StagedFile>> StagedFile::create(Disk& disk, const Path& folder,
                                                       std::uint64_t number, const SwarmId& swarm,
                                                       const InodeRecord& opened, StagingLog* log) {
    SWARM_TRY(auto file, disk.open(file_of(folder, number), Open::create_new));
    StagingRow row;
    row.number = number;
    row.swarm = swarm;
    row.opened = opened;
    row.base = opened.content;
    row.base_limit = row.size = opened.content.size;
    row.mtime_ns = opened.mtime_ns;
    return std::unique_ptr<StagedFile>(
        new StagedFile(disk, file_of(folder, number), std::move(file), std::move(row), log));
}

Result<std::unique_ptr<StagedFile>> StagedFile::recover(Disk& disk, const Path& folder,
                                                        StagingRow row, StagingLog* log) {
    const Path path = file_of(folder, row.number);
    SWARM_TRY(auto file, disk.open(path, Open::write));
    const std::vector<Range> extents = std::move(row.extents);
    std::unique_ptr<StagedFile> staged(
        new StagedFile(disk, path, std::move(file), std::move(row), log));
    for (const Range& range : extents) {
        staged->extents_.add(range.offset, range.length);
    }
    // Cutting reaches the file at once and its row later, with the next close or sync.
    SWARM_TRY(const FileStatus status, staged->file_->status());
    if (!extents.empty() && status.size < extents.back().end()) {
        SWARM_CHECK(staged->truncate(status.size, staged->row_.mtime_ns));
    }
    staged->sync_promised_ = true;  // it cannot be known, so it counts as promised
    return staged;
}

Result<> StagedFile::check_end(const Range& range) {
    if (range.offset > kContentBytesMax || range.length > kContentBytesMax - range.offset) {
        return caller_error(Code::too_large, "a file ends at 1 PiB");
    }
    return done();
}

Result<> StagedFile::write(std::uint64_t offset, ByteSpan bytes, std::int64_t now_ns) {
    SWARM_CHECK(check_end({offset, bytes.size()}));
    SWARM_CHECK(file_->write_at(offset, bytes));
    const std::uint64_t before = extents_.bytes();
    extents_.add(offset, bytes.size());
    row_.size = std::max(row_.size, offset + bytes.size());
    row_.mtime_ns = now_ns;
    // What was staged there before is known; the time alone is not worth a record.
    return extents_.bytes() == before ? done() : log_range({offset, bytes.size()});
}

Result<> StagedFile::truncate(std::uint64_t size, std::int64_t now_ns) {
    if (size > kContentBytesMax) {
        return caller_error(Code::too_large, "a file ends at 1 PiB");
    }
    if (size < row_.size) {
        // What is cut off must read as zeros if the file grows again.
        SWARM_TRY(const FileStatus status, file_->status());
        if (status.size > size) {
            SWARM_CHECK(file_->truncate(size));
        }
        extents_.cut(size);
        row_.base_limit = std::min(row_.base_limit, size);
    }
    row_.size = size;
    row_.mtime_ns = now_ns;
    return log_row();
}

void StagedFile::set_mtime(std::int64_t mtime_ns) {
    row_.mtime_ns = mtime_ns;
    (void)log_row().ok();  // a time that is lost with a crash: not worth failing for
}

Result<> StagedFile::zero(const Range& range, Length length, std::int64_t now_ns) {
    SWARM_CHECK(check_end(range));
    const std::uint64_t size =
        length == Length::grows ? std::max(row_.size, range.end()) : row_.size;
    const std::uint64_t end = std::min(range.end(), size);
    const std::uint64_t over_base = std::min(end, row_.base_limit);
    if (range.offset < end) {
        SWARM_CHECK(clear({range.offset, end - range.offset}));
        if (range.offset < over_base) {  // hides the base: a hole that counts as written
            SWARM_TRY(const FileStatus status, file_->status());
            if (status.size < over_base) {
                SWARM_CHECK(file_->truncate(over_base));
            }
            extents_.add(range.offset, over_base - range.offset);
        }
        const std::uint64_t beyond = std::max(range.offset, over_base);
        extents_.remove(beyond, end - beyond);
    }
    row_.size = size;
    row_.mtime_ns = now_ns;
    return log_row();
}

Result<> StagedFile::reserve(const Range& range, Length length, std::int64_t now_ns) {
    SWARM_CHECK(check_end(range));
    SWARM_TRY(const std::uint64_t free, disk_.free_bytes(path_.parent_path()));
    SWARM_TRY(const FileStatus status, file_->status());
    if (range.length > free + status.allocated_bytes) {  // before a part of it is taken in vain
        return disk_error(Code::no_space, "the disk has no room for " +
                                              std::to_string(range.length) + " bytes more");
    }
    SWARM_CHECK(file_->allocate(range.offset, range.length));
    if (length == Length::grows && range.end() > row_.size) {
        row_.size = range.end();
        row_.mtime_ns = now_ns;
        return log_row();
    }
    return done();
}

bool StagedFile::refer(const ContentId& base, const Range& range, std::int64_t now_ns) {
    const bool anew = row_.size == 0 && range.offset == 0;
    const auto pieces = extents_.pieces(range.offset, range.length);
    const bool hidden =
        std::any_of(pieces.begin(), pieces.end(), [](const auto& piece) { return piece.covered; });
    if (!anew && (base != row_.base || range.offset > row_.base_limit || hidden)) {
        return false;
    }
    if (anew) {
        row_.base = base;
        row_.base_limit = 0;
    }
    row_.base_limit = std::max(row_.base_limit, range.end());
    row_.size = std::max(row_.size, range.end());
    row_.mtime_ns = now_ns;
    return log_row().ok();
}

std::vector<Segment> StagedFile::segments(std::uint64_t offset, std::uint64_t length) const {
    std::vector<Segment> segments;
    if (offset >= row_.size) {
        return segments;
    }
    for (const Extents::Piece& piece :
         extents_.pieces(offset, std::min(length, row_.size - offset))) {
        const Range range = piece.range;
        if (piece.covered) {
            segments.push_back({range, SegmentFrom::staged});
            continue;
        }
        const std::uint64_t split = std::clamp(row_.base_limit, range.offset, range.end());
        if (split > range.offset) {
            segments.push_back({{range.offset, split - range.offset}, SegmentFrom::base});
        }
        if (split < range.end()) {
            segments.push_back({{split, range.end() - split}, SegmentFrom::zero});
        }
    }
    return segments;
}

Result<> StagedFile::read(std::uint64_t offset, MutableByteSpan out) const {
    SWARM_TRY(const std::size_t got, file_->read_at(offset, out));
    if (got != out.size()) {
        return disk_error(Code::io, "the staging file " + path_.string() + " is too short");
    }
    return done();
}

Result<std::uint64_t> StagedFile::next_data(const Range& part) const {
    SWARM_TRY(const std::uint64_t found, file_->next_data(part.offset));
    return std::min(found, part.end());
}

Result<std::uint64_t> StagedFile::next_hole(const Range& part) const {
    SWARM_TRY(const std::uint64_t found, file_->next_hole(part.offset));
    return std::min(found, part.end());
}

Result<> StagedFile::fill(std::uint64_t offset, ByteSpan bytes) {
    SWARM_CHECK(file_->write_at(offset, bytes));
    extents_.add(offset, bytes.size());
    return log_range({offset, bytes.size()});
}

Result<> StagedFile::make_whole() {
    SWARM_CHECK(file_->truncate(row_.size));
    for (const Segment& segment : segments(0, row_.size)) {
        if (segment.from == SegmentFrom::zero) {
            SWARM_CHECK(clear(segment.range));
        } else {
            SWARM_CHECK(give_back(segment.range));
        }
    }
    return done();
}

// Room that was reserved, and not written to.
Result<> StagedFile::give_back(const Range& range) {
    for (std::uint64_t at = range.offset; at < range.end();) {
        SWARM_TRY(const std::uint64_t hole, file_->next_hole(at));
        if (hole >= range.end()) {
            break;
        }
        SWARM_TRY(const std::uint64_t data, file_->next_data(hole));
        at = std::min(data, range.end());
        SWARM_CHECK(clear({hole, at - hole}));
    }
    return done();
}

Result<> StagedFile::clear(Range range) {
    SWARM_TRY(const FileStatus status, file_->status());
    range.length = std::min(range.length, status.size - std::min(status.size, range.offset));
    if (range.length == 0) {
        return done();
    }
    if (auto punched = file_->punch(range.offset, range.length);
        punched.ok() || punched.error().code != Code::unsupported) {
        return punched;
    }
    SWARM_TRY(std::uint64_t at, file_->next_data(range.offset));
    while (at < range.end()) {
        const Bytes zeros(static_cast<std::size_t>(std::min(kZerosAtOnce, range.end() - at)));
        SWARM_CHECK(file_->write_at(at, zeros));
        SWARM_TRY(at, file_->next_data(at + zeros.size()));
    }
    return done();
}

Result<> StagedFile::sync() {
    SWARM_CHECK(file_->sync());
    if (!name_synced_) {
        SWARM_CHECK(disk_.sync_folder(path_.parent_path()));
        name_synced_ = true;
    }
    sync_promised_ = true;
    return done();
}

Result<> StagedFile::log_row() {
    return log_ ? log_->put_row(encoded_row()) : done();
}

Result<> StagedFile::log_range(const Range& range) {
    return log_ ? log_->add(range, row_.size, row_.mtime_ns, [this] { return encoded_row(); })
                : done();
}

void StagedFile::note_closed() {
    if (log_) {
        (void)log_->put_closed().ok();  // else the next start takes it for open, and waits
    }
}

void StagedFile::end_log() {
    if (log_) {
        log_->end();
    }
}

Bytes StagedFile::encoded_row() const {
    StagingRow row = row_;
    row.extents = extents_.all();
    return encode_staging_row(row);
}

}  // namespace swarmfs::store
