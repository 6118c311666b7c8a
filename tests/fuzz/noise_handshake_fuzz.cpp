// fuzz: uses core crypto channel
// Arbitrary bytes as the messages of a stranger, to a responder and to an initiator.
#include "engine/channel/channel.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace swarmfs;
    SeededDice dice(1);
    channel::ChannelSecrets secrets;
    secrets.own_static = crypto::X25519KeyPair::generate(dice);
    auto responder = channel::Handshake::responder({secrets}, dice);
    auto initiator = channel::Handshake::initiator(secrets, dice);
    (void)initiator.start().ok();
    ByteSpan rest(data, size);
    for (;;) {
        const auto message = channel::take_message(rest, channel::kHandshakeMessageBytesMax);
        if (!message.ok() || !message->has_value()) {
            return 0;
        }
        SWARM_ASSERT(!responder.receive(**message).ok() || !responder.finished());
        SWARM_ASSERT(!initiator.receive(**message).ok());
        rest = rest.subspan(channel::kLengthBytes + (*message)->size());
    }
}
