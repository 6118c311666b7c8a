#include "engine/channel/records.hpp"

#include <doctest/doctest.h>

#include <set>

#include "engine/core/dice.hpp"
#include "tests/channel/ends.hpp"

namespace swarmfs::channel {
namespace {

using test::body;
using test::Ends;
using test::ends;
using test::opened;
using test::sealed;

}  // namespace

TEST_CASE("every flipped bit of a record closes the channel for good") {
    for (std::size_t bit = 0; bit < (8 + 16) * 8; ++bit) {
        Ends pair = ends();
        const Bytes record = sealed(pair.alice.send, "12345678");
        const Bytes next = sealed(pair.alice.send, "12345678");
        Bytes flipped = record;
        flipped[kLengthBytes + bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        REQUIRE(opened(pair.bob.receive, flipped) == "refused");
        REQUIRE(opened(pair.bob.receive, record) == "refused");
        REQUIRE(opened(pair.bob.receive, next) == "refused");
        REQUIRE(pair.bob.receive.nonce() == 0);  // what was refused changed no state
        REQUIRE_FALSE(pair.bob.receive.closed());
    }
}

TEST_CASE("a wrong length never opens, whatever it makes of the bytes that follow") {
    const std::string text(1000, 'x');
    for (std::size_t bit = 0; bit < kLengthBytes * 8; ++bit) {
        Ends pair = ends();
        Bytes stream = sealed(pair.alice.send, text);
        for (int i = 0; i < 70; ++i) {  // more than any length can ask for
            const Bytes more = sealed(pair.alice.send, text);
            stream.insert(stream.end(), more.begin(), more.end());
        }
        stream[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        const auto message = take_message(stream, 65'535);
        REQUIRE(message.ok());
        REQUIRE(message->has_value());
        Bytes copy = to_bytes(**message);
        CHECK_FALSE(pair.bob.receive.open(copy).ok());
    }
}

TEST_CASE("a record that is repeated, left out, cut or from the other direction is refused") {
    SUBCASE("repeated") {
        Ends pair = ends();
        const Bytes record = sealed(pair.alice.send, "once");
        CHECK(opened(pair.bob.receive, record) == "once");
        CHECK(opened(pair.bob.receive, record) == "refused");
    }
    SUBCASE("left out") {
        Ends pair = ends();
        (void)sealed(pair.alice.send, "lost");
        CHECK(opened(pair.bob.receive, sealed(pair.alice.send, "second")) == "refused");
    }
    SUBCASE("swapped") {
        Ends pair = ends();
        const Bytes first = sealed(pair.alice.send, "first");
        const Bytes second = sealed(pair.alice.send, "second");
        CHECK(opened(pair.bob.receive, second) == "refused");
        CHECK(opened(pair.bob.receive, first) == "refused");
    }
    SUBCASE("cut") {
        for (std::size_t lost = 1; lost <= 9 + crypto::kAeadTagBytes; ++lost) {
            Ends pair = ends();
            Bytes record = sealed(pair.alice.send, "cut short");
            record.resize(record.size() - lost);
            CHECK(opened(pair.bob.receive, record) == "refused");
        }
    }
    SUBCASE("sent back") {
        Ends pair = ends();
        CHECK(opened(pair.alice.receive, sealed(pair.alice.send, "mirrored")) == "refused");
    }
    SUBCASE("from another channel") {
        Ends pair = ends();
        Ends other = ends();
        CHECK(opened(pair.bob.receive, sealed(other.alice.send, "elsewhere")) == "refused");
    }
    SUBCASE("spliced from two records") {
        Ends pair = ends();
        const Bytes first = sealed(pair.alice.send, "12345678");
        const Bytes second = sealed(pair.alice.send, "12345678");
        Bytes spliced = first;
        std::copy(second.end() - 16, second.end(), spliced.end() - 16);
        CHECK(opened(pair.bob.receive, spliced) == "refused");
    }
    SUBCASE("larger than any record") {
        Ends pair = ends();
        Bytes huge(65'536);
        CHECK_FALSE(pair.bob.receive.open(huge).ok());
    }
}

TEST_CASE("whatever is done to a stream, what comes out is the beginning of what went in") {
    SeededDice dice(11);
    for (int round = 0; round < 400; ++round) {
        Ends pair = ends();
        std::vector<Bytes> stream;
        std::vector<std::string> said;
        for (std::uint64_t i = 0; i < 6; ++i) {
            said.push_back(std::string(1 + dice.below(40), static_cast<char>('a' + i)));
            stream.push_back(sealed(pair.alice.send, said.back()));
        }
        stream.push_back(pair.alice.send.seal_close());
        const std::vector<Bytes> honest = stream;
        for (std::uint64_t harm = dice.below(3); harm > 0; --harm) {
            const auto at = static_cast<std::ptrdiff_t>(dice.below(stream.size()));
            Bytes& record = stream[static_cast<std::size_t>(at)];
            switch (dice.below(6)) {
                case 0: stream.erase(stream.begin() + at); break;
                case 1: stream.insert(stream.begin() + at, Bytes(record)); break;
                case 2: std::swap(record, stream[dice.below(stream.size())]); break;
                case 3: stream.resize(static_cast<std::size_t>(at) + 1); break;
                case 4:
                    record[kLengthBytes + dice.below(record.size() - kLengthBytes)] ^= 0x20;
                    break;
                default: record.resize(kLengthBytes + dice.below(record.size() - kLengthBytes));
            }
        }
        std::size_t heard = 0;
        for (const Bytes& record : stream) {
            const bool right = heard < honest.size() && record == honest[heard];
            const std::string text = opened(pair.bob.receive, record);
            REQUIRE((text != "refused") == right);
            if (!right) {
                break;
            }
            REQUIRE(text == (heard < said.size() ? said[heard] : ""));
            ++heard;
        }
        REQUIRE(pair.bob.receive.closed() == (heard == honest.size()));
    }
}

TEST_CASE("a close is told from a cut, and nothing may follow it") {
    Ends pair = ends();
    CHECK(opened(pair.bob.receive, sealed(pair.alice.send, "last words")) == "last words");
    CHECK_FALSE(pair.bob.receive.closed());
    CHECK(opened(pair.bob.receive, pair.alice.send.seal_close()).empty());
    CHECK(pair.bob.receive.closed());
    Bytes more(32);
    CHECK_FALSE(pair.bob.receive.open(more).ok());
}

TEST_CASE("a genuine record after the close is refused") {
    crypto::Secret32 key;
    SendCipher says_goodbye(key);
    SendCipher goes_on(key);
    ReceiveCipher receive(key);
    (void)sealed(goes_on, "in place of the close");
    CHECK(opened(receive, says_goodbye.seal_close()).empty());
    CHECK(opened(receive, sealed(goes_on, "afterwards")) == "refused");
}

TEST_CASE("a close ends one direction only") {
    Ends pair = ends();
    CHECK(opened(pair.bob.receive, pair.alice.send.seal_close()).empty());
    CHECK(opened(pair.alice.receive, sealed(pair.bob.send, "the rest")) == "the rest");
}

TEST_CASE("a forged or repeated close is no close") {
    Ends pair = ends();
    Bytes forged(crypto::kAeadTagBytes);
    CHECK_FALSE(pair.bob.receive.open(forged).ok());
    CHECK_FALSE(pair.bob.receive.closed());

    Ends other = ends();
    const Bytes close = other.alice.send.seal_close();
    CHECK(opened(other.bob.receive, close).empty());
    CHECK(opened(other.bob.receive, close) == "refused");
}

TEST_CASE("no nonce is ever used twice, and keys change on both ends at the same record") {
    Ends pair = ends();
    std::set<std::pair<std::uint64_t, std::uint64_t>> claimed;
    // The same text sealed twice under one key and nonce would give the same bytes, whatever the
    // cipher says of itself.
    std::set<Bytes> seen;
    const std::string text(16, 0);
    const std::uint64_t records = kRecordsPerKey * 2 + 10;
    for (std::uint64_t i = 0; i < records; ++i) {
        SendCipher& send = pair.alice.send;
        REQUIRE(claimed.emplace(send.keys_used(), send.nonce()).second);
        REQUIRE(send.nonce() == i % kRecordsPerKey);
        REQUIRE(send.keys_used() == 1 + i / kRecordsPerKey);
        const Bytes record = sealed(send, text);
        REQUIRE(seen.insert(Bytes(record.begin() + 2, record.begin() + 18)).second);
        REQUIRE(opened(pair.bob.receive, record) == text);
        REQUIRE(pair.bob.receive.keys_used() == send.keys_used());
        REQUIRE(pair.bob.receive.nonce() == send.nonce());
    }
    CHECK(pair.alice.send.keys_used() == 3);
}

TEST_CASE("a close may come at the very record after which keys change") {
    for (const std::uint64_t before : {kRecordsPerKey - 1, kRecordsPerKey}) {
        crypto::Secret32 key;
        SendCipher send(key);
        ReceiveCipher receive(key);
        for (std::uint64_t i = 0; i < before; ++i) {
            REQUIRE(opened(receive, sealed(send, "x")) == "x");
        }
        CHECK(opened(receive, send.seal_close()).empty());
        CHECK(receive.closed());
    }
}

TEST_CASE("REKEY is what another implementation computes") {
    crypto::Secret32 key;
    for (std::uint8_t i = 0; i < 32; ++i) {
        key.mutable_span()[i] = i;
    }
    // channel_peer.py: rekey(bytes(range(32)))
    CHECK(to_hex(noise_rekey(key).span()) ==
          "0201675c87335949b909793da5bb4d92fcf6d44b92a6e0792b6ae48b1881259d");
}

TEST_CASE("a new key seals the same text under the same nonce differently") {
    crypto::Secret32 key;
    SendCipher first(key);
    SendCipher second(noise_rekey(key));
    CHECK(sealed(first, "same") != sealed(second, "same"));
}

TEST_CASE("the last record of the last key is the last of all") {
    RecordKey key(crypto::Secret32(), kKeysMax);
    for (std::uint64_t i = 0; i < kRecordsPerKey; ++i) {
        REQUIRE(key.usable());
        key.advance();
    }
    CHECK_FALSE(key.usable());
}

TEST_CASE("a message is found when it is whole, however it arrives") {
    const Bytes stream = {0, 3, 'a', 'b', 'c', 0, 1, 'd'};
    for (std::size_t size = 0; size < 5; ++size) {
        const auto none = take_message(ByteSpan(stream).first(size), 100);
        REQUIRE(none.ok());
        CHECK_FALSE(none->has_value());
    }
    const auto whole = take_message(stream, 100);
    REQUIRE(whole.ok());
    CHECK(as_text(**whole) == "abc");
}

TEST_CASE("an impossible length is known from its two bytes") {
    CHECK_FALSE(take_message(Bytes{0, 0}, 100).ok());
    CHECK_FALSE(take_message(Bytes{0, 101}, 100).ok());
    CHECK(take_message(Bytes{0, 100}, 100).ok());
    CHECK_FALSE(take_message(Bytes{0xFF, 0xFF}, 65'534).ok());
}

TEST_CASE("the smallest and the largest record fit") {
    for (const std::size_t size : {std::size_t{1}, kRecordPlaintextMax}) {
        Ends pair = ends();
        const std::string text(size, 'x');
        const Bytes record = sealed(pair.alice.send, text);
        CHECK(record.size() == size + kRecordOverhead);
        CHECK(take_message(record, 65'535).value()->size() == size + crypto::kAeadTagBytes);
        CHECK(opened(pair.bob.receive, record) == text);
    }
}

}  // namespace swarmfs::channel
