#include "engine/core/wire.hpp"

#include "engine/core/assert.hpp"

namespace swarmfs {

void WireWriter::bytes16(ByteSpan bytes) {
    SWARM_ASSERT(bytes.size() <= 0xFFFF);
    u16(static_cast<std::uint16_t>(bytes.size()));
    raw(bytes);
}

void WireWriter::bytes32(ByteSpan bytes) {
    SWARM_ASSERT(bytes.size() <= 0xFFFF'FFFF);
    u32(static_cast<std::uint32_t>(bytes.size()));
    raw(bytes);
}

ByteSpan WireReader::raw(std::size_t count) {
    if (failed_ || count > in_.size()) {
        fail();
        return {};
    }
    const ByteSpan taken = in_.first(count);
    in_ = in_.subspan(count);
    return taken;
}

std::uint64_t WireReader::big_endian(unsigned width) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : raw(width)) {
        value = (value << 8) | byte;
    }
    return value;
}

}  // namespace swarmfs
