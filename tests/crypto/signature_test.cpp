#include "engine/crypto/signature.hpp"

#include <doctest/doctest.h>

#include "engine/core/dice.hpp"
#include "tests/crypto/vectors.hpp"

namespace swarmfs::crypto {
namespace {

using test::array_from_hex;

SigningKey rfc_key() {
    return SigningKey::from_seed(Seed{
        array_from_hex<32>("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")});
}

}  // namespace

TEST_CASE("a seed gives the public key of RFC 8032's first test") {
    CHECK(rfc_key().public_key().hex() ==
          "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
}

TEST_CASE("what is signed is swarmfs, the purpose, a zero byte, the message") {
    // Ed25519 by OpenSSL over the 19 bytes "swarmfs grant\0hello".
    CHECK(rfc_key().sign("grant", as_bytes("hello")).hex() ==
          "e3f6cb8ad406c36a0368495804b2db972b65dfbeedeb2e088e6c88c8b778c032"
          "16fbb3c607a863c9c6f1645bd262b837b4fae69e9fb1becd12f16b402dd7eb0a");
}

TEST_CASE("a signature holds for its key, purpose and message only") {
    SeededDice dice(1);
    const SigningKey key = SigningKey::generate(dice);
    const SigningKey other = SigningKey::generate(dice);
    const Signature signature = key.sign("purpose", as_bytes("message"));
    CHECK(verify(key.public_key(), "purpose", as_bytes("message"), signature));
    CHECK_FALSE(verify(other.public_key(), "purpose", as_bytes("message"), signature));
    CHECK_FALSE(verify(key.public_key(), "purposE", as_bytes("message"), signature));
    CHECK_FALSE(verify(key.public_key(), "purpose", as_bytes("messagE"), signature));
    CHECK_FALSE(verify(key.public_key(), "purpos", as_bytes("emessage"), signature));
}

TEST_CASE("every flipped bit of a signature is refused") {
    const SigningKey key = rfc_key();
    const Signature signature = key.sign("purpose", as_bytes("message"));
    for (std::size_t bit = 0; bit < Signature::kSize * 8; ++bit) {
        Signature flipped = signature;
        flipped.bytes[bit / 8] = static_cast<std::uint8_t>(flipped.bytes[bit / 8] ^ 1U << bit % 8);
        CHECK_FALSE(verify(key.public_key(), "purpose", as_bytes("message"), flipped));
    }
}

TEST_CASE("a signature whose number was raised by the group's order is refused") {
    const SigningKey key = rfc_key();
    Signature signature = key.sign("purpose", as_bytes("message"));
    const auto order =
        array_from_hex<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    unsigned carry = 0;
    for (std::size_t i = 0; i < 32; ++i) {
        carry += signature.bytes[32 + i] + unsigned{order[i]};
        signature.bytes[32 + i] = static_cast<std::uint8_t>(carry);
        carry >>= 8;
    }
    CHECK_FALSE(verify(key.public_key(), "purpose", as_bytes("message"), signature));
}

TEST_CASE("a key of low order signs nothing") {
    NodeId low;  // y = 1, the neutral element: with it, (neutral, 0) would sign every message
    low.bytes[0] = 1;
    Signature signature;
    signature.bytes[0] = 1;
    CHECK_FALSE(verify(low, "purpose", as_bytes("message"), signature));
}

}  // namespace swarmfs::crypto
