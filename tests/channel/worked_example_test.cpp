#include <doctest/doctest.h>

#include <cctype>
#include <fstream>

#include "engine/channel/channel.hpp"

namespace swarmfs::channel {
namespace {

// The ```hex blocks of a document, as bytes.
std::vector<Bytes> hex_blocks(const std::string& path) {
    std::ifstream in(path);
    REQUIRE(in.good());
    std::vector<Bytes> blocks;
    std::string digits;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line == "```hex") {
            inside = true;
            digits.clear();
        } else if (line == "```" && inside) {
            inside = false;
            blocks.push_back(from_hex(digits).value());
        } else if (inside) {
            for (const char c : line) {
                if (std::isspace(static_cast<unsigned char>(c)) == 0) {
                    digits.push_back(c);
                }
            }
        }
    }
    return blocks;
}

// Gives one ephemeral key.
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

crypto::Secret32 secret(ByteSpan bytes) {
    crypto::Secret32 value;
    REQUIRE(bytes.size() == 32);
    std::copy(bytes.begin(), bytes.end(), value.mutable_span().begin());
    return value;
}

// A record of the document, opened.
std::string open(ReceiveCipher& cipher, const Bytes& record) {
    Bytes copy = to_bytes(*take_message(record, 65'535).value());
    return std::string(as_text(cipher.open(copy).value()));
}

Bytes seal_hello(SendCipher& cipher) {
    Bytes record = {0, 0, 'h', 'e', 'l', 'l', 'o'};
    record.resize(record.size() + crypto::kAeadTagBytes);
    cipher.seal(record);
    return record;
}

}  // namespace

TEST_CASE("the worked example of docs/protocol-channel.md is what two members say") {
    const std::vector<Bytes> blocks = hex_blocks("docs/protocol-channel.md");
    REQUIRE(blocks.size() == 18);
    ChannelSecrets alice;
    alice.read_secret = secret(blocks[0]);
    alice.swarm = SwarmId::from(blocks[1]).value();
    ChannelSecrets bob = alice;
    alice.own_static = crypto::X25519KeyPair::from_secret(secret(blocks[2]));
    bob.own_static = crypto::X25519KeyPair::from_secret(secret(blocks[4]));
    FixedDice alices_dice(blocks[3]);
    FixedDice bobs_dice(blocks[5]);

    Handshake initiator = Handshake::initiator(alice, alices_dice);
    Handshake responder = Handshake::responder({bob}, bobs_dice);
    const auto body = [](const Bytes& framed) {
        return *take_message(framed, kHandshakeMessageBytesMax).value();
    };
    CHECK(initiator.start().value() == blocks[8]);
    CHECK(responder.receive(body(blocks[8])).value() == blocks[9]);
    CHECK(initiator.receive(body(blocks[9])).value() == blocks[10]);
    CHECK(responder.receive(body(blocks[10])).value().empty());

    ChannelKeys from_alice = initiator.keys();
    ChannelKeys from_bob = responder.keys();
    CHECK(to_bytes(from_alice.handshake_hash.span()) == blocks[11]);
    CHECK(to_bytes(from_bob.handshake_hash.span()) == blocks[11]);
    CHECK(to_bytes(noise_rekey(secret(blocks[12])).span()) == blocks[14]);

    ReceiveCipher second_reader(secret(blocks[12]));  // the documented key is the one in use
    CHECK(open(second_reader, blocks[15]) == "hello");
    CHECK(open(from_bob.receive, blocks[15]) == "hello");
    CHECK(open(from_bob.receive, blocks[16]).empty());
    CHECK(from_bob.receive.closed());
    CHECK(open(from_alice.receive, blocks[17]).empty());
    CHECK(from_alice.receive.closed());
    CHECK(seal_hello(from_alice.send) == blocks[15]);
    CHECK(from_alice.send.seal_close() == blocks[16]);
    CHECK(from_bob.send.seal_close() == blocks[17]);
}

}  // namespace swarmfs::channel
