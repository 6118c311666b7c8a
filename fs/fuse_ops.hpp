#pragma once
// What the kernel asks, unpacked, put to the FileSystem, and its answer packed. No decision is made
// here.
//
// Absent on purpose (the kernel remembers that and asks no more): locks (the kernel keeps them, per
// mount), access (the kernel checks modes itself).

struct fuse_lowlevel_ops;

namespace swarmfs::fs {

// The session's user data is its FuseSession. Thread: fuse.
const fuse_lowlevel_ops& fuse_operations();

// Its parts.
void add_name_operations(fuse_lowlevel_ops& ops);
void add_file_operations(fuse_lowlevel_ops& ops);
void add_directory_operations(fuse_lowlevel_ops& ops);
void add_attribute_operations(fuse_lowlevel_ops& ops);

}  // namespace swarmfs::fs
