#include "engine/crypto/random.hpp"

#include <sodium.h>

#include "engine/core/assert.hpp"

namespace swarmfs::crypto {

void initialise() {
    static const int ready = sodium_init();
    SWARM_ASSERT(ready >= 0);
}

void SystemDice::fill(MutableByteSpan out) {
    randombytes_buf(out.data(), out.size());
}

}  // namespace swarmfs::crypto
