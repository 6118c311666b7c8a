// fuzz: uses core crypto channel
// Arbitrary bytes as a stream of records under a key the sender does not have: all refused.
#include "engine/channel/channel.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace swarmfs;
    channel::ReceiveCipher cipher{crypto::Secret32()};
    Bytes stream(data, data + size);
    MutableByteSpan rest(stream);
    for (;;) {
        const auto message = channel::take_message(rest, 65'535);
        if (!message.ok() || !message->has_value()) {
            return 0;
        }
        const std::size_t length = (*message)->size();
        const bool opened = cipher.open(rest.subspan(channel::kLengthBytes, length)).ok();
        SWARM_ASSERT(!opened);
        rest = rest.subspan(channel::kLengthBytes + length);
    }
}
