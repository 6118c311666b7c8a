#pragma once
// Starting swarmfsd in the background, and knowing when it is ready.
//
// The daemon says READY=1 as it would to systemd (sd_notify), to a socket of ours; or it ends, and
// then what it wrote last is the reason. No time is guessed: both are waited for, with a bound.

#include <string>

#include "engine/core/result.hpp"

namespace swarmfs::tools {

// The daemon's messages go to <home>/swarmfsd.log.
// Errors: what the daemon said when it ended; timed_out.
Result<> start_daemon(const std::string& program, const std::string& home);

}  // namespace swarmfs::tools
