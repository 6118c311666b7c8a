#pragma once
// A volume with one directory more: /.swarmfs, whose files say what this node knows of itself and of
// the swarm (engine/node/reports.hpp). Everything else is the volume's own.
//
//   1. The directory is found by its name and not listed at the root: programs that walk a tree do
//      not come across it. Its own files are listed in it.
//   2. Nothing can be made, changed or removed there, by whomever. The name is taken at the root: a
//      file of that name, which another member may have shared, is not seen through a mount.
//   3. What a file says is made when it is opened, by a worker, and stays what it is for that
//      descriptor. Its length is 0, as in /proc: it is not known before.
// Thread: any.

#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/node/volume.hpp"

namespace swarmfs::fs {

inline constexpr std::string_view kReportFolder = ".swarmfs";

// Reports still open for each mount at most; each holds its text.
inline constexpr std::size_t kOpenReportsMax = 1024;

// Returns: the volume itself, where it has nothing to say. `now_ns`: what the files' times show.
std::shared_ptr<node::Volume> with_reports(std::shared_ptr<node::Volume> volume,
                                           std::int64_t now_ns);

}  // namespace swarmfs::fs
