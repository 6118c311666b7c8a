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

inline constexpr std::size_t kWideLanesMax = 16;

// messages: as many pointers as there are lanes, which the name says, each to `size` bytes.
// hashes: 32 bytes for each. Fewer lanes cost less, and more a message.
using HashWide = void(const std::uint8_t* const* messages, std::size_t size, std::uint8_t* hashes);
HashWide sha256_avx2_4;
HashWide sha256_avx2_8;
HashWide sha256_avx512_4;  // these need AVX512F and AVX512VL
HashWide sha256_avx512_8;
HashWide sha256_avx512_16;

}  // namespace swarmfs::crypto
