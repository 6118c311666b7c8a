#pragma once
// What this machine has mounted, as the kernel lists it to this process: /proc/self/mountinfo.
// Reading it asks no mount anything, so it never waits for one.   Thread: any.

#include <optional>
#include <string>
#include <vector>

namespace swarmfs {

inline constexpr const char* kSwarmMountType = "fuse.swarmfs";
// Before the swarm's name, as its node knows it, in the source of its mount.
inline constexpr const char* kSwarmMountSource = "swarmfs:";

struct MountedDirectory {
    unsigned major = 0;
    unsigned minor = 0;     // for FUSE also the number of the connection
    std::string directory;  // canonical
    std::string type;
    std::string source;
    std::string options;  // of the file system, "rw,user_id=0"; empty where there are none
};

// Pure. Lines that are not understood are left out.
std::vector<MountedDirectory> parse_mount_list(const std::string& text);
// The uppermost mount on exactly this directory.
std::optional<MountedDirectory> find_mount(const std::string& directory);

}  // namespace swarmfs
