#include "fs/fuse_packing.hpp"

#include <sys/stat.h>

namespace swarmfs::fs {
namespace {

using node::FileKind;

timespec timespec_of(std::int64_t nanoseconds) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    timespec time{};
    time.tv_sec = nanoseconds / kSecond;
    time.tv_nsec = nanoseconds % kSecond;
    if (time.tv_nsec < 0) {  // before 1970
        time.tv_nsec += kSecond;
        --time.tv_sec;
    }
    return time;
}

mode_t type_of(FileKind kind) {
    switch (kind) {
        case FileKind::file: return S_IFREG;
        case FileKind::directory: return S_IFDIR;
        case FileKind::symlink: return S_IFLNK;
    }
    return S_IFREG;
}

}  // namespace

struct stat stat_of(const FileStatus& status) {
    const node::Attributes& attributes = status.attributes;
    struct stat out {};
    out.st_ino = attributes.inode;
    out.st_mode = type_of(attributes.kind) | attributes.mode;
    out.st_nlink = attributes.links;
    out.st_uid = status.uid;
    out.st_gid = status.gid;
    out.st_size = static_cast<off_t>(attributes.size);
    // Of what is here, so that `du` shows what the swarm costs this disk.
    out.st_blocks = static_cast<blkcnt_t>(shown_blocks(attributes));
    out.st_blksize = 128 * 1024;  // what programs then read at a time
    out.st_mtim = timespec_of(attributes.mtime_ns);
    out.st_atim = out.st_mtim;
    out.st_ctim = timespec_of(attributes.ctime_ns);
    return out;
}

double seconds_of(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

fuse_entry_param entry_of(const NameStatus& name) {
    fuse_entry_param entry{};
    entry.entry_timeout = seconds_of(name.keep);
    if (name.status) {
        entry.ino = name.status->attributes.inode;
        entry.attr = stat_of(*name.status);
        entry.attr_timeout = seconds_of(name.status->keep);
    }
    return entry;
}

}  // namespace swarmfs::fs
