#include "engine/store/namespace_sums.hpp"

#include <map>
#include <utility>
#include <vector>

#include "engine/core/wire.hpp"
#include "engine/store/content_rows.hpp"

namespace swarmfs::store {
namespace {

constexpr std::uint8_t kVersion = 1;

std::uint64_t decode_count(const std::optional<Bytes>& row) {
    return row ? WireReader(*row).u64() : 0;
}

void put_count(KeyValueWriter& rows, const ContentId& content, std::uint64_t count) {
    if (count == 0) {
        rows.erase(shown_key(content));
        if (const Bytes hash = file_hash_key(content); rows.get(hash)) {
            rows.erase(hash);
        }
        return;
    }
    Bytes row;
    WireWriter(row).u64(count);
    rows.put(shown_key(content), row);
}

std::uint64_t stored_bytes_of(const KeyValueReader& home, const ContentId& content) {
    const Bytes key = stored_key(content);
    const auto row = home.get(key);
    const auto record = row ? decode_stored(key, *row) : std::nullopt;
    return record ? record->stored_bytes : 0;
}

std::optional<InodeRecord> record_in(const KeyValueReader& rows, Inode inode) {
    const auto row = rows.get(inode_key(inode));
    return row ? decode_record(inode, *row) : std::nullopt;
}

bool counts_alike(const InodeRecord& left, const InodeRecord& right) {
    return left.inode == right.inode && left.kind == right.kind && left.content == right.content;
}

}  // namespace

Bytes encode_sums(const NamespaceSums& sums) {
    Bytes row;
    WireWriter out(row);
    out.u8(kVersion);
    out.u64(sums.files);
    out.u64(sums.directories);
    out.u64(sums.bytes);
    out.u64(sums.stored_bytes);
    return row;
}

std::optional<NamespaceSums> decode_sums(ByteSpan row) {
    WireReader in(row);
    const std::uint8_t version = in.u8();
    NamespaceSums sums;
    sums.files = in.u64();
    sums.directories = in.u64();
    sums.bytes = in.u64();
    sums.stored_bytes = in.u64();
    return version == kVersion && in.finished() ? std::optional(sums) : std::nullopt;
}

NamespaceSums read_sums(const KeyValueReader& rows) {
    const auto row = rows.get(sums_key());
    return (row ? decode_sums(*row) : std::nullopt).value_or(NamespaceSums{});
}

void InodeLedger::put(const InodeRecord& record) {
    count_once();
    const auto before = record_in(rows_, record.inode);
    rows_.put(inode_key(record.inode), encode_record(record));
    move(before, record);
}

void InodeLedger::erase(Inode inode) {
    count_once();
    const auto before = record_in(rows_, inode);
    rows_.erase(inode_key(inode));
    move(before, std::nullopt);
}

void InodeLedger::move(const std::optional<InodeRecord>& before,
                       const std::optional<InodeRecord>& after) {
    if (before && after && counts_alike(*before, *after)) {
        return;
    }
    NamespaceSums sums = read_sums(rows_);
    if (before) {
        count(sums, *before, false);
    }
    if (after) {
        count(sums, *after, true);
    }
    rows_.put(sums_key(), encode_sums(sums));
}

// Numbers wrap where something is taken away: what they end at is what counts.
void InodeLedger::count(NamespaceSums& sums, const InodeRecord& record, bool added) {
    const std::uint64_t one = added ? 1 : ~std::uint64_t{0};
    if (record.kind == InodeKind::directory && record.inode != kRootInode) {
        sums.directories += one;
    }
    if (record.kind != InodeKind::file) {
        return;
    }
    sums.files += one;
    if (record.content.size > 0) {
        sums.bytes += one * record.content.size;
        sums.stored_bytes += one * stored_bytes_of(home_, record.content);
        put_count(rows_, record.content, decode_count(rows_.get(shown_key(record.content))) + one);
    }
}

void InodeLedger::count_once() {
    if (std::exchange(counted_, true)) {
        return;
    }
    const auto row = rows_.get(sums_key());
    if (row && decode_sums(*row)) {
        return;
    }
    std::vector<Bytes> old;
    rows_.scan(shown_prefix(), {}, [&](ByteSpan key, ByteSpan) {
        old.push_back(to_bytes(key));
        return true;
    });
    for (const Bytes& key : old) {
        rows_.erase(key);
    }
    NamespaceSums sums;
    std::map<ContentId, std::uint64_t> shown;
    rows_.scan(inodes_prefix(), {}, [&](ByteSpan key, ByteSpan value) {
        const auto inode = inode_of_key(key);
        const auto record = inode ? decode_record(*inode, value) : std::nullopt;
        if (record && record->kind == InodeKind::file) {
            ++sums.files;
            sums.bytes += record->content.size;
            shown[record->content] += record->content.size > 0 ? 1 : 0;
        }
        sums.directories +=
            record && record->kind == InodeKind::directory && *inode != kRootInode ? 1 : 0;
        return true;
    });
    for (const auto& [content, count] : shown) {
        put_count(rows_, content, count);
        sums.stored_bytes += count * stored_bytes_of(home_, content);
    }
    rows_.put(sums_key(), encode_sums(sums));
}

void restate_stored(KeyValueWriter& rows, const ContentId& content, std::uint64_t before,
                    std::uint64_t after) {
    const std::uint64_t files = decode_count(rows.get(shown_key(content)));
    if (files == 0) {
        return;
    }
    NamespaceSums sums = read_sums(rows);
    sums.stored_bytes += files * (after - before);
    rows.put(sums_key(), encode_sums(sums));
}

}  // namespace swarmfs::store
