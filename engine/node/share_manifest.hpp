#pragma once
// What a shared folder looked like when it was last scanned, so that a scan costs a stat a file.
//
//   50 'm' swarm:8 source_hash:16 path_hash:32  ->  version:u8(1) device:u64 inode:u64 size:u64
//                                     mtime:i64 mode:u32 root:32 content_size:u64 path:text16
//
// `path` is the one in the swarm. Pure.

#include <optional>
#include <string>

#include "engine/core/bytes.hpp"
#include "engine/core/ids.hpp"

namespace swarmfs::node {

struct ManifestRow {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;
    std::uint32_t mode = 0;  // with the kind
    ContentId content;       // of a regular file; of a symbolic link, hash and length of its target
    std::string path;

    bool operator==(const ManifestRow&) const = default;
    // The same file, not written to since.
    bool looks_like(const ManifestRow& other) const {
        return device == other.device && inode == other.inode && size == other.size &&
               mtime_ns == other.mtime_ns && mode == other.mode;
    }
};

// What a path says beyond its mode and its times, as a row keeps it.
ContentId said(const ContentId& content, const std::string& target);

// Of all folders shared into a swarm, and of one.
Bytes manifest_prefix(const SwarmId& swarm);
Bytes manifest_prefix(const SwarmId& swarm, const std::string& source);
Bytes manifest_key(const SwarmId& swarm, const std::string& source, const std::string& path);
Bytes encode(const ManifestRow& row);
std::optional<ManifestRow> decode_manifest_row(ByteSpan bytes);

}  // namespace swarmfs::node
