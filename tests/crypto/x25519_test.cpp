#include "engine/crypto/x25519.hpp"

#include <doctest/doctest.h>

#include "engine/crypto/random.hpp"
#include "tests/crypto/vectors.hpp"

namespace swarmfs::crypto {
namespace {

using test::array_from_hex;
using test::key_from_hex;

X25519PublicKey point(std::string_view text) {
    return X25519PublicKey{array_from_hex<32>(text)};
}

}  // namespace

TEST_CASE("X25519 gives the answers of RFC 7748, section 5.2") {
    const auto first = X25519KeyPair::from_secret(
        key_from_hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"));
    CHECK(to_hex(x25519(first.secret,
                        point("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"))
                     ->span()) ==
          "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
    const auto second = X25519KeyPair::from_secret(
        key_from_hex("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"));
    CHECK(to_hex(x25519(second.secret,
                        point("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"))
                     ->span()) ==
          "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

TEST_CASE("a thousand rounds of X25519 end where RFC 7748 says") {
    std::array<std::uint8_t, 32> scalar{9};
    std::array<std::uint8_t, 32> u{9};
    for (int round = 1; round <= 1000; ++round) {
        const auto pair = X25519KeyPair::from_secret(Secret32(scalar));
        const auto result = x25519(pair.secret, X25519PublicKey{u});
        REQUIRE(result.has_value());
        u = scalar;
        scalar = result->array();
        if (round == 1) {
            CHECK(to_hex(scalar) ==
                  "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
        }
    }
    CHECK(to_hex(scalar) == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

TEST_CASE("both sides of RFC 7748's exchange share the secret it names") {
    const auto alice = X25519KeyPair::from_secret(
        key_from_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
    const auto bob = X25519KeyPair::from_secret(
        key_from_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
    CHECK(alice.public_key.hex() ==
          "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    CHECK(bob.public_key.hex() ==
          "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    const std::string shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    CHECK(to_hex(x25519(alice.secret, bob.public_key)->span()) == shared);
    CHECK(to_hex(x25519(bob.secret, alice.public_key)->span()) == shared);
}

TEST_CASE("points of low order share nothing") {
    SystemDice dice;
    const auto pair = X25519KeyPair::generate(dice);
    for (const char* low : {
             "0000000000000000000000000000000000000000000000000000000000000000",
             "0100000000000000000000000000000000000000000000000000000000000000",
             "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
             "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
             "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
             "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
             "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
         }) {
        CAPTURE(low);
        X25519PublicKey theirs = point(low);
        CHECK_FALSE(x25519(pair.secret, theirs).has_value());
        theirs.bytes[31] ^= 0x80;  // the top bit does not count
        CHECK_FALSE(x25519(pair.secret, theirs).has_value());
    }
}

}  // namespace swarmfs::crypto
