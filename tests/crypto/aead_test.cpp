#include "engine/crypto/aead.hpp"

#include <doctest/doctest.h>

#include "engine/core/dice.hpp"
#include "tests/crypto/vectors.hpp"

namespace swarmfs::crypto {
namespace {

using test::array_from_hex;
using test::hex;
using test::key_from_hex;

// One test case of McGrew and Viega's "The Galois/Counter Mode of Operation", appendix B.
struct Case {
    const char* key;
    const char* nonce;
    const char* aad;
    const char* plaintext;
    const char* ciphertext;
    const char* tag;
};

constexpr const char* kZeroKey = "0000000000000000000000000000000000000000000000000000000000000000";
constexpr const char* kKey = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";

const Case kCases[] = {
    {kZeroKey, "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {kZeroKey, "000000000000000000000000", "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
    {kKey, "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6"
     "b525b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b105682"
     "8838c5f61e6393ba7a0abcc9f662898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {kKey, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6"
     "b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b105682"
     "8838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

struct Sealed {
    AeadNonce nonce{};
    Bytes aad;
    Bytes bytes;
    std::array<std::uint8_t, kAeadTagBytes> tag{};
};

Sealed some_sealed(Aes256Gcm& cipher, std::size_t size) {
    Sealed sealed;
    SeededDice dice(size);
    dice.fill(sealed.nonce);
    sealed.aad.resize(5);
    dice.fill(sealed.aad);
    sealed.bytes.resize(size);
    dice.fill(sealed.bytes);
    cipher.seal(sealed.nonce, sealed.aad, sealed.bytes, sealed.tag);
    return sealed;
}

bool opens(Aes256Gcm& cipher, Sealed sealed) {
    return cipher.open(sealed.nonce, sealed.aad, sealed.bytes, sealed.tag);
}

}  // namespace

TEST_CASE("AES-256-GCM gives the answers of its specification, both ways, in place") {
    for (const Case& known : kCases) {
        CAPTURE(known.tag);
        Aes256Gcm cipher(key_from_hex(known.key));
        const AeadNonce nonce = array_from_hex<12>(known.nonce);
        Bytes bytes = hex(known.plaintext);
        std::array<std::uint8_t, kAeadTagBytes> tag{};
        cipher.seal(nonce, hex(known.aad), bytes, tag);
        CHECK(to_hex(bytes) == known.ciphertext);
        CHECK(to_hex(tag) == known.tag);
        CHECK(cipher.open(nonce, hex(known.aad), bytes, tag));
        CHECK(to_hex(bytes) == known.plaintext);
    }
}

TEST_CASE("one cipher seals and opens by turns, under one key after another") {
    Aes256Gcm cipher(key_from_hex(kZeroKey));
    for (const Case& known : kCases) {
        cipher.rekey(key_from_hex(known.key));
        for (int again = 0; again < 2; ++again) {
            Bytes bytes = hex(known.ciphertext);
            const AeadNonce nonce = array_from_hex<12>(known.nonce);
            auto tag = array_from_hex<kAeadTagBytes>(known.tag);
            CHECK(cipher.open(nonce, hex(known.aad), bytes, tag));
            cipher.seal(nonce, hex(known.aad), bytes, tag);
            CHECK(to_hex(tag) == known.tag);
        }
    }
}

TEST_CASE("a flipped bit anywhere does not open, and what did not open is zeroed") {
    Aes256Gcm cipher(key_from_hex(kKey));
    const Sealed sealed = some_sealed(cipher, 40);
    CHECK(opens(cipher, sealed));
    const auto refuses_every_flip = [&](auto pick) {
        const std::size_t bits = pick(Sealed(sealed)).size() * 8;
        for (std::size_t bit = 0; bit < bits; ++bit) {
            Sealed flipped = sealed;
            MutableByteSpan part = pick(flipped);
            part[bit / 8] = static_cast<std::uint8_t>(part[bit / 8] ^ (1U << (bit % 8)));
            CHECK_FALSE(cipher.open(flipped.nonce, flipped.aad, flipped.bytes, flipped.tag));
            CHECK(flipped.bytes == Bytes(40, 0));
        }
    };
    refuses_every_flip([](auto&& s) { return MutableByteSpan(s.nonce); });
    refuses_every_flip([](auto&& s) { return MutableByteSpan(s.aad); });
    refuses_every_flip([](auto&& s) { return MutableByteSpan(s.bytes); });
    refuses_every_flip([](auto&& s) { return MutableByteSpan(s.tag); });
    CHECK(opens(cipher, sealed));
}

TEST_CASE("cut short, lengthened, or under another key, nothing opens") {
    Aes256Gcm cipher(key_from_hex(kKey));
    const Sealed sealed = some_sealed(cipher, 100);
    Sealed shorter = sealed;
    shorter.bytes.pop_back();
    CHECK_FALSE(opens(cipher, shorter));
    Sealed longer = sealed;
    longer.bytes.push_back(0);
    CHECK_FALSE(opens(cipher, longer));
    Aes256Gcm other(key_from_hex(kZeroKey));
    CHECK_FALSE(opens(other, sealed));
}

TEST_CASE("sizes around the block size come back as they were") {
    Aes256Gcm cipher(key_from_hex(kKey));
    for (const std::size_t size : {0, 1, 15, 16, 17, 4095, 16384, 65519}) {
        Bytes expected(size);
        SeededDice dice(size);
        AeadNonce nonce{};
        dice.fill(expected);
        dice.fill(nonce);
        Bytes bytes = expected;
        std::array<std::uint8_t, kAeadTagBytes> tag{};
        cipher.seal(nonce, {}, bytes, tag);
        CHECK(cipher.open(nonce, {}, bytes, tag));
        CHECK(bytes == expected);
    }
}

}  // namespace swarmfs::crypto
