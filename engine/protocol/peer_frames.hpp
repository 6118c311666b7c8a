#pragma once
// Frames as bytes, and back. The grammar and its rules are in peer_messages.hpp. Pure; any thread.

#include "engine/protocol/peer_messages.hpp"

namespace swarmfs::protocol {

// Appends the frame. Requires: the bounds above hold, and the body fits kFrameBodyMax.
void encode(const Frame& frame, Bytes& out);

// Appends the header of a leaf frame whose `size` bytes of data follow: the sender reads them from
// disk straight into place.
void encode_leaf_header(Handle handle, ChunkIndex chunk, std::uint8_t leaf, std::size_t size,
                        Bytes& out);
inline constexpr std::size_t kLeafHeaderBytes = kFrameHeaderBytes + 9;

// Walks the frames of one record.
class FrameReader {
public:
    // `record` must outlive the reader and the frames it yields.
    explicit FrameReader(ByteSpan record) : rest_(record) {}

    // Returns: the next frame; nothing at the end of the record.
    // Errors: a peer error for an unknown type, a wrong length, or a broken bound.
    Result<std::optional<Frame>> next();

private:
    ByteSpan rest_;
};

}  // namespace swarmfs::protocol
