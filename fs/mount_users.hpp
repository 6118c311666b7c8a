#pragma once
// Who keeps a mount busy, for people. Reads /proc only, never the mount itself.

#include <string>

namespace swarmfs::fs {

// Returns: "bash (pid 12, working directory), vim (pid 40, notes.txt)"; at most kUsersShown of
// them; words to that effect when none can be seen.
std::string users_of(const std::string& directory);

}  // namespace swarmfs::fs
