#pragma once
// Which names a swarm may contain. The only place that decides it; whatever arrives from a member,
// the tracker or a program is asked here and refused whole, never repaired.
//
// A path is relative, '/'-separated, valid UTF-8, and every part of it is a name. A name is
//   1. not empty, not "." and not "..",
//   2. without NUL and '/',
//   3. at most 255 bytes (ext4, XFS, Btrfs: what a member may want to copy it to).
// Everything else is kept exactly: control characters, right-to-left marks, leading dashes, twins
// that differ in case or normalisation. Who shows a name escapes it (core/log.hpp: printable).
// The swarm's root is the empty path; it is no entry's path, so check_path refuses it.

#include <optional>
#include <string>
#include <string_view>

#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"

namespace swarmfs::catalog {

inline constexpr std::size_t kNameBytesMax = 255;
inline constexpr std::size_t kPathBytesMax = 4096;  // PATH_MAX
// Deep enough for any tree people keep; it bounds every walk from a file up to the root.
inline constexpr std::size_t kPathDepthMax = 128;

// Errors: caller errors; name_too_long for rule 3 and the bounds, otherwise invalid.
Result<> check_name(std::string_view name);
Result<> check_path(std::string_view path);

// Of a path that was checked. The parent of "a/b" is "a", of "a" the root "".
std::string_view parent_path(std::string_view path);
std::string_view name_of_path(std::string_view path);
// Returns: the path itself, or the nearest directory above it, that `is_one` says yes to; the root ("")
// comes last.
template <class IsOne>  // bool(const std::string&)
std::optional<std::string> nearest_at_or_above(std::string path, const IsOne& is_one) {
    while (!is_one(path)) {
        if (path.empty()) {
            return std::nullopt;
        }
        path.resize(parent_path(path).size());
    }
    return path;
}
std::string join_path(std::string_view directory, std::string_view name);

// True for "a/b" and "a/b/c" under "a"; false for "a" itself and "ab".
bool is_below(std::string_view path, std::string_view directory);

// What the catalog's tables know a path by: keys end at 511 bytes and paths do not.
Hash256 path_hash(std::string_view path);

}  // namespace swarmfs::catalog
