#include "engine/crypto/x25519.hpp"

#include <sodium.h>

#include "engine/core/assert.hpp"
#include "engine/crypto/random.hpp"

namespace swarmfs::crypto {

static_assert(crypto_scalarmult_BYTES == 32 && crypto_scalarmult_SCALARBYTES == 32);

X25519KeyPair X25519KeyPair::generate(Dice& dice) {
    Secret32 secret;
    dice.fill(secret.mutable_span());
    return from_secret(secret);
}

X25519KeyPair X25519KeyPair::from_secret(const Secret32& secret) {
    initialise();
    X25519KeyPair pair;
    pair.secret = secret;
    SWARM_ASSERT(crypto_scalarmult_base(pair.public_key.bytes.data(), secret.array().data()) == 0);
    return pair;
}

std::optional<Secret32> x25519(const Secret32& secret, const X25519PublicKey& other) {
    Secret32 shared;
    if (crypto_scalarmult(shared.mutable_span().data(), secret.array().data(),
                          other.bytes.data()) != 0) {
        return std::nullopt;
    }
    // libsodium refuses the points it knows; zero is refused by its value too, whatever it knows.
    if (sodium_is_zero(shared.span().data(), shared.span().size()) == 1) {
        return std::nullopt;
    }
    return shared;
}

}  // namespace swarmfs::crypto
