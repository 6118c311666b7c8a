#pragma once
// The directory a swarm is mounted on: what is there before, and how it is taken away again.
// Everything here is blocking system calls for the control thread; nothing waits for a mount that
// does not answer. Thread: any.

#include <string>

#include "engine/core/mount_list.hpp"
#include "engine/core/result.hpp"

namespace swarmfs::fs {

enum class Contents : std::uint8_t { must_be_empty, may_be_there };

// Says whether a swarm may be mounted on `directory`, and detaches what a swarmfsd that died left
// mounted there. `home` is the node's.
// Returns: the directory's canonical path.
// Errors: not_found, not_directory, not_empty, busy (mounted already), invalid (inside the home, or
// the home inside it), permission.
Result<std::string> prepare_mount_point(const std::string& directory, const std::string& home,
                                        Contents contents);

enum class Detach : std::uint8_t {
    when_unused,  // busy when a file or a working directory is in use
    at_once,      // out of sight now; gone when the last user is
};

// As root by system call, else through fusermount3.
// Errors: busy, naming who uses it; not_found; permission; io.
Result<> detach(const std::string& directory, Detach how);

// Whether the swarm that is mounted there has nobody behind it any more.
bool is_dead_mount(const std::string& directory);

// Ends a FUSE connection by its number (fusectl), which wakes everything that waits for it.
// Returns: false where the kernel's control files are not to be had.
bool abort_connection(unsigned connection);

// How much the kernel reads ahead of a sequential reader of this mount. Needs root.
bool set_read_ahead(const MountedDirectory& mount, unsigned kibibytes);

}  // namespace swarmfs::fs
