#pragma once
// Ed25519 (RFC 8032), by libsodium. A message is always signed together with a purpose, so that a
// signature made for one kind of statement can never be shown as another.

#include <string_view>

#include "engine/core/bytes.hpp"
#include "engine/core/dice.hpp"
#include "engine/core/ids.hpp"

namespace swarmfs::crypto {

struct SignatureTag {};
struct SeedTag {};
using Signature = FixedBytes<SignatureTag, 64>;
using Seed = FixedBytes<SeedTag, 32>;

// The private half of a node's, owner's or invite's identity. Wiped from memory when it goes.
class SigningKey {
public:
    static SigningKey generate(Dice& dice);
    static SigningKey from_seed(const Seed& seed);
    SigningKey(const SigningKey&) = default;
    SigningKey& operator=(const SigningKey&) = default;
    ~SigningKey();

    NodeId public_key() const { return public_key_; }
    const Seed& seed() const { return seed_; }  // the secret itself: for the key file only
    Signature sign(std::string_view purpose, ByteSpan message) const;

private:
    SigningKey() = default;
    Seed seed_;
    NodeId public_key_;
    std::array<std::uint8_t, 64> secret_{};
};

// Thread: any. False also for keys of low order and non-canonical encodings.
bool verify(const NodeId& key, std::string_view purpose, ByteSpan message,
            const Signature& signature);

}  // namespace swarmfs::crypto
