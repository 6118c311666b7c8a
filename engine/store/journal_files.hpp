#pragma once
// How the files of a journal are named. Internal to Journal.

#include <optional>
#include <string_view>

#include "engine/store/disk.hpp"

namespace swarmfs::store {

// <folder>/journal-<8 digits>.log
Path segment_path(const Path& folder, std::uint64_t number);
// Returns: nothing for a file that is no segment, or was put aside.
std::optional<std::uint64_t> segment_number(std::string_view name);
// Where a segment goes that cannot be believed and is not to be lost: <segment>.damaged-<n>, a name
// that nothing has yet.
Path aside_path(Disk& disk, const Path& segment);

}  // namespace swarmfs::store
