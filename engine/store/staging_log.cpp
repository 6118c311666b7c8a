#include "engine/store/staging_log.hpp"

#include <charconv>

#include "engine/core/wire.hpp"
#include "engine/store/crc32c.hpp"
#include "engine/store/key_spaces.hpp"
#include "engine/store/staged_file.hpp"

namespace swarmfs::store {
namespace {

constexpr std::string_view kMagic = "SWARMSTG";
constexpr std::uint32_t kLogVersion = 1;
constexpr std::size_t kRecordHead = 8;
// A row of as many ranges as a file of 2 GiB that is written in every other page has.
constexpr std::size_t kLogRowMax = 4 << 20;

enum class RecordKind : std::uint8_t { row = 1, range = 2, closed = 3, ended = 4 };

Bytes header_of(std::string_view boot) {
    Bytes header;
    WireWriter out(header);
    out.raw(as_bytes(kMagic));
    out.u32(kLogVersion);
    out.text16(boot);
    return header;
}

std::optional<std::uint64_t> segment_number(std::string_view name) {
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
    return failed == std::errc() && end == name.data() + name.size() ? std::optional(number)
                                                                     : std::nullopt;
}

Bytes body_of(RecordKind kind, std::uint64_t number) {
    Bytes body;
    WireWriter out(body);
    out.u8(static_cast<std::uint8_t>(kind));
    out.u64(number);
    return body;
}

}  // namespace

// What the segments say, taken together.
struct StagingLog::Found {
    struct One {
        StagingRow row;
        Extents extents;
        bool closed = false;
    };
    std::map<std::uint64_t, One> files;

    void take(ByteSpan body) {
        WireReader in(body);
        const auto kind = static_cast<RecordKind>(in.u8());
        const std::uint64_t number = in.u64();
        if (kind == RecordKind::row) {
            auto row = decode_staging_row(body.subspan(body.size() - in.remaining()));
            if (!row) {
                return;
            }
            One one;
            for (const Range& range : std::exchange(row->extents, {})) {
                one.extents.add(range.offset, range.length);
            }
            one.row = *std::move(row);
            files[number] = std::move(one);
            return;
        }
        const auto found = files.find(number);
        if (found == files.end()) {
            return;
        }
        if (kind == RecordKind::range) {
            const std::uint64_t offset = in.u64();
            found->second.extents.add(offset, in.u64());
            found->second.row.size = in.u64();
            found->second.row.mtime_ns = static_cast<std::int64_t>(in.u64());
            found->second.closed = false;
        } else if (kind == RecordKind::closed) {
            found->second.closed = true;
        } else if (kind == RecordKind::ended) {
            files.erase(found);
        }
    }
};

Result<std::unique_ptr<StagingLog>> StagingLog::open(Disk& disk, Database& database,
                                                     const Path& folder) {
    std::unique_ptr<StagingLog> log(new StagingLog(disk, folder));
    SWARM_CHECK(log->recover(database));
    return log;
}

// Segments that nobody needs any more go: the next start would have nothing to do with them.
StagingLog::~StagingLog() {
    for (const auto& [number, segment] : segments_) {
        if (segment->files == 0) {
            (void)disk_.remove(segment->path).ok();
        }
    }
}

Result<> StagingLog::recover(Database& database) {
    std::set<std::uint64_t> old;
    if (disk_.status(folder_).ok()) {
        SWARM_TRY(const auto names, disk_.list(folder_));
        for (const std::string& name : names) {
            if (const auto number = segment_number(name)) {
                old.insert(*number);
                next_ = std::max(next_, *number + 1);
            }
        }
    }
    Found found;
    const Bytes boot = to_bytes(as_bytes(disk_.boot()));
    const Bytes boot_key = key_of(KeySpace::staging_log);
    const bool counts = !boot.empty() && database.reader().get(boot_key) == boot;
    for (const std::uint64_t number : counts ? old : std::set<std::uint64_t>()) {
        read_segment(folder_ / std::to_string(number), found);
    }
    Changes rows;
    if (!counts) {
        rows[boot_key] = boot;
    }
    for (auto& [number, file] : found.files) {
        file.row.extents = file.extents.all();
        rows[staging_key(number)] = encode_staging_row(file.row);
        if (!file.closed) {
            had_writer_.insert(number);
        }
    }
    if (!rows.empty()) {
        SWARM_CHECK(database.commit(std::move(rows), Durability::process_crash));
    }
    for (const std::uint64_t number : old) {
        SWARM_CHECK(disk_.remove(folder_ / std::to_string(number)));
    }
    return done();
}

void StagingLog::read_segment(const Path& path, Found& found) const {
    const auto file = disk_.open(path, Open::read);
    const auto status = file.ok() ? (*file)->status() : Result<FileStatus>(file.error());
    if (!status.ok()) {
        return;
    }
    Bytes bytes(static_cast<std::size_t>(std::min(status->size, kSegmentBytes + 2 * kLogRowMax)));
    const auto got = (*file)->read_at(0, MutableByteSpan(bytes));
    ByteSpan rest = ByteSpan(bytes).first(got.ok() ? *got : 0);
    const std::string boot = disk_.boot();
    const Bytes header = header_of(boot);
    if (boot.empty() || rest.size() < header.size() ||
        !std::equal(header.begin(), header.end(), rest.begin())) {
        return;
    }
    rest = rest.subspan(header.size());
    while (rest.size() >= kRecordHead) {
        WireReader head(rest.first(kRecordHead));
        const std::uint32_t length = head.u32();
        const std::uint32_t sum = head.u32();
        rest = rest.subspan(kRecordHead);
        if (length == 0 || length > rest.size() || crc32c(rest.first(length)) != sum) {
            return;
        }
        found.take(rest.first(length));
        rest = rest.subspan(length);
    }
}

// Requires, for those below: mutex_ is held.
Result<> StagingLog::begin_segment() {
    const std::uint64_t number = next_;
    auto segment = std::make_unique<Segment>();
    segment->path = folder_ / std::to_string(number);
    SWARM_CHECK(disk_.make_folder(folder_));
    SWARM_TRY(segment->file, disk_.open(segment->path, Open::create_new));
    const Bytes header = header_of(disk_.boot());
    SWARM_CHECK(segment->file->write_at(0, header));
    segment->end = header.size();
    Segment* const before = std::exchange(newest_, segment.get());
    segments_.emplace(next_++, std::move(segment));
    if (before != nullptr && before->files == 0) {
        const Path path = before->path;
        std::erase_if(segments_, [&](const auto& one) { return one.second.get() == before; });
        (void)disk_.remove(path).ok();
    }
    return done();
}

Result<> StagingLog::append(ByteSpan body) {
    if (newest_ == nullptr || newest_->end >= kSegmentBytes) {
        SWARM_CHECK(begin_segment());
    }
    Bytes record;
    record.reserve(kRecordHead + body.size());
    WireWriter out(record);
    out.u32(static_cast<std::uint32_t>(body.size()));
    out.u32(crc32c(body));
    out.raw(body);
    SWARM_CHECK(newest_->file->write_at(newest_->end, record));
    newest_->end += record.size();
    return done();
}

Result<> StagingLog::append_row(Entry& entry, ByteSpan row) {
    if (row.size() >
        kLogRowMax) {  // its row in the Database, of when it was last closed, has to do
        return append_ended(entry);
    }
    Bytes body = body_of(RecordKind::row, entry.number_);
    WireWriter(body).raw(row);
    SWARM_CHECK(append(body));
    if (entry.segment_ != newest_) {
        leave(entry);
        entry.segment_ = newest_;
        ++newest_->files;
    }
    return done();
}

Result<> StagingLog::append_ended(Entry& entry) {
    auto said =
        entry.segment_ == nullptr ? done() : append(body_of(RecordKind::ended, entry.number_));
    leave(entry);
    return said;
}

// The entry has no whole row any more.
void StagingLog::leave(Entry& entry) {
    Segment* const segment = std::exchange(entry.segment_, nullptr);
    if (segment != nullptr && --segment->files == 0 && segment != newest_) {
        const Path path = segment->path;
        std::erase_if(segments_, [&](const auto& one) { return one.second.get() == segment; });
        (void)disk_.remove(path).ok();
    }
}

// ---- entries ----

Result<> StagingLog::Entry::put_row(ByteSpan row) {
    const std::scoped_lock lock(log_.mutex_);
    return log_.append_row(*this, row);
}

// A new segment may begin between this and the record that follows: that one then goes to where its
// file has no row, and the next record brings it there.
bool StagingLog::Entry::in_newest() const {
    const std::scoped_lock lock(log_.mutex_);
    return segment_ != nullptr && segment_ == log_.newest_ && log_.newest_->end < kSegmentBytes;
}

Result<> StagingLog::Entry::put_range(const Range& range, std::uint64_t size,
                                      std::int64_t mtime_ns) {
    Bytes body = body_of(RecordKind::range, number_);
    WireWriter out(body);
    for (const std::uint64_t number :
         {range.offset, range.length, size, static_cast<std::uint64_t>(mtime_ns)}) {
        out.u64(number);
    }
    const std::scoped_lock lock(log_.mutex_);
    return log_.append(body);
}

Result<> StagingLog::Entry::put_closed() {
    const std::scoped_lock lock(log_.mutex_);
    return segment_ == nullptr ? done() : log_.append(body_of(RecordKind::closed, number_));
}

void StagingLog::Entry::end() {
    const std::scoped_lock lock(log_.mutex_);
    // Where it cannot be said, the next start finds a row of a file that is published or gone: it
    // looks for that file.
    (void)log_.append_ended(*this).ok();
}

}  // namespace swarmfs::store
