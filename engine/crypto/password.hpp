#pragma once
// A small secret sealed with a password: Argon2id (RFC 9106, one lane) stretches the password,
// AES-256-GCM seals the text.
//
//   sealed = version:u8(1) passes:u8 memory_mib:u16 salt:16 text tag:16
//
// Rules:
//   1. All that precedes the text is authenticated with it. The nonce is zero: a fresh salt makes a
//      key that seals once.
//   2. The cost travels with the text, so that it can grow; what asks for more than the bounds is
//      refused before anything is computed, or a stranger's invite would take this machine's
//      memory.
//   3. A wrong password and damaged bytes look alike: no tag can tell them apart.
// Sealing and opening take a fraction of a second and the memory of their cost: not for the
// engine's thread. Thread: any.

#include <array>
#include <string_view>

#include "engine/core/bytes.hpp"
#include "engine/core/dice.hpp"
#include "engine/core/result.hpp"
#include "engine/crypto/secret.hpp"

namespace swarmfs::crypto {

// Fixed by the format.
inline constexpr std::uint8_t kPasswordSealVersion = 1;
inline constexpr std::size_t kPasswordSaltBytes = 16;
inline constexpr std::size_t kPasswordSealOverhead = 1 + 1 + 2 + kPasswordSaltBytes + 16;

// Chosen by us.
inline constexpr std::size_t kPasswordBytesMax = 1024;
inline constexpr std::size_t kPasswordTextBytesMax = 64 * 1024;  // invites and keys, no files

struct StretchCost {
    std::uint8_t passes = 0;
    std::uint16_t memory_mib = 0;
};
// A tenth of a second and 64 MiB (RFC 9106's second recommendation): painful for who guesses,
// bearable on a small server.
inline constexpr StretchCost kStretchCost{3, 64};
// The most that opening will spend: about two seconds and 256 MiB.
inline constexpr StretchCost kStretchCostMax{10, 256};

// Errors: invalid for a password too long or a cost out of bounds; no_space when the memory is not
// there.
Result<Secret32> stretch_password(std::string_view password,
                                  const std::array<std::uint8_t, kPasswordSaltBytes>& salt,
                                  StretchCost cost);

// Errors: those of stretch_password; too_large for a text beyond kPasswordTextBytesMax.
Result<Bytes> seal_with_password(std::string_view password, ByteSpan text, Dice& dice,
                                 StretchCost cost = kStretchCost);

// Errors: permission for a wrong password or damaged bytes; invalid for bytes that were never
// sealed like this or that ask for too much; unsupported for another version; no_space.
Result<Bytes> open_with_password(std::string_view password, ByteSpan sealed);

}  // namespace swarmfs::crypto
