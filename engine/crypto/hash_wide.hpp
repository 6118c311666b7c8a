#pragma once
// SHA-256 of many messages of one length at once, a message in each lane of a wide register: for
// CPUs without instructions for SHA. Internal to hash_lanes.
//
// Each of these is compiled for CPUs that have its registers, and must not be called on others.
// Plain pointers, because a function that is shared with other files of the program (std::span's,
// say) could end up in it as compiled for such a CPU.

#include <cstddef>
#include <cstdint>

namespace swarmfs::crypto {

inline constexpr std::size_t kAvx2Lanes = 8;
inline constexpr std::size_t kAvx512Lanes = 16;

// messages: as many pointers as there are lanes, each to `size` bytes. hashes: 32 bytes for each.
void sha256_avx2(const std::uint8_t* const* messages, std::size_t size, std::uint8_t* hashes);
void sha256_avx512(const std::uint8_t* const* messages, std::size_t size, std::uint8_t* hashes);

}  // namespace swarmfs::crypto
