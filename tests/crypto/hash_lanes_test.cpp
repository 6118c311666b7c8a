#include "engine/crypto/hash_lanes.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "engine/core/dice.hpp"
#include "engine/crypto/hash.hpp"

namespace swarmfs::crypto {
namespace {

// In every way this CPU can.
std::vector<Hash256> hash_each(const std::vector<ByteSpan>& messages) {
    std::vector<Hash256> hashes(messages.size());
    sha256_each(messages, hashes);
    for (const HashWay way : hash_ways()) {
        CAPTURE(static_cast<int>(way));
        std::vector<Hash256> others(messages.size());
        sha256_each(way, messages, others);
        CHECK(others == hashes);
    }
    return hashes;
}

}  // namespace

TEST_CASE("messages hashed together give the answers of FIPS 180-4") {
    const ByteSpan abc = as_bytes("abc");
    const ByteSpan two_blocks =
        as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");
    const Bytes million(1'000'000, 'a');
    for (std::size_t count = 0; count <= 17; ++count) {
        for (const Hash256& hash : hash_each(std::vector<ByteSpan>(count, abc))) {
            CHECK(hash.hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        }
        for (const Hash256& hash : hash_each(std::vector<ByteSpan>(count, two_blocks))) {
            CHECK(hash.hex() == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        }
    }
    for (const Hash256& hash : hash_each({million, million, million})) {
        CHECK(hash.hex() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
}

TEST_CASE("messages hashed together have the hashes they have alone, at every length and place") {
    Bytes bytes(1 << 16);
    SeededDice(7).fill(bytes);
    for (std::size_t size = 0; size <= 300; ++size) {
        std::vector<ByteSpan> messages;
        for (std::size_t i = 0; i < 18; ++i) {
            messages.push_back(ByteSpan(bytes).subspan(i * 301 + size % 17, size));
        }
        const std::vector<Hash256> hashes = hash_each(messages);
        for (std::size_t i = 0; i < messages.size(); ++i) {
            CHECK(hashes[i] == sha256(messages[i]));
        }
    }
}

TEST_CASE("messages of all lengths in any order have the hashes they have alone") {
    Bytes bytes(1 << 16);
    SeededDice dice(8);
    dice.fill(bytes);
    for (int round = 0; round < 200; ++round) {
        std::vector<ByteSpan> messages;
        for (std::uint64_t i = dice.below(40); i > 0; --i) {
            const std::size_t size = dice.below(3) == 0 ? dice.below(16'385) : 16'384;
            messages.push_back(ByteSpan(bytes).subspan(dice.below(1000), size));
        }
        const std::vector<Hash256> hashes = hash_each(messages);
        for (std::size_t i = 0; i < messages.size(); ++i) {
            CHECK(hashes[i] == sha256(messages[i]));
        }
    }
}

}  // namespace swarmfs::crypto
