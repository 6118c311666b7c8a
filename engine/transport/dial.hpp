#pragma once
// Opens a link to an address.
//
// Rules:
//   1. Whether an address may be dialled is asked before (may_dial): by here its source is
//      forgotten.
//   2. A name is resolved, and what it stands for is tried in turn, no address taking more than its
//      share of the time.
//   3. Nothing takes longer than kDialLimitMax: after that another kind of link is the better hope.

#include <memory>

#include "engine/core/clock.hpp"
#include "engine/transport/link.hpp"

namespace swarmfs::transport {

// Chosen by us: two lost packets at the start (1 + 2 s) and a slow path still get through.
inline constexpr Duration kDialLimitMax = std::chrono::seconds(5);

// The link is pinned to the executor of the caller. Errors: network: unavailable (refused, no
// route, no such host), timed_out, try_again (out of descriptors).
async::Task<Result<std::unique_ptr<Link>>> dial(Address address, Duration limit = kDialLimitMax);

}  // namespace swarmfs::transport
