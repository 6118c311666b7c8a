#pragma once
// CRC-32C (Castagnoli, as in iSCSI and ext4): tells a torn or damaged record from a whole one. It
// is no proof against somebody who wants to deceive; what comes from others is hashed.

#include "engine/core/bytes.hpp"

namespace swarmfs::store {

// Returns: the checksum of what `before` was the checksum of, followed by `bytes`.
// crc32c(as_bytes("123456789")) == 0xE3069283.   Thread: any.
std::uint32_t crc32c(ByteSpan bytes, std::uint32_t before = 0);

}  // namespace swarmfs::store
