#include "engine/channel/channel.hpp"

#include <doctest/doctest.h>

#include "engine/crypto/hash.hpp"
#include "tests/channel/ends.hpp"

namespace swarmfs::channel {
namespace {

using test::body;
using test::Ends;
using test::ends;
using test::member_of;
using test::opened;
using test::sealed;

// A handshake between two members of one swarm, each message kept as it was sent.
struct Conversation {
    SeededDice dice;
    Handshake initiator;
    Handshake responder;
    std::array<Bytes, kHandshakeMessages> messages;  // without their lengths

    explicit Conversation(std::uint64_t seed = 1)
        : dice(seed),
          initiator(Handshake::initiator(member_of(1, dice), dice)),
          responder(Handshake::responder({member_of(1, dice)}, dice)) {}

    // Runs until message `count` is written; it is not delivered yet.
    void write(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            messages[i] = body(i == 0 ? initiator.start().value()
                                      : receiver_of(i - 1).receive(messages[i - 1]).value());
        }
    }
    Handshake& receiver_of(std::size_t message) { return message == 1 ? initiator : responder; }
};

void check_failed_for_good(Handshake& end, const Bytes& right_message) {
    CHECK_FALSE(end.finished());
    CHECK_FALSE(end.receive(right_message).ok());
    CHECK_FALSE(end.finished());
}

// Message one as somebody with this psk and prologue would write it, with any bytes for a key:
// what an insider can do and our own code refuses to. Noise's symmetric state, spelled out.
Bytes message_one_of_insider(const ChannelSecrets& secrets,
                             const crypto::X25519PublicKey& ephemeral, std::uint8_t version,
                             std::string_view payload = {}) {
    const auto keyed = [](ByteSpan key, ByteSpan input, std::size_t count) {
        return crypto::hkdf_sha256(input, "", count * 32, key);  // Noise's HKDF is RFC 5869's
    };
    const auto joined = [](ByteSpan left, ByteSpan right) {
        Bytes both = to_bytes(left);
        both.insert(both.end(), right.begin(), right.end());
        return both;
    };
    const Bytes name = to_bytes(as_bytes("Noise_XXpsk0_25519_AESGCM_SHA256"));
    const Bytes prologue =
        joined(joined(as_bytes("swarmfs"), Bytes{version}), secrets.swarm.span());
    Hash256 hash = crypto::sha256(joined(name, prologue));
    const Bytes psk = crypto::hkdf_sha256(secrets.read_secret.span(), "swarmfs psk", 32);
    Bytes outputs = keyed(name, psk, 3);
    hash = crypto::sha256(joined(hash.span(), ByteSpan(outputs).subspan(32, 32)));
    hash = crypto::sha256(joined(hash.span(), ephemeral.span()));
    outputs = keyed(ByteSpan(outputs).first(32), ephemeral.span(), 2);
    crypto::Secret32 key;
    std::copy(outputs.begin() + 32, outputs.end(), key.mutable_span().begin());
    Bytes message = joined(ephemeral.span(), as_bytes(payload));
    message.resize(message.size() + crypto::kAeadTagBytes);
    const MutableByteSpan text = MutableByteSpan(message).subspan(32, payload.size());
    crypto::Aes256Gcm(key).seal({}, hash.span(), text,
                                MutableByteSpan(message).last(crypto::kAeadTagBytes));
    return message;
}

}  // namespace

TEST_CASE("two members of one swarm end with the same hash and keys that fit") {
    Ends pair = ends();
    CHECK(pair.alice.handshake_hash == pair.bob.handshake_hash);
    CHECK(pair.bob.swarm_index == 1);
    CHECK(opened(pair.bob.receive, sealed(pair.alice.send, "to bob")) == "to bob");
    CHECK(opened(pair.alice.receive, sealed(pair.bob.send, "to alice")) == "to alice");
}

TEST_CASE("each end learns the other's static key") {
    SeededDice dice(3);
    const ChannelSecrets alice = member_of(1, dice);
    const ChannelSecrets bob = member_of(1, dice);
    Handshake initiator = Handshake::initiator(alice, dice);
    Handshake responder = Handshake::responder({bob}, dice);
    const Bytes two = responder.receive(body(initiator.start().value())).value();
    CHECK(responder.receive(body(initiator.receive(body(two)).value())).value().empty());
    CHECK(initiator.keys().remote_static == bob.own_static.public_key);
    CHECK(responder.keys().remote_static == alice.own_static.public_key);
}

TEST_CASE("no two handshakes share a hash or keys, even between the same members") {
    SeededDice dice(3);
    const ChannelSecrets alice = member_of(1, dice);
    const ChannelSecrets bob = member_of(1, dice);
    std::vector<ChannelKeys> keys;
    for (int i = 0; i < 2; ++i) {
        Handshake initiator = Handshake::initiator(alice, dice);
        Handshake responder = Handshake::responder({bob}, dice);
        const Bytes two = responder.receive(body(initiator.start().value())).value();
        CHECK(initiator.receive(body(two)).ok());
        keys.push_back(initiator.keys());
    }
    CHECK(keys[0].handshake_hash != keys[1].handshake_hash);
    CHECK(sealed(keys[0].send, "same text") != sealed(keys[1].send, "same text"));
}

TEST_CASE("a stranger is refused at message one, before any Diffie-Hellman") {
    SeededDice dice(1);
    Handshake stranger = Handshake::initiator(member_of(9, dice), dice);
    Handshake responder = Handshake::responder({member_of(1, dice), member_of(2, dice)}, dice);
    const Bytes message = body(stranger.start().value());
    CHECK_FALSE(responder.receive(message).ok());
    CHECK(responder.diffie_hellmans() == 0);
    check_failed_for_good(responder, message);
}

TEST_CASE("who knows a swarm's id but not its secret, or the secret of another id, is a stranger") {
    SeededDice dice(1);
    ChannelSecrets without_secret = member_of(1, dice);
    without_secret.read_secret.mutable_span()[7] = 1;
    ChannelSecrets other_id = member_of(1, dice);
    other_id.swarm.bytes[7] = 9;
    for (const ChannelSecrets& pretender : {without_secret, other_id}) {
        Handshake stranger = Handshake::initiator(pretender, dice);
        Handshake responder = Handshake::responder({member_of(1, dice)}, dice);
        CHECK_FALSE(responder.receive(body(stranger.start().value())).ok());
        CHECK(responder.diffie_hellmans() == 0);
    }
}

TEST_CASE("a member that speaks another version is refused like a stranger") {
    SeededDice dice(1);
    const ChannelSecrets member = member_of(1, dice);
    const auto ephemeral = crypto::X25519KeyPair::generate(dice).public_key;
    for (int version = 0; version < 256; ++version) {
        Handshake responder = Handshake::responder({member}, dice);
        const Bytes message =
            message_one_of_insider(member, ephemeral, static_cast<std::uint8_t>(version));
        CHECK(responder.receive(message).ok() == (version == 1));
        CHECK(responder.diffie_hellmans() == (version == 1 ? 2 : 0));
    }
}

TEST_CASE("a responder in 64 swarms finds the right one, and a node in none knows nobody") {
    SeededDice dice(1);
    std::vector<ChannelSecrets> candidates;
    for (std::uint8_t swarm = 0; swarm < kSwarmsTriedMax; ++swarm) {
        candidates.push_back(member_of(swarm, dice));
    }
    for (const std::size_t swarm : {0, 31, 63}) {
        const ChannelSecrets member = member_of(static_cast<std::uint8_t>(swarm), dice);
        Handshake initiator = Handshake::initiator(member, dice);
        Handshake responder = Handshake::responder(candidates, dice);
        const Bytes two = responder.receive(body(initiator.start().value())).value();
        CHECK(responder.receive(body(initiator.receive(body(two)).value())).ok());
        CHECK(responder.keys().swarm_index == swarm);
    }
    Handshake nobody = Handshake::responder({}, dice);
    CHECK_FALSE(
        nobody.receive(body(Handshake::initiator(candidates[0], dice).start().value())).ok());
}

TEST_CASE("every flipped bit of every handshake message is refused") {
    for (std::size_t target = 0; target < kHandshakeMessages; ++target) {
        for (std::size_t bit = 0; bit < kHandshakeMessageBytes[target] * 8; ++bit) {
            Conversation talk;
            talk.write(target + 1);
            Bytes flipped = talk.messages[target];
            REQUIRE(flipped.size() == kHandshakeMessageBytes[target]);
            flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
            // Diffie-Hellman ignores the top bit of a key; the hash over the messages does not.
            Handshake& receiver = talk.receiver_of(target);
            REQUIRE_FALSE(receiver.receive(flipped).ok());
            check_failed_for_good(receiver, talk.messages[target]);
            if (target == 0) {
                REQUIRE(receiver.diffie_hellmans() == 0);
            }
        }
    }
}

TEST_CASE("a handshake message of any other length is refused") {
    for (std::size_t target = 0; target < kHandshakeMessages; ++target) {
        for (std::size_t size = 0; size <= kHandshakeMessageBytesMax + 1; ++size) {
            if (size == kHandshakeMessageBytes[target]) {
                continue;
            }
            Conversation talk;
            talk.write(target + 1);
            Bytes resized = talk.messages[target];
            resized.resize(size);
            CHECK_FALSE(talk.receiver_of(target).receive(resized).ok());
            check_failed_for_good(talk.receiver_of(target), talk.messages[target]);
        }
    }
}

TEST_CASE("a payload in message one is refused though a member sealed it") {
    SeededDice dice(1);
    const ChannelSecrets member = member_of(1, dice);
    const auto ephemeral = crypto::X25519KeyPair::generate(dice).public_key;
    Handshake responder = Handshake::responder({member}, dice);
    CHECK_FALSE(responder.receive(message_one_of_insider(member, ephemeral, 1, "early")).ok());
    CHECK(responder.diffie_hellmans() == 0);
}

TEST_CASE("a payload in messages two and three is refused though a member sealed it") {
    SeededDice dice(1);
    const ChannelSecrets member = member_of(1, dice);
    // A member's end that our rules do not bind.
    const auto unbound = [&](NoiseRole role) {
        NoiseKeys keys;
        keys.own_static = member.own_static;
        const Bytes psk = crypto::hkdf_sha256(member.read_secret.span(), "swarmfs psk", 32);
        std::copy(psk.begin(), psk.end(), keys.psks.emplace_back().mutable_span().begin());
        Bytes prologue = to_bytes(as_bytes("swarmfs\x01"));
        prologue.insert(prologue.end(), member.swarm.bytes.begin(), member.swarm.bytes.end());
        return NoiseHandshake(noise_pattern("XXpsk0").value(), role, prologue, keys, dice);
    };
    for (const char* payload : {"", "x"}) {
        const bool taken = *payload == 0;
        Handshake initiator = Handshake::initiator(member, dice);
        NoiseHandshake answers = unbound(NoiseRole::responder);
        REQUIRE(answers.read_message(body(initiator.start().value())).ok());
        const Bytes two = answers.write_message(as_bytes(payload)).value();
        CHECK(initiator.receive(two).ok() == taken);

        Handshake responder = Handshake::responder({member}, dice);
        NoiseHandshake dials = unbound(NoiseRole::initiator);
        const Bytes answer = responder.receive(dials.write_message({}).value()).value();
        REQUIRE(dials.read_message(body(answer)).ok());
        const Bytes three = dials.write_message(as_bytes(payload)).value();
        CHECK(responder.receive(three).ok() == taken);
        CHECK(responder.finished() == taken);
    }
}

TEST_CASE("an insider whose key is of low order gets no answer") {
    SeededDice dice(1);
    const ChannelSecrets member = member_of(1, dice);
    for (const char* low : {"0000000000000000000000000000000000000000000000000000000000000000",
                            "0100000000000000000000000000000000000000000000000000000000000000",
                            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
        const auto ephemeral = crypto::X25519PublicKey::from_hex(low).value();
        const Bytes message = message_one_of_insider(member, ephemeral, 1);
        Handshake responder = Handshake::responder({member}, dice);
        CHECK_FALSE(responder.receive(message).ok());
        CHECK(responder.diffie_hellmans() == 1);  // the one that showed it
        check_failed_for_good(responder, message);
    }
}

TEST_CASE("a recorded message one, sent again, leads nowhere") {
    Conversation recorded;
    recorded.write(3);
    SeededDice dice(99);
    Handshake responder = Handshake::responder({member_of(1, dice)}, dice);
    const Bytes answer = body(responder.receive(recorded.messages[0]).value());
    CHECK(answer != recorded.messages[1]);
    CHECK_FALSE(responder.receive(recorded.messages[2]).ok());
    CHECK_FALSE(responder.finished());
}

TEST_CASE("messages of one handshake are refused in another, and out of order") {
    for (std::size_t target = 1; target < kHandshakeMessages; ++target) {
        Conversation other(2);
        other.write(target + 1);
        Conversation talk(1);
        talk.write(target + 1);
        CHECK_FALSE(talk.receiver_of(target).receive(other.messages[target]).ok());
    }
    for (std::size_t sent = 0; sent < kHandshakeMessages; ++sent) {
        for (std::size_t due = 0; due < kHandshakeMessages; ++due) {
            if (sent != due) {
                Conversation source;
                source.write(3);
                Conversation talk;
                talk.write(due + 1);
                CHECK_FALSE(talk.receiver_of(due).receive(source.messages[sent]).ok());
            }
        }
    }
}

TEST_CASE("a message sent back to its sender is refused") {
    Conversation talk;
    talk.write(1);
    CHECK_FALSE(talk.initiator.receive(talk.messages[0]).ok());
    Conversation later;
    later.write(2);
    CHECK_FALSE(later.responder.receive(later.messages[1]).ok());
}

TEST_CASE("nothing may arrive before an initiator has started, or after the end") {
    Conversation talk;
    CHECK_FALSE(talk.initiator.receive(Bytes(96)).ok());
    Conversation whole;
    whole.write(3);
    CHECK(whole.responder.receive(whole.messages[2]).value().empty());
    CHECK(whole.responder.finished());
    (void)whole.responder.keys();
    CHECK_FALSE(whole.responder.receive(whole.messages[2]).ok());
}

TEST_CASE("a whole conversation arrives one byte at a time") {
    SeededDice dice(4);
    Handshake initiator = Handshake::initiator(member_of(1, dice), dice);
    Handshake responder = Handshake::responder({member_of(1, dice)}, dice);
    // Feeds `sent` to `end` byte by byte; gives what it answered to the one message inside.
    const auto deliver = [](Handshake& end, const Bytes& sent) {
        Bytes stream;
        for (std::size_t i = 0; i < sent.size(); ++i) {
            stream.push_back(sent[i]);
            const auto message = take_message(stream, kHandshakeMessageBytesMax).value();
            REQUIRE(message.has_value() == (i + 1 == sent.size()));
        }
        return end.receive(*take_message(stream, kHandshakeMessageBytesMax).value()).value();
    };
    const Bytes two = deliver(responder, initiator.start().value());
    CHECK(deliver(responder, deliver(initiator, two)).empty());
    CHECK(responder.finished());

    SendCipher send = initiator.keys().send;
    ReceiveCipher receive = responder.keys().receive;
    Bytes sent = sealed(send, "first");
    for (const Bytes& more : {sealed(send, "second"), send.seal_close()}) {
        sent.insert(sent.end(), more.begin(), more.end());
    }
    std::vector<std::string> texts;
    Bytes stream;
    for (const std::uint8_t byte : sent) {
        stream.push_back(byte);
        if (const auto record = take_message(stream, 65'535).value()) {
            Bytes copy = to_bytes(*record);
            texts.emplace_back(as_text(receive.open(copy).value()));
            stream.clear();
        }
    }
    CHECK(texts == std::vector<std::string>{"first", "second", ""});
    CHECK(receive.closed());
}

TEST_CASE("a handshake costs each end three Diffie-Hellmans") {
    Conversation talk;
    talk.write(3);
    CHECK(talk.responder.receive(talk.messages[2]).ok());
    CHECK(talk.initiator.diffie_hellmans() == 3);
    CHECK(talk.responder.diffie_hellmans() == 3);
}

}  // namespace swarmfs::channel
