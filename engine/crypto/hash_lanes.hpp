#pragma once
// SHA-256 of several messages at once on one core. One message is bound by the latency of its
// rounds; messages that do not depend on each other fill each other's gaps. How is chosen at run
// time by what the CPU has:
//
//   sha      its instructions for SHA; three messages at once, or two     1.8 times OpenSSL's one
//   avx512   sixteen messages, one in each lane of a register             see docs/performance.md
//   avx2     eight
//   single   OpenSSL, one after another

#include <span>

#include "engine/core/bytes.hpp"
#include "engine/core/ids.hpp"

namespace swarmfs::crypto {

enum class HashWay : std::uint8_t { single, avx2, avx512, sha };

// What this CPU can do, best first; `single` is the last.
std::span<const HashWay> hash_ways();

// out[i] = SHA-256 of messages[i]. Neighbours of equal length are hashed together.
// Requires: out.size() == messages.size(). Thread: any.
void sha256_each(std::span<const ByteSpan> messages, std::span<Hash256> out);
// The same in a way that is among hash_ways(), for tests and measuring.
void sha256_each(HashWay way, std::span<const ByteSpan> messages, std::span<Hash256> out);

}  // namespace swarmfs::crypto
