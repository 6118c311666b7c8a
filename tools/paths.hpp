#pragma once
// Paths as people type them, made whole: the node runs in another directory.

#include <string>

#include "engine/core/result.hpp"

namespace swarmfs::tools {

// Without "." and "..", and without a slash at the end. Symbolic links stay what they are.
// Errors: invalid for an empty path, not_found for a relative one where the current directory is
// gone.
Result<std::string> absolute_path(const std::string& path);

// "c" of "a/b/c//"; empty for "/" and "".
std::string last_name(const std::string& path);

}  // namespace swarmfs::tools
