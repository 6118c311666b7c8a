#include "engine/crypto/x25519.hpp"

#include <sodium.h>

namespace swarmfs::crypto {

X25519KeyPair X25519KeyPair::generate(Dice& dice) {
    Secret32 secret;
    dice.fill(secret.mutable_span());
    return from_secret(secret);
}

X25519KeyPair X25519KeyPair::from_secret(const Secret32& secret) {
    X25519KeyPair pair;
    pair.secret = secret;
    crypto_scalarmult_base(pair.public_key.bytes.data(), secret.array().data());
    return pair;
}

std::optional<Secret32> x25519(const Secret32& secret, const X25519PublicKey& other) {
    Secret32 shared;
    if (crypto_scalarmult(shared.mutable_span().data(), secret.array().data(),
                          other.bytes.data()) != 0) {
        return std::nullopt;
    }
    return shared;
}

}  // namespace swarmfs::crypto
