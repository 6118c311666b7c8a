#pragma once
// One statement about one path: "this path is now that". The unit of the catalog.
//
//   entry = spine body                               numbers are big-endian, at most 16 KiB in all
//   spine = version:u8(1) kind:u8 flags:u8 clock:u64 [ count:u8 dot{count} ]   the list if flags &
//   1 body  = path:text16 file:16 fields extensions fields, file       root:32 size:u64 mode:u16
//   mtime_ns:i64 tags
//           directory                   mode:u16 mtime_ns:i64 tags
//           symlink    target:text16    mode:u16 mtime_ns:i64 tags
//           deleted    nothing
//   tags       = count:u8 { text16 }*                ascending, no twins
//   extensions = count:u8 { key:text16 value:bytes16 }*   ascending by key, no twins
//   stub  = spine path_hash:32 body_hash:32          what remains of a superseded entry
//
// Rules:
//   1. The encoding is canonical: bytes that are not what encoding their meaning yields are
//      refused.
//   2. The hash of an entry is SHA-256(0x00, stub), so a stub stands in for the entry in every
//      proof and still says which path it spoke of and what it replaced. Nobody can drop a version
//      that counts by calling it old: whoever has only the stub of a current version knows that.
//   3. `base` names the versions this one replaces. Left out, it replaces every version of the path
//      that its header had seen: the usual case.
//   4. A root is zero exactly when the size is zero; sizes end at kContentBytesMax.
//   5. Extensions a reader does not know are kept.
// Pure; any thread.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/catalog/hybrid_clock.hpp"
#include "engine/catalog/path_rules.hpp"
#include "engine/catalog/version_vector.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"

namespace swarmfs::catalog {

// Fixed by the format.
inline constexpr std::uint8_t kEntryVersion = 1;

// Chosen by us.
// Room for a longest path, all tags, a longest base and 6 KiB of attributes (annotations.hpp).
inline constexpr std::size_t kEntryBytesMax = 16 * 1024;
inline constexpr std::size_t kTargetBytesMax = 4095;  // PATH_MAX less its NUL
inline constexpr std::size_t kTagsMax = 32;
inline constexpr std::size_t kTagBytesMax = 64;
inline constexpr std::size_t kExtensionsMax = 64;
inline constexpr std::size_t kExtensionKeyBytesMax = 64;
// More versions than people merge by hand; what is not named stays visible, which is safe.
inline constexpr std::size_t kBaseDotsMax = 64;
inline constexpr std::uint16_t kModeMask = 07777;

enum class EntryKind : std::uint8_t { file = 1, directory = 2, symlink = 3, deleted = 4 };

// "file", "directory", "symlink", "deleted".
const char* name_of(EntryKind kind);

using Extensions = std::map<std::string, Bytes>;

struct Entry {
    EntryKind kind = EntryKind::file;
    HybridTime clock = 0;
    std::optional<std::vector<Dot>> base;  // ascending, no twins
    std::string path;
    FileId file;
    ContentId content;       // of a file
    std::string target;      // of a symlink: data, never followed by swarmfs; any bytes but NUL
    std::uint16_t mode = 0;  // permission bits; whoever shows them strips set-uid and set-gid
    std::int64_t mtime_ns = 0;
    std::vector<std::string> tags;  // ascending, no twins
    Extensions extensions;

    bool operator==(const Entry&) const = default;
};

struct Stub {
    EntryKind kind = EntryKind::file;
    HybridTime clock = 0;
    std::optional<std::vector<Dot>> base;
    Hash256 path_hash;
    Hash256 body_hash;

    bool operator==(const Stub&) const = default;
};

// Errors: caller errors for an entry that breaks a rule or a bound.
Result<Bytes> encode_entry(const Entry& entry);
// Errors: peer errors.
Result<Entry> decode_entry(ByteSpan bytes);

Bytes encode_stub(const Stub& stub);
Result<Stub> decode_stub(ByteSpan bytes);

// Requires: `entry_bytes` came from encode_entry, or passed decode_entry.
Stub stub_of(ByteSpan entry_bytes);

Hash256 entry_hash(const Stub& stub);
inline Hash256 entry_hash_of(ByteSpan entry_bytes) {
    return entry_hash(stub_of(entry_bytes));
}

// For other formats that carry extensions: headers.
void write_extensions(WireWriter& out, const Extensions& extensions);
Extensions read_extensions(WireReader& in);

}  // namespace swarmfs::catalog
