#pragma once
// A small secret sealed with a password: Argon2id (RFC 9106) stretches the password, AES-256-GCM
// seals the text.
//
//   sealed = version:u8(1) operations:u8 memory_mib:u16 salt:16 text tag:16
//
// The costs travel with the text, so they can grow; what asks for more than the bounds is refused
// before anything is computed.

#include <string_view>

#include "engine/core/bytes.hpp"
#include "engine/core/dice.hpp"
#include "engine/core/result.hpp"

namespace swarmfs::crypto {

// A tenth of a second and 64 MiB: painful for who guesses, bearable on a small server.
inline constexpr unsigned kPasswordOperations = 3;
inline constexpr unsigned kPasswordMemoryMib = 64;
inline constexpr unsigned kPasswordOperationsMax = 10;
inline constexpr unsigned kPasswordMemoryMibMax = 256;

Bytes seal_with_password(std::string_view password, ByteSpan text, Dice& dice);

// Errors: permission for a wrong password; invalid for bytes that were never sealed like this.
Result<Bytes> open_with_password(std::string_view password, ByteSpan sealed);

}  // namespace swarmfs::crypto
