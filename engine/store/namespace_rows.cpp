#include "engine/store/namespace_rows.hpp"

#include "engine/core/wire.hpp"

namespace swarmfs::store {
namespace {

constexpr std::uint8_t kRecordVersion = 1;
constexpr std::uint8_t kHasDot = 1;

}  // namespace

Bytes encode_record(const InodeRecord& record) {
    Bytes bytes;
    WireWriter out(bytes);
    out.u8(kRecordVersion);
    out.u8(static_cast<std::uint8_t>(record.kind));
    out.u8(record.dot ? kHasDot : 0);
    out.u64(record.parent);
    out.text16(record.name);
    out.u16(record.mode);
    out.u64(static_cast<std::uint64_t>(record.mtime_ns));
    out.u64(static_cast<std::uint64_t>(record.ctime_ns));
    out.fixed(record.content.root);
    out.u64(record.content.size);
    out.text16(record.target);
    if (record.dot) {
        catalog::write_dot(out, *record.dot);
    }
    return bytes;
}

std::optional<InodeRecord> decode_record(Inode inode, ByteSpan bytes) {
    WireReader in(bytes);
    InodeRecord record;
    record.inode = inode;
    const std::uint8_t version = in.u8();
    record.kind = static_cast<InodeKind>(in.u8());
    const std::uint8_t flags = in.u8();
    record.parent = in.u64();
    record.name = in.text16();
    record.mode = in.u16();
    record.mtime_ns = static_cast<std::int64_t>(in.u64());
    record.ctime_ns = static_cast<std::int64_t>(in.u64());
    record.content.root = in.fixed<Hash256>();
    record.content.size = in.u64();
    record.target = in.text16();
    if ((flags & kHasDot) != 0) {
        record.dot = catalog::read_dot(in);
    }
    return in.finished() && version == kRecordVersion ? std::optional(record) : std::nullopt;
}

Bytes names_prefix(Inode parent) {
    Bytes key;
    WireWriter out(key);
    out.u8('d');
    out.u64(parent);
    return key;
}

Bytes name_key(Inode parent, std::string_view name) {
    Bytes key = names_prefix(parent);
    key.insert(key.end(), name.begin(), name.end());
    return key;
}

Bytes inode_key(Inode inode) {
    Bytes key;
    WireWriter out(key);
    out.u8('i');
    out.u64(inode);
    return key;
}

Bytes inodes_prefix() {
    return {'i'};
}

std::optional<Inode> inode_of_key(ByteSpan key) {
    WireReader in(key);
    const bool of_inode = in.u8() == 'i';
    const Inode inode = in.u64();
    return of_inode && in.finished() ? std::optional(inode) : std::nullopt;
}

Bytes unpublished_key(Inode inode) {
    Bytes key;
    WireWriter out(key);
    out.u8('u');
    out.u64(inode);
    return key;
}

Bytes annotations_key(Inode inode) {
    Bytes key;
    WireWriter out(key);
    out.u8('a');
    out.u64(inode);
    return key;
}

Bytes next_inode_key() {
    return {'n'};
}
Bytes shown_key(const ContentId& content) {
    Bytes key = shown_prefix();
    WireWriter out(key);
    out.fixed(content.root);
    out.u64(content.size);
    return key;
}
Bytes shown_prefix() {
    return {'c'};
}
Bytes file_hash_key(const ContentId& content) {
    Bytes key = {'h'};
    WireWriter out(key);
    out.fixed(content.root);
    out.u64(content.size);
    return key;
}
Bytes sums_key() {
    return {'s'};
}

}  // namespace swarmfs::store
