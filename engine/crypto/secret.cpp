#include "engine/crypto/secret.hpp"

#include <sodium.h>

namespace swarmfs::crypto {

void wipe(MutableByteSpan bytes) {
    sodium_memzero(bytes.data(), bytes.size());
}

bool equal_constant_time(ByteSpan left, ByteSpan right) {
    return left.size() == right.size() &&
           sodium_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace swarmfs::crypto
