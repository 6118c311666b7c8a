#pragma once
// Starting swarmfsd in the background, and knowing when it is ready.
//
// The daemon says READY=1 as it would to systemd (sd_notify), to a socket of ours; or it ends, and
// then what it wrote last is the reason. No time is guessed: both are waited for, with a bound.

#include <string>

#include "engine/core/result.hpp"

namespace swarmfs::tools {

// The daemon's messages go to <home>/swarmfsd.log. It inherits the environment but SWARMFS_PASSWORD.
// Errors: what the daemon said when it ended (try_again: another one holds the home); timed_out;
// those of making the home and the log.
Result<> start_daemon(const std::string& program, const std::string& home);

}  // namespace swarmfs::tools
