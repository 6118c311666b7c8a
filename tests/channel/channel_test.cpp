#include "engine/channel/channel.hpp"

#include <doctest/doctest.h>

#include <set>

namespace swarmfs::channel {
namespace {

ChannelSecrets member_of(std::uint8_t swarm, Dice& dice) {
    ChannelSecrets secrets;
    secrets.swarm.bytes.fill(swarm);
    secrets.read_secret.mutable_span()[0] = swarm;
    secrets.own_static = crypto::X25519KeyPair::generate(dice);
    return secrets;
}

Bytes body(const Bytes& framed) {
    return {framed.begin() + kLengthBytes, framed.end()};
}

// The two ends of one channel.
struct Ends {
    ChannelKeys alice;
    ChannelKeys bob;
};

Ends ends() {
    static SeededDice dice(5);
    Handshake initiator = Handshake::initiator(member_of(1, dice), dice);
    Handshake responder = Handshake::responder({member_of(2, dice), member_of(1, dice)}, dice);
    const Bytes one = initiator.start().value();
    const Bytes two = responder.receive(body(one)).value();
    const Bytes three = initiator.receive(body(two)).value();
    REQUIRE(responder.receive(body(three)).value().empty());
    return {initiator.keys(), responder.keys()};
}

Bytes sealed(SendCipher& cipher, std::string_view text) {
    Bytes record(kLengthBytes);
    record.insert(record.end(), text.begin(), text.end());
    record.resize(record.size() + crypto::kAeadTagBytes);
    cipher.seal(record);
    return record;
}

std::string opened(ReceiveCipher& cipher, const Bytes& record) {
    Bytes copy = body(record);
    auto text = cipher.open(copy);
    return text.ok() ? std::string(as_text(*text)) : "refused";
}

}  // namespace

TEST_CASE("two members of one swarm end with the same hash and keys that fit") {
    Ends pair = ends();
    CHECK(pair.alice.handshake_hash == pair.bob.handshake_hash);
    CHECK(pair.bob.swarm_index == 1);
    CHECK(opened(pair.bob.receive, sealed(pair.alice.send, "to bob")) == "to bob");
    CHECK(opened(pair.alice.receive, sealed(pair.bob.send, "to alice")) == "to alice");
}

TEST_CASE("a stranger is refused at message one, before any Diffie-Hellman") {
    SeededDice dice(1);
    Handshake stranger = Handshake::initiator(member_of(9, dice), dice);
    Handshake responder = Handshake::responder({member_of(1, dice), member_of(2, dice)}, dice);
    CHECK_FALSE(responder.receive(body(stranger.start().value())).ok());
    CHECK(responder.diffie_hellmans() == 0);
    CHECK_FALSE(responder.finished());
}

TEST_CASE("a member that knows the swarm's id but not its secret is a stranger") {
    SeededDice dice(1);
    ChannelSecrets pretender = member_of(1, dice);
    pretender.read_secret.mutable_span()[7] = 1;
    Handshake stranger = Handshake::initiator(pretender, dice);
    Handshake responder = Handshake::responder({member_of(1, dice)}, dice);
    CHECK_FALSE(responder.receive(body(stranger.start().value())).ok());
}

TEST_CASE("every flipped bit of every handshake message is refused") {
    for (std::size_t target = 0; target < kHandshakeMessages; ++target) {
        for (std::size_t bit = 0;; ++bit) {
            SeededDice dice(7);
            Handshake initiator = Handshake::initiator(member_of(1, dice), dice);
            Handshake responder = Handshake::responder({member_of(1, dice)}, dice);
            Bytes message = body(initiator.start().value());
            bool initiators = true;
            for (std::size_t i = 0; i < target; ++i) {
                Handshake& receiver = initiators ? responder : initiator;
                message = body(receiver.receive(message).value());
                initiators = !initiators;
            }
            if (bit == message.size() * 8) {
                break;
            }
            message[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
            Handshake& receiver = initiators ? responder : initiator;
            const bool ok = receiver.receive(message).ok();
            // Diffie-Hellman ignores the top bit of a key; the hash over the messages does not.
            REQUIRE_FALSE(ok);
            REQUIRE_FALSE(receiver.finished());
            REQUIRE_FALSE(receiver.receive(message).ok());
        }
    }
}

TEST_CASE("a key of low order is refused") {
    SeededDice dice(1);
    const auto pair = crypto::X25519KeyPair::generate(dice);
    CHECK_FALSE(crypto::x25519(pair.secret, crypto::X25519PublicKey{}).has_value());
    crypto::X25519PublicKey one;
    one.bytes[0] = 1;
    CHECK_FALSE(crypto::x25519(pair.secret, one).has_value());
}

TEST_CASE("every flipped bit of a record closes the channel for good") {
    for (std::size_t bit = 0; bit < (8 + 16) * 8; ++bit) {
        Ends pair = ends();
        Bytes record = sealed(pair.alice.send, "12345678");
        const Bytes next = sealed(pair.alice.send, "12345678");
        Bytes flipped = record;
        flipped[kLengthBytes + bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        REQUIRE(opened(pair.bob.receive, flipped) == "refused");
        REQUIRE(opened(pair.bob.receive, record) == "refused");
        REQUIRE(opened(pair.bob.receive, next) == "refused");
    }
}

TEST_CASE("a record that is repeated, left out, cut or from the other direction is refused") {
    {
        Ends pair = ends();
        const Bytes record = sealed(pair.alice.send, "once");
        CHECK(opened(pair.bob.receive, record) == "once");
        CHECK(opened(pair.bob.receive, record) == "refused");
    }
    {
        Ends pair = ends();
        (void)sealed(pair.alice.send, "lost");
        CHECK(opened(pair.bob.receive, sealed(pair.alice.send, "second")) == "refused");
    }
    {
        Ends pair = ends();
        Bytes record = sealed(pair.alice.send, "cut short");
        record.pop_back();
        CHECK(opened(pair.bob.receive, record) == "refused");
    }
    {
        Ends pair = ends();
        CHECK(opened(pair.alice.receive, sealed(pair.alice.send, "mirrored")) == "refused");
    }
    {
        Ends pair = ends();
        Ends other = ends();
        CHECK(opened(pair.bob.receive, sealed(other.alice.send, "of another channel")) ==
              "refused");
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

TEST_CASE("no nonce is ever used twice, and keys change on both ends at the same record") {
    Ends pair = ends();
    std::set<std::pair<std::uint64_t, std::uint64_t>> used;
    const std::uint64_t records = kRecordsPerKey * 2 + 10;
    for (std::uint64_t i = 0; i < records; ++i) {
        REQUIRE(used.emplace(pair.alice.send.keys_used(), pair.alice.send.nonce()).second);
        REQUIRE(pair.alice.send.nonce() < kRecordsPerKey);
        REQUIRE(opened(pair.bob.receive, sealed(pair.alice.send, "x")) == "x");
    }
    CHECK(pair.alice.send.keys_used() == 3);
}

TEST_CASE("a new key seals the same text under the same nonce differently") {
    crypto::Secret32 key;
    SendCipher first(key);
    SendCipher second(noise_rekey(key));
    CHECK(sealed(first, "same") != sealed(second, "same"));
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
    CHECK_FALSE(take_message(stream, 2).ok());
    CHECK_FALSE(take_message(Bytes{0, 0}, 100).ok());
}

TEST_CASE("the largest record fits") {
    Ends pair = ends();
    const std::string text(kRecordPlaintextMax, 'x');
    CHECK(opened(pair.bob.receive, sealed(pair.alice.send, text)) == text);
}

}  // namespace swarmfs::channel
