#include "engine/crypto/random.hpp"

#include <sodium.h>

#include "engine/core/assert.hpp"

namespace swarmfs::crypto {

void initialise() {
    static const int ready = sodium_init();
    SWARM_ASSERT(ready >= 0);
}

void SystemDice::fill(MutableByteSpan out) {
    if (!out.empty()) {  // an empty span may point nowhere, which libsodium forbids
        randombytes_buf(out.data(), out.size());
    }
}

}  // namespace swarmfs::crypto
