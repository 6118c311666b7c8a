#if defined(__AVX512F__) && defined(__AVX512VL__)

#include "engine/crypto/hash_wide_kernel.hpp"

namespace swarmfs::crypto {

void sha256_avx512_4(const std::uint8_t* const* messages, std::size_t size, std::uint8_t* hashes) {
    using Words [[gnu::vector_size(4 * 4)]] = std::uint32_t;
    hash_wide<Words>(messages, size, hashes);
}

void sha256_avx512_8(const std::uint8_t* const* messages, std::size_t size, std::uint8_t* hashes) {
    using Words [[gnu::vector_size(4 * 8)]] = std::uint32_t;
    hash_wide<Words>(messages, size, hashes);
}

void sha256_avx512_16(const std::uint8_t* const* messages, std::size_t size, std::uint8_t* hashes) {
    using Words [[gnu::vector_size(4 * 16)]] = std::uint32_t;
    hash_wide<Words>(messages, size, hashes);
}

}  // namespace swarmfs::crypto

#endif
