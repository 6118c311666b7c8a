#pragma once
// Members, channels between them, and records, in as few words as a test wants to spend on them.

#include <string>
#include <string_view>

#include "engine/channel/channel.hpp"

namespace swarmfs::channel::test {

// A member of swarm number `swarm`, which has a secret of its own.
inline ChannelSecrets member_of(std::uint8_t swarm, Dice& dice) {
    ChannelSecrets secrets;
    secrets.swarm.bytes.fill(swarm);
    secrets.read_secret.mutable_span()[0] = swarm;
    secrets.own_static = crypto::X25519KeyPair::generate(dice);
    return secrets;
}

// What follows the length.
inline Bytes body(const Bytes& framed) {
    return {framed.begin() + kLengthBytes, framed.end()};
}

// The two ends of one channel.
struct Ends {
    ChannelKeys alice;  // the initiator
    ChannelKeys bob;
};

inline Ends ends() {
    static SeededDice dice(5);
    Handshake initiator = Handshake::initiator(member_of(1, dice), dice);
    Handshake responder = Handshake::responder({member_of(2, dice), member_of(1, dice)}, dice);
    const Bytes one = initiator.start().value();
    const Bytes two = responder.receive(body(one)).value();
    const Bytes three = initiator.receive(body(two)).value();
    SWARM_ASSERT(responder.receive(body(three)).value().empty());
    return {initiator.keys(), responder.keys()};
}

inline Bytes sealed(SendCipher& cipher, std::string_view text) {
    Bytes record(kLengthBytes);
    record.insert(record.end(), text.begin(), text.end());
    record.resize(record.size() + crypto::kAeadTagBytes);
    cipher.seal(record);
    return record;
}

inline std::string opened(ReceiveCipher& cipher, const Bytes& record) {
    Bytes copy = body(record);
    auto text = cipher.open(copy);
    return text.ok() ? std::string(as_text(*text)) : "refused";
}

}  // namespace swarmfs::channel::test
