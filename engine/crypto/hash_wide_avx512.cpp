#if defined(__AVX512F__)

#include "engine/crypto/hash_wide_kernel.hpp"

namespace swarmfs::crypto {

void sha256_avx512(const std::uint8_t* const* messages, std::size_t size, std::uint8_t* hashes) {
    using Words [[gnu::vector_size(4 * kAvx512Lanes)]] = std::uint32_t;
    hash_wide<Words>(messages, size, hashes);
}

}  // namespace swarmfs::crypto

#endif
