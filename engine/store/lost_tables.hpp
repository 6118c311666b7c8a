#pragma once
// What to tell an operator whose tables are damaged. One file of them is no use without the others:
// the marks in both LMDB files and the journal would not fit together, and opening refuses again.

#include <string>

#include "engine/store/disk.hpp"

namespace swarmfs::store {

// `folder` is the tables' (<home>/db). Follows a semicolon.
inline std::string how_to_start_without(const Path& folder) {
    return "move the whole folder " + folder.string() +
           " away and start again: what other members hold comes back from them, and what lies "
           "in " +
           (folder.parent_path() / "content").string() + " is found again";
}

}  // namespace swarmfs::store
