#pragma once
// SHA-256 of several messages at once on one core. One message is bound by the latency of the SHA
// instructions; messages that do not depend on each other fill each other's gaps. Chosen at run
// time by what the CPU has, OpenSSL one after another otherwise.

#include <span>

#include "engine/core/bytes.hpp"
#include "engine/core/ids.hpp"

namespace swarmfs::crypto {

// out[i] = SHA-256 of messages[i]. Neighbours of equal length are hashed together, three or two at
// once.   Why not more: measured, two give 1.5 times one, three 1.8, and four need more registers
// than there are. Requires: out.size() == messages.size(). Thread: any.
void sha256_each(std::span<const ByteSpan> messages, std::span<Hash256> out);

// Whether this CPU hashes them together.
bool hashes_in_lanes();

}  // namespace swarmfs::crypto
