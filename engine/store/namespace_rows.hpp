#pragma once
// How the namespace lies in its tables. Below the prefix of a swarm:
//
//   'd' parent:u64 name   ->  inode:u64                       a name in a directory
//   'i' inode:u64         ->  record                          what the inode is
//   'u' inode:u64         ->  nothing                         a file that is not published yet
//   'a' inode:u64         ->  annotations                     what no entry holds (annotations.hpp):
//                                                             of such a file, and of the root
//   'n'                   ->  u64                             the next inode number
//   'c' root:32 size:u64  ->  files:u64                       how many files show a content
//   'h' root:32 size:u64  ->  hash:32                         SHA-256 over all of a content that
//                                                             'c' says is shown
//   's'                   ->  sums                            for status: namespace_sums.hpp
//
//   record = version:u8(1) kind:u8 flags:u8 parent:u64 name:text16 mode:u16 mtime:i64 ctime:i64
//            root:32 size:u64 target:text16 [ author sequence:u64 ]        the dot if flags & 1
//
// Pure; any thread.

#include <optional>
#include <string>

#include "engine/catalog/version_vector.hpp"
#include "engine/core/bytes.hpp"
#include "engine/core/ids.hpp"

namespace swarmfs::store {

using Inode = std::uint64_t;
inline constexpr Inode kRootInode = 1;

enum class InodeKind : std::uint8_t { file = 1, directory = 2, symlink = 3 };

struct InodeRecord {
    Inode inode = 0;
    InodeKind kind = InodeKind::file;
    Inode parent = 0;
    std::string name;
    std::uint16_t mode = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t ctime_ns = 0;
    ContentId content;
    std::string target;
    // The version that is shown. Absent: an implicit directory, or a file nobody else knows of yet.
    std::optional<catalog::Dot> dot;

    bool operator==(const InodeRecord&) const = default;
};

Bytes encode_record(const InodeRecord& record);
// Returns: nothing for bytes that are no record.
std::optional<InodeRecord> decode_record(Inode inode, ByteSpan bytes);

Bytes name_key(Inode parent, std::string_view name);
Bytes names_prefix(Inode parent);
Bytes inode_key(Inode inode);
Bytes inodes_prefix();
// Returns: nothing when the key is of another kind.
std::optional<Inode> inode_of_key(ByteSpan key);
Bytes unpublished_key(Inode inode);
Bytes annotations_key(Inode inode);
Bytes next_inode_key();
Bytes shown_key(const ContentId& content);
Bytes shown_prefix();
Bytes file_hash_key(const ContentId& content);
Bytes sums_key();

}  // namespace swarmfs::store
