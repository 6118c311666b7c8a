#include <doctest/doctest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "engine/channel/noise.hpp"

namespace swarmfs::channel {
namespace {

using nlohmann::json;

// Gives the bytes of a vector's ephemeral key.
class FixedDice final : public Dice {
public:
    explicit FixedDice(Bytes bytes) : bytes_(std::move(bytes)) {}
    void fill(MutableByteSpan out) override {
        REQUIRE(out.size() == bytes_.size());
        std::copy(bytes_.begin(), bytes_.end(), out.begin());
    }

private:
    const Bytes bytes_;
};

Bytes hex(const json& text) {
    return from_hex(text.get<std::string>()).value();
}

crypto::Secret32 secret(const json& text) {
    crypto::Secret32 value;
    const Bytes bytes = hex(text);
    REQUIRE(bytes.size() == 32);
    std::copy(bytes.begin(), bytes.end(), value.mutable_span().begin());
    return value;
}

NoiseKeys keys_of(const json& vector, const std::string& side) {
    NoiseKeys keys;
    if (vector.contains(side + "_static")) {
        keys.own_static = crypto::X25519KeyPair::from_secret(secret(vector[side + "_static"]));
    }
    if (vector.contains(side + "_remote_static")) {
        keys.remote_static = crypto::X25519PublicKey::from(hex(vector[side + "_remote_static"]));
    }
    if (vector.contains(side + "_psks")) {
        for (const json& psk : vector[side + "_psks"]) {
            keys.psks.push_back(secret(psk));
        }
    }
    return keys;
}

void replay(const json& vector) {
    const std::string protocol = vector["protocol_name"].get<std::string>();
    CAPTURE(protocol);
    const std::string name = protocol.substr(6, protocol.find('_', 6) - 6);
    const auto pattern = noise_pattern(name);
    REQUIRE(pattern.has_value());
    FixedDice initiator_dice(hex(vector["init_ephemeral"]));
    FixedDice responder_dice(hex(vector["resp_ephemeral"]));
    NoiseHandshake initiator(*pattern, NoiseRole::initiator, hex(vector["init_prologue"]),
                             keys_of(vector, "init"), initiator_dice);
    NoiseHandshake responder(*pattern, NoiseRole::responder, hex(vector["resp_prologue"]),
                             keys_of(vector, "resp"), responder_dice);
    // Each direction at the end that seals and at the end that opens.
    std::optional<CipherState> sealing[2];
    std::optional<CipherState> opening[2];
    bool initiator_sends = true;
    for (const json& message : vector["messages"]) {
        const Bytes payload = hex(message["payload"]);
        const Bytes expected = hex(message["ciphertext"]);
        if (!initiator.finished()) {
            NoiseHandshake& sender = initiator_sends ? initiator : responder;
            NoiseHandshake& receiver = initiator_sends ? responder : initiator;
            const auto written = sender.write_message(payload);
            REQUIRE(written.ok());
            CHECK(*written == expected);
            const auto read = receiver.read_message(expected);
            REQUIRE(read.ok());
            CHECK(*read == payload);
        } else {
            if (!sealing[0]) {
                sealing[0].emplace(initiator.split().initiator_to_responder);
                sealing[1].emplace(responder.split().responder_to_initiator);
                opening[0].emplace(responder.split().initiator_to_responder);
                opening[1].emplace(initiator.split().responder_to_initiator);
            }
            const std::size_t direction = initiator_sends ? 0 : 1;
            Bytes text = payload;
            sealing[direction]->seal({}, text);
            CHECK(text == expected);
            CHECK(opening[direction]->open({}, text));
            CHECK(text == payload);
        }
        initiator_sends = !initiator_sends;
    }
    CHECK(initiator.handshake_hash() == responder.handshake_hash());
    if (vector.contains("handshake_hash")) {
        CHECK(to_hex(initiator.handshake_hash().span()) == vector["handshake_hash"]);
    }
}

std::size_t replay_file(const std::string& path) {
    std::ifstream in(path);
    REQUIRE(in.good());
    const json file = json::parse(in);
    std::size_t count = 0;
    for (const char* source : {"cacophony", "snow"}) {
        for (const json& vector : file[source]) {
            replay(vector);
            ++count;
        }
    }
    return count;
}

}  // namespace

TEST_CASE("every published vector is replayed to the byte") {
    CHECK(replay_file("tests/channel/vectors/noise_25519_AESGCM_SHA256.json") == 13);
}

TEST_CASE("only patterns that exist have a table") {
    for (const char* name : {"", "X", "XXpsk", "XXpsk9", "XXpsk0+", "XXpsk0psk1", "psk0"}) {
        CAPTURE(name);
        CHECK_FALSE(noise_pattern(name).has_value());
    }
    CHECK(noise_pattern("XXpsk0")->messages[0] == std::vector<Token>{Token::psk, Token::e});
}

}  // namespace swarmfs::channel
