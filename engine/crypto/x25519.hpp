#pragma once
// Diffie-Hellman over Curve25519 (RFC 7748), by libsodium. Thread: any.

#include <optional>

#include "engine/core/dice.hpp"
#include "engine/core/ids.hpp"
#include "engine/crypto/secret.hpp"

namespace swarmfs::crypto {

struct X25519Tag {};
using X25519PublicKey = FixedBytes<X25519Tag, 32>;

struct X25519KeyPair {
    Secret32 secret;
    X25519PublicKey public_key;

    static X25519KeyPair generate(Dice& dice);
    static X25519KeyPair from_secret(const Secret32& secret);
};

// Returns: the shared secret; nothing when the other key is of low order, which makes the result
// zero whatever our secret is.
std::optional<Secret32> x25519(const Secret32& secret, const X25519PublicKey& other);

}  // namespace swarmfs::crypto
