#pragma once
// What goes with a swarm that is left.
//
// Rules:
//   1. Contents that its tree names and no other swarm of this home does; files being written to
//      it that were never published; notes on its shared folders. The folders themselves stay.
//   2. Its names and catalog go last, so that leaving again after a crash finds the rest.

#include <memory>
#include <vector>

#include "engine/node/member.hpp"

namespace swarmfs::node {

// Requires: `left` was stopped. Errors: those of the Database and the disk.
Result<> erase_left(Member& left, const std::vector<std::shared_ptr<Member>>& staying);

}  // namespace swarmfs::node
