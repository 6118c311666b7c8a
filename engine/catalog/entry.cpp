#include "engine/catalog/entry.hpp"

#include <algorithm>

#include "engine/core/units.hpp"
#include "engine/core/utf8.hpp"
#include "engine/crypto/hash.hpp"

namespace swarmfs::catalog {
namespace {

constexpr std::uint8_t kHasBase = 1;
constexpr std::uint8_t kEntryHashDomain = 0x00;

template <class T>
bool strictly_ascending(const std::vector<T>& items) {
    return std::adjacent_find(items.begin(), items.end(), [](const T& left, const T& right) {
               return !(left < right);
           }) == items.end();
}

bool is_tag(std::string_view tag) {
    return !tag.empty() && tag.size() <= kTagBytesMax && is_utf8(tag);
}

bool is_extension_key(std::string_view key) {
    return !key.empty() && key.size() <= kExtensionKeyBytesMax && is_utf8(key);
}

bool is_target(std::string_view target) {
    return !target.empty() && target.size() <= kTargetBytesMax &&
           target.find('\0') == std::string_view::npos;
}

bool is_content(const ContentId& content) {
    return content.size <= kContentBytesMax && content.root.is_zero() == (content.size == 0);
}

// What a decoder cannot get wrong but a caller can.
Result<> check_entry(const Entry& entry) {
    SWARM_CHECK(check_path(entry.path));
    const bool deleted = entry.kind == EntryKind::deleted;
    const bool file = entry.kind == EntryKind::file;
    const bool symlink = entry.kind == EntryKind::symlink;
    if (entry.mode > kModeMask || (deleted && (entry.mode != 0 || entry.mtime_ns != 0))) {
        return caller_error(Code::invalid, "an entry's mode holds more than permissions");
    }
    if (!is_content(entry.content) || (!file && entry.content != ContentId{})) {
        return caller_error(Code::too_large, "an entry's content is not one a file can have");
    }
    if (symlink ? !is_target(entry.target) : !entry.target.empty()) {
        return caller_error(
            entry.target.size() > kTargetBytesMax ? Code::name_too_long : Code::invalid,
            "a symlink's target is empty, too long or contains a NUL");
    }
    if (entry.base && (entry.base->size() > kBaseDotsMax || !strictly_ascending(*entry.base) ||
                       std::any_of(entry.base->begin(), entry.base->end(),
                                   [](const Dot& dot) { return dot.sequence == 0; }))) {
        return caller_error(Code::invalid, "an entry's base is not an ordered list of versions");
    }
    if (entry.tags.size() > kTagsMax || !strictly_ascending(entry.tags) ||
        !std::all_of(entry.tags.begin(), entry.tags.end(), is_tag) ||
        (deleted && !entry.tags.empty())) {
        return caller_error(Code::invalid,
                            "tags are at most 32, of 1 to 64 bytes each, in order, without twins");
    }
    if (entry.extensions.size() > kExtensionsMax) {
        return caller_error(Code::no_space, "an entry has more than 64 extensions");
    }
    for (const auto& [key, value] : entry.extensions) {
        if (!is_extension_key(key) || value.size() > kEntryBytesMax) {
            return caller_error(Code::no_space, "an entry's extensions are beyond their bounds");
        }
    }
    return done();
}

void write_spine(WireWriter& out, EntryKind kind, HybridTime clock,
                 const std::optional<std::vector<Dot>>& base) {
    out.u8(kEntryVersion);
    out.u8(static_cast<std::uint8_t>(kind));
    out.u8(base ? kHasBase : 0);
    out.u64(clock);
    if (base) {
        out.u8(static_cast<std::uint8_t>(base->size()));
        for (const Dot& dot : *base) {
            write_dot(out, dot);
        }
    }
}

// `T` is an Entry or a Stub. Fails the reader; returns why when the version is another.
template <class T>
Result<> read_spine(WireReader& in, T& into) {
    const std::uint8_t version = in.u8();
    if (!in.failed() && version != kEntryVersion) {
        return peer_error("an entry is of format version " + std::to_string(version) +
                              ", which this program does not know",
                          Code::unsupported);
    }
    const std::uint8_t kind = in.u8();
    const std::uint8_t flags = in.u8();
    if (kind < 1 || kind > 4 || flags > kHasBase) {
        in.fail();
        return done();
    }
    into.kind = static_cast<EntryKind>(kind);
    into.clock = in.u64();
    if ((flags & kHasBase) == 0) {
        return done();
    }
    const std::size_t count = in.u8();
    if (count > kBaseDotsMax || count * kDotBytes > in.remaining()) {
        in.fail();
        return done();
    }
    into.base.emplace();
    for (std::size_t i = 0; i < count; ++i) {
        into.base->push_back(read_dot(in));
        if (into.base->back().sequence == 0) {
            in.fail();
        }
    }
    if (!strictly_ascending(*into.base)) {
        in.fail();
    }
    return done();
}

void write_body(WireWriter& out, const Entry& entry) {
    out.text16(entry.path);
    out.fixed(entry.file);
    if (entry.kind != EntryKind::deleted) {
        if (entry.kind == EntryKind::file) {
            out.fixed(entry.content.root);
            out.u64(entry.content.size);
        } else if (entry.kind == EntryKind::symlink) {
            out.text16(entry.target);
        }
        out.u16(entry.mode);
        out.u64(static_cast<std::uint64_t>(entry.mtime_ns));
        out.u8(static_cast<std::uint8_t>(entry.tags.size()));
        for (const std::string& tag : entry.tags) {
            out.text16(tag);
        }
    }
    write_extensions(out, entry.extensions);
}

void read_fields(WireReader& in, Entry& entry) {
    if (entry.kind == EntryKind::file) {
        entry.content.root = in.fixed<Hash256>();
        entry.content.size = in.u64();
        if (!is_content(entry.content)) {
            in.fail();
        }
    } else if (entry.kind == EntryKind::symlink) {
        entry.target = in.text16();
        if (!is_target(entry.target)) {
            in.fail();
        }
    }
    entry.mode = in.u16();
    entry.mtime_ns = static_cast<std::int64_t>(in.u64());
    const std::size_t tags = in.u8();
    if (tags > kTagsMax || entry.mode > kModeMask) {
        in.fail();
    }
    for (std::size_t i = 0; i < tags && !in.failed(); ++i) {
        entry.tags.push_back(in.text16());
        if (!is_tag(entry.tags.back())) {
            in.fail();
        }
    }
    if (!strictly_ascending(entry.tags)) {
        in.fail();
    }
}

}  // namespace

const char* name_of(EntryKind kind) {
    switch (kind) {
        case EntryKind::file: return "file";
        case EntryKind::directory: return "directory";
        case EntryKind::symlink: return "symlink";
        case EntryKind::deleted: return "deleted";
    }
    return "unknown";
}

void write_extensions(WireWriter& out, const Extensions& extensions) {
    out.u8(static_cast<std::uint8_t>(extensions.size()));
    for (const auto& [key, value] : extensions) {
        out.text16(key);
        out.bytes16(value);
    }
}

Extensions read_extensions(WireReader& in) {
    const std::size_t count = in.u8();
    if (count > kExtensionsMax) {
        in.fail();
    }
    Extensions extensions;
    for (std::size_t i = 0; i < count && !in.failed(); ++i) {
        std::string key = in.text16();
        const ByteSpan value = in.bytes16();
        if (!is_extension_key(key) || (!extensions.empty() && key <= extensions.rbegin()->first)) {
            in.fail();
            break;
        }
        extensions.emplace_hint(extensions.end(), std::move(key), to_bytes(value));
    }
    return extensions;
}

Result<Bytes> encode_entry(const Entry& entry) {
    SWARM_CHECK(check_entry(entry));
    Bytes bytes;
    bytes.reserve(160 + entry.path.size());
    WireWriter out(bytes);
    write_spine(out, entry.kind, entry.clock, entry.base);
    write_body(out, entry);
    if (bytes.size() > kEntryBytesMax) {
        return caller_error(Code::no_space, "an entry would be larger than 16 KiB");
    }
    return bytes;
}

Result<Entry> decode_entry(ByteSpan bytes) {
    if (bytes.size() > kEntryBytesMax) {
        return peer_error("an entry is larger than 16 KiB", Code::too_large);
    }
    WireReader in(bytes);
    Entry entry;
    SWARM_CHECK(read_spine(in, entry));
    entry.path = in.text16();
    entry.file = in.fixed<FileId>();
    if (entry.kind != EntryKind::deleted) {
        read_fields(in, entry);
    }
    entry.extensions = read_extensions(in);
    if (!in.finished()) {
        return peer_error("the bytes of an entry are damaged");
    }
    if (auto path = check_path(entry.path); !path.ok()) {
        return peer_error("an entry's path is not allowed: " + path.error().message);
    }
    return entry;
}

Bytes encode_stub(const Stub& stub) {
    SWARM_ASSERT(!stub.base || stub.base->size() <= kBaseDotsMax);
    Bytes bytes;
    WireWriter out(bytes);
    write_spine(out, stub.kind, stub.clock, stub.base);
    out.fixed(stub.path_hash);
    out.fixed(stub.body_hash);
    return bytes;
}

Result<Stub> decode_stub(ByteSpan bytes) {
    WireReader in(bytes);
    Stub stub;
    SWARM_CHECK(read_spine(in, stub));
    stub.path_hash = in.fixed<Hash256>();
    stub.body_hash = in.fixed<Hash256>();
    if (!in.finished()) {
        return peer_error("the bytes of a superseded entry are damaged");
    }
    return stub;
}

Stub stub_of(ByteSpan entry_bytes) {
    WireReader in(entry_bytes);
    Stub stub;
    SWARM_ASSERT(read_spine(in, stub).ok() && !in.failed());
    const ByteSpan body = in.rest();
    WireReader body_reader(body);
    stub.path_hash = path_hash(as_text(body_reader.bytes16()));
    stub.body_hash = crypto::sha256(body);
    return stub;
}

Hash256 entry_hash(const Stub& stub) {
    Bytes bytes{kEntryHashDomain};
    const Bytes encoded = encode_stub(stub);
    bytes.insert(bytes.end(), encoded.begin(), encoded.end());
    return crypto::sha256(bytes);
}

}  // namespace swarmfs::catalog
