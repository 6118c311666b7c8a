#pragma once
// What this machine has mounted, as the command line sees it, and how a mount is taken away whose
// swarmfsd is gone. The node does the same before it mounts (fs/mount_point.hpp).
//
// A mount is stale when it answers ENOTCONN (or ECONNABORTED, when its swarmfsd died while it was
// asked), and for no other reason: what answers anything else has somebody behind it, perhaps with
// files being written, and is never detached from here.

#include <sys/types.h>

#include <optional>
#include <string>

#include "engine/core/result.hpp"

namespace swarmfs::tools {

struct SwarmMount {
    std::string directory;  // canonical
    std::string swarm;      // the name its node knows it by
    uid_t user = 0;         // whose node mounted it
};

// The uppermost mount on exactly this directory, when that is a swarm's.
std::optional<SwarmMount> find_swarm_mount(const std::string& directory);

// Returns: an absolute path without symbolic links, as the kernel lists mounts; where there is
// nothing to resolve, the absolute path as it was given. The last part may be a stale mount.
std::string canonical_path(const std::string& given);

enum class Liveness {
    alive,
    stale,   // its swarmfsd is gone
    silent,  // it did not answer in a few seconds
};
Liveness probe(const std::string& directory);

// As root by system call, else through fusermount3.
// Errors: permission, io; the message says what to try.
Result<> detach_stale(const SwarmMount& mount);

std::string user_name(uid_t user);  // "bob", or the number where it has no name

}  // namespace swarmfs::tools
