#include "engine/crypto/password.hpp"

#include <doctest/doctest.h>

#include "engine/core/wire.hpp"
#include "tests/crypto/vectors.hpp"

namespace swarmfs::crypto {
namespace {

constexpr StretchCost kCheap{1, 1};  // tests seal often

Bytes sealed_hello() {
    SeededDice dice(1);
    return seal_with_password("correct horse", as_bytes("hello"), dice, kCheap).value();
}

// A blob that asks for this much.
Bytes asking_for(std::uint8_t passes, std::uint16_t memory_mib) {
    Bytes sealed;
    WireWriter writer(sealed);
    writer.u8(kPasswordSealVersion);
    writer.u8(passes);
    writer.u16(memory_mib);
    sealed.resize(kPasswordSealOverhead + 5);
    return sealed;
}

}  // namespace

TEST_CASE("Argon2id gives the answer of another implementation") {
    // pyca/cryptography's Argon2id: 2 iterations, 1 MiB, one lane.
    std::array<std::uint8_t, kPasswordSaltBytes> salt{};
    const ByteSpan text = as_bytes("0123456789abcdef");
    std::copy(text.begin(), text.end(), salt.begin());
    CHECK(to_hex(stretch_password("correct horse", salt, {2, 1}).value().span()) ==
          "b421b078498d36231d7e3aa8165f5929197f6ced0d253b493266b1d48978dc67");
}

TEST_CASE("what is sealed with a password opens with it, and with no other") {
    const Bytes sealed = sealed_hello();
    CHECK(sealed.size() == 5 + kPasswordSealOverhead);
    CHECK(as_text(open_with_password("correct horse", sealed).value()) == "hello");
    for (const char* wrong : {"", "correct hors", "correct horse ", "Correct horse"}) {
        const auto opened = open_with_password(wrong, sealed);
        REQUIRE_FALSE(opened.ok());
        CHECK(opened.error().code == Code::permission);
    }
}

TEST_CASE("the same secret under the same password looks different every time") {
    SeededDice dice(1);
    const Bytes once = seal_with_password("p", as_bytes("hello"), dice, kCheap).value();
    const Bytes again = seal_with_password("p", as_bytes("hello"), dice, kCheap).value();
    CHECK(once != again);
}

TEST_CASE("a flipped bit anywhere in a sealed blob is refused") {
    const Bytes sealed = sealed_hello();
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        if (i >= 1 && i < 4) {
            continue;  // the cost: see the next case; a larger one takes its time
        }
        Bytes flipped = sealed;
        flipped[i] ^= 0x10;
        CHECK_FALSE(open_with_password("correct horse", flipped).ok());
    }
    for (std::size_t size = 0; size < sealed.size(); ++size) {
        CHECK_FALSE(open_with_password("correct horse", ByteSpan(sealed).first(size)).ok());
    }
}

TEST_CASE("the cost a blob names is authenticated") {
    Bytes other = sealed_hello();
    other[1] = 2;  // passes: as cheap, but not what was sealed
    CHECK(open_with_password("correct horse", other).error().code == Code::permission);
}

TEST_CASE("a blob that asks for too much memory or work is refused before any is spent") {
    const StretchCost costs[] = {{1, 257}, {1, 65535}, {11, 1}, {255, 65535}, {0, 64}, {1, 0}};
    for (const StretchCost cost : costs) {
        const auto opened = open_with_password("p", asking_for(cost.passes, cost.memory_mib));
        REQUIRE_FALSE(opened.ok());
        CHECK(opened.error().code == Code::invalid);
    }
}

TEST_CASE("another version is recognised and named, whatever follows") {
    Bytes newer = sealed_hello();
    newer[0] = 2;
    CHECK(open_with_password("correct horse", newer).error().code == Code::unsupported);
    CHECK(open_with_password("correct horse", Bytes{9}).error().code == Code::unsupported);
}

TEST_CASE("an empty secret and the longest one can be sealed, a longer one cannot") {
    SeededDice dice(1);
    const Bytes empty = seal_with_password("p", {}, dice, kCheap).value();
    CHECK(open_with_password("p", empty).value().empty());
    const Bytes longest(kPasswordTextBytesMax, 7);
    const Bytes sealed = seal_with_password("p", longest, dice, kCheap).value();
    CHECK(open_with_password("p", sealed).value() == longest);
    const Bytes longer(longest.size() + 1);
    CHECK(seal_with_password("p", longer, dice, kCheap).error().code == Code::too_large);
}

TEST_CASE("the cost swarmfs seals with is one that it opens") {
    SeededDice dice(1);
    const Bytes sealed = seal_with_password("p", as_bytes("hello"), dice).value();
    CHECK(as_text(open_with_password("p", sealed).value()) == "hello");
}

}  // namespace swarmfs::crypto
