#pragma once
// What the file system is asked and answers about files and names. Plain values.

#include <cstdint>
#include <optional>

#include "engine/core/clock.hpp"
#include "engine/node/volume.hpp"
#include "fs/open_files.hpp"

namespace swarmfs::fs {

// No set-uid, set-gid: another member must not be able to hand out this machine's rights.
constexpr std::uint32_t kModeBits = 01777;

// What is kept of a mode that a program asks for: permission bits and sticky.
constexpr std::uint32_t stored_mode(std::uint32_t mode) {
    return mode & kModeBits;
}

struct FileStatus {
    node::Attributes attributes;  // mode with the mount's umask applied
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    Duration keep{};  // how long the kernel may keep this
};

// What a name means: `status` is empty for "no such name", which may be kept as well.
struct NameStatus {
    std::optional<FileStatus> status;
    Duration keep{};
};

struct StatusChange {
    std::optional<std::uint32_t> mode;
    std::optional<std::uint32_t> uid;
    std::optional<std::uint32_t> gid;
    std::optional<std::uint64_t> size;
    std::optional<std::int64_t> mtime_ns;
    bool mtime_now = false;
};

struct OpenRequest {
    node::Access access = node::Access::read;
    bool truncate = false;
    bool exclusive = false;  // create only
};

struct Opened {
    OpenHandle handle;
    bool keep_pages = true;
    bool direct = false;
};

struct CreatedFile {
    NameStatus name;
    Opened opened;
};

}  // namespace swarmfs::fs
