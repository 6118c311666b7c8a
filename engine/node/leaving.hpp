#pragma once
// What goes with a swarm that is left.
//
//   50 'l' swarm:32  ->  nothing      it is being left
//
// Rules:
//   1. Its membership; its names and its catalog; files being written to it that were never
//      published; notes on its shared folders; its limits, and what is paused and pinned of it. The folders
//      themselves stay.
//   2. Contents go because nothing needs them any more (store/content_sweep.hpp), not because the
//      swarm had them: what another swarm names, and what somebody has open, stays.
//   3. The row is on the disk before anything goes and is erased last, so that a crash leaves no half
//      of a swarm behind: the next start, or joining it again, does the rest first.

#include <string>

#include "engine/core/ids.hpp"
#include "engine/store/database.hpp"

namespace swarmfs::node {

// Requires: no Member of the swarm is running. Errors: those of the Database and the disk; it can
// be called again then.
Result<> erase_left(store::Disk& disk, store::Database& database, const std::string& home,
                    const SwarmId& swarm);
// What a crash, or an error, left of swarms that were being left.
Result<> finish_leaving(store::Disk& disk, store::Database& database, const std::string& home);

}  // namespace swarmfs::node
