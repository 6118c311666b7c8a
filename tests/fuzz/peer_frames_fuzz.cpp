// fuzz: uses protocol
// Arbitrary bytes as a record: either frames that encode to the same bytes again, or refused.
#include "engine/core/assert.hpp"
#include "engine/protocol/peer_frames.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace swarmfs;
    const ByteSpan record(data, std::min(size, protocol::kRecordPlaintextMax));
    protocol::FrameReader reader(record);
    Bytes again;
    for (;;) {
        const auto frame = reader.next();
        if (!frame.ok()) {
            return 0;
        }
        if (!frame->has_value()) {
            break;
        }
        protocol::encode(**frame, again);
    }
    SWARM_ASSERT(std::equal(again.begin(), again.end(), record.begin(), record.end()));
    return 0;
}
