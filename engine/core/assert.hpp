#pragma once
// Bugs stop the program, in release builds too: a wrong state must not reach the disk or a peer.

namespace swarmfs {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}

#define SWARM_ASSERT(expression) \
    ((expression) ? void(0) : ::swarmfs::assertion_failed(#expression, __FILE__, __LINE__))
