#include "engine/crypto/hash.hpp"

#include <doctest/doctest.h>

#include "engine/core/dice.hpp"
#include "tests/crypto/vectors.hpp"

namespace swarmfs::crypto {

using test::hex;

TEST_CASE("SHA-256 gives the answers of FIPS 180-4") {
    CHECK(sha256({}).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256(as_bytes("abc")).hex() ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")).hex() ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(sha256(Bytes(1'000'000, 'a')).hex() ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("a hash of pieces is the hash of the whole, wherever it is cut") {
    Bytes whole(300);
    SeededDice(1).fill(whole);
    for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
        Sha256 hash;
        hash.update(ByteSpan(whole).first(cut));
        hash.update(ByteSpan(whole).subspan(cut));
        CHECK(hash.finish() == sha256(whole));
    }
}

TEST_CASE("a hash starts anew after it was finished, and can be moved while it runs") {
    Sha256 hash;
    hash.update(as_bytes("something else"));
    (void)hash.finish();
    hash.update(as_bytes("ab"));
    Sha256 moved = std::move(hash);
    moved.update(as_bytes("c"));
    CHECK(moved.finish() == sha256(as_bytes("abc")));
    CHECK(moved.finish() == sha256({}));
}

TEST_CASE("the hash of a pair is the hash of both, left first") {
    const Hash256 left = sha256(as_bytes("left"));
    const Hash256 right = sha256(as_bytes("right"));
    Bytes both = to_bytes(left.span());
    both.insert(both.end(), right.bytes.begin(), right.bytes.end());
    CHECK(sha256_pair(left, right) == sha256(both));
    CHECK(sha256_pair(right, left) != sha256(both));
}

TEST_CASE("HMAC-SHA256 gives the answers of RFC 4231") {
    CHECK(hmac_sha256(Bytes(20, 0x0b), as_bytes("Hi There")).hex() ==
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    CHECK(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?")).hex() ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    CHECK(hmac_sha256(Bytes(20, 0xaa), Bytes(50, 0xdd)).hex() ==
          "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    // A key longer than a block is hashed first.
    CHECK(hmac_sha256(Bytes(131, 0xaa),
                      as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))
              .hex() == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("HKDF-SHA256 gives the answers of RFC 5869") {
    const Bytes secret(22, 0x0b);
    const Bytes info = hex("f0f1f2f3f4f5f6f7f8f9");
    const Bytes salt = hex("000102030405060708090a0b0c");
    CHECK(to_hex(hkdf_sha256(secret, as_text(info), 42, salt)) ==
          "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    CHECK(to_hex(hkdf_sha256(secret, "", 42)) ==
          "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST_CASE("HKDF gives any length, shorter results being the beginning of longer ones") {
    const Bytes longest = hkdf_sha256(as_bytes("secret"), "purpose", 255 * 32);
    for (const std::size_t length : {0, 1, 31, 32, 33, 64, 255 * 32 - 1}) {
        const Bytes some = hkdf_sha256(as_bytes("secret"), "purpose", length);
        CHECK(some.size() == length);
        CHECK(std::equal(some.begin(), some.end(), longest.begin()));
    }
    CHECK(hkdf_sha256(as_bytes("secret"), "another purpose", 32) !=
          hkdf_sha256(as_bytes("secret"), "purpose", 32));
}

}  // namespace swarmfs::crypto
