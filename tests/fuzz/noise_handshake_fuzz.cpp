// fuzz: uses core crypto channel
// Arbitrary bytes as handshake messages: to a responder, and to an initiator that has started. Only
// the very bytes that the honest other end sends are taken; all else is refused, and for good.
#include <algorithm>

#include "engine/channel/channel.hpp"

namespace {

using namespace swarmfs;
using namespace swarmfs::channel;

struct Talk {
    SeededDice initiators_dice{1};
    SeededDice responders_dice{2};
    Handshake initiator = Handshake::initiator(secrets(initiators_dice), initiators_dice);
    Handshake responder = Handshake::responder({secrets(responders_dice)}, responders_dice);

    static ChannelSecrets secrets(Dice& dice) {
        ChannelSecrets secrets;
        secrets.own_static = crypto::X25519KeyPair::generate(dice);
        return secrets;
    }
};

Bytes body(const Bytes& framed) {
    return {framed.begin() + kLengthBytes, framed.end()};
}

// What an honest pair says, given the dice above.
const std::array<Bytes, kHandshakeMessages>& honest() {
    static const auto messages = [] {
        Talk talk;
        std::array<Bytes, kHandshakeMessages> said;
        said[0] = body(talk.initiator.start().value());
        said[1] = body(talk.responder.receive(said[0]).value());
        said[2] = body(talk.initiator.receive(said[1]).value());
        return said;
    }();
    return messages;
}

// Feeds every message of `stream` to `end`; `due` are the messages it waits for, in turn.
void feed(Handshake& end, ByteSpan stream, std::initializer_list<std::size_t> due) {
    const auto* next = due.begin();
    for (;;) {
        const auto message = take_message(stream, kHandshakeMessageBytesMax);
        if (!message.ok() || !message->has_value()) {
            return;
        }
        const bool right = next != due.end() && std::ranges::equal(**message, honest()[*next]);
        const bool was_finished = end.finished();
        SWARM_ASSERT(end.receive(**message).ok() == (right && !was_finished));
        next = right ? next + 1 : due.end();
        SWARM_ASSERT(!end.finished() || right);
        stream = stream.subspan(kLengthBytes + (*message)->size());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Talk talk;
    SWARM_ASSERT(talk.initiator.start().ok());
    feed(talk.responder, {data, size}, {0, 2});
    feed(talk.initiator, {data, size}, {1});
    return 0;
}
