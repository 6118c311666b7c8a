#include "engine/crypto/signature.hpp"

#include <sodium.h>

#include "engine/core/assert.hpp"
#include "engine/crypto/random.hpp"
#include "engine/crypto/secret.hpp"

namespace swarmfs::crypto {
namespace {

static_assert(crypto_sign_PUBLICKEYBYTES == NodeId::kSize);
static_assert(crypto_sign_BYTES == Signature::kSize);
static_assert(crypto_sign_SEEDBYTES == Seed::kSize);

// What is signed: "swarmfs ", the purpose, a zero byte, the message. Purposes hold no zero byte, so
// no two pairs of purpose and message give the same bytes.
Bytes statement(std::string_view purpose, ByteSpan message) {
    Bytes bytes = to_bytes(as_bytes("swarmfs "));
    bytes.insert(bytes.end(), purpose.begin(), purpose.end());
    bytes.push_back(0);
    bytes.insert(bytes.end(), message.begin(), message.end());
    return bytes;
}

}  // namespace

SigningKey SigningKey::generate(Dice& dice) {
    Seed seed;
    dice.fill(seed.bytes);
    SigningKey key = from_seed(seed);
    wipe(seed.bytes);
    return key;
}

SigningKey SigningKey::from_seed(const Seed& seed) {
    initialise();
    SigningKey key;
    key.seed_ = seed;
    const int made = crypto_sign_seed_keypair(key.public_key_.bytes.data(), key.secret_.data(),
                                              seed.bytes.data());
    SWARM_ASSERT(made == 0);
    return key;
}

SigningKey::~SigningKey() {
    wipe(seed_.bytes);
    wipe(secret_);
}

Signature SigningKey::sign(std::string_view purpose, ByteSpan message) const {
    const Bytes bytes = statement(purpose, message);
    Signature signature;
    const int made = crypto_sign_detached(signature.bytes.data(), nullptr, bytes.data(),
                                          bytes.size(), secret_.data());
    SWARM_ASSERT(made == 0);
    return signature;
}

bool verify(const NodeId& key, std::string_view purpose, ByteSpan message,
            const Signature& signature) {
    initialise();
    const Bytes bytes = statement(purpose, message);
    return crypto_sign_verify_detached(signature.bytes.data(), bytes.data(), bytes.size(),
                                       key.bytes.data()) == 0;
}

}  // namespace swarmfs::crypto
