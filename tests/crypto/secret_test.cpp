#include "engine/crypto/secret.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <new>
#include <set>

#include "engine/crypto/random.hpp"

namespace swarmfs::crypto {

TEST_CASE("a secret is gone from memory when it goes") {
    alignas(Secret32) std::array<std::uint8_t, sizeof(Secret32)> memory{};
    auto* const secret = new (memory.data()) Secret32();
    std::ranges::fill(secret->mutable_span(), std::uint8_t{0xAA});
    std::destroy_at(secret);
    CHECK(memory == decltype(memory){});
}

TEST_CASE("comparison tells equal from different, in contents and in length") {
    const Bytes bytes = {1, 2, 3};
    CHECK(equal_constant_time(bytes, Bytes{1, 2, 3}));
    CHECK_FALSE(equal_constant_time(bytes, Bytes{1, 2, 4}));
    CHECK_FALSE(equal_constant_time(bytes, Bytes{1, 2}));
    CHECK(equal_constant_time({}, {}));
}

TEST_CASE("the system's dice do not repeat themselves") {
    SystemDice dice;
    std::set<std::array<std::uint8_t, 16>> seen;
    for (int i = 0; i < 1000; ++i) {
        std::array<std::uint8_t, 16> bytes{};
        dice.fill(bytes);
        CHECK(seen.insert(bytes).second);
    }
    dice.fill({});
}

}  // namespace swarmfs::crypto
