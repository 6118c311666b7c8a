#if defined(__AVX2__)

#include "engine/crypto/hash_wide_kernel.hpp"

namespace swarmfs::crypto {

void sha256_avx2(const std::uint8_t* const* messages, std::size_t size, std::uint8_t* hashes) {
    using Words [[gnu::vector_size(4 * kAvx2Lanes)]] = std::uint32_t;
    hash_wide<Words>(messages, size, hashes);
}

}  // namespace swarmfs::crypto

#endif
