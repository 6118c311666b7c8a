#pragma once
// What the file system says of an inode or a name, as libfuse hands it to the kernel. Pure.

#include "fs/file_system.hpp"
#include "fs/fuse_api.hpp"

namespace swarmfs::fs {

struct stat stat_of(const FileStatus& status);
double seconds_of(Duration duration);
// A name without status packs as one that is absent.
fuse_entry_param entry_of(const NameStatus& name);

}  // namespace swarmfs::fs
