#pragma once
// A stream of bytes to one peer, whatever carries it: TCP, punched UDP, a relay.
//
// Rules:
//   1. A link is pinned to one executor; it is used and destroyed on that thread only.
//   2. At most one read and one write at a time; the two do not wait for each other.
//   3. A link proves nothing: who speaks at the other end, and that nobody changed it on the way,
//      is the channel's business.
//   4. The end of the stream tells a goodbye from a cut cable as little as TCP does: the session
//      says goodbye itself, within the channel.
// Waits end by the exception of async/task.hpp when their task is cancelled. Afterwards, or after
// an error, nothing but close() makes sense: a write may have stopped anywhere.

#include <memory>
#include <span>

#include "engine/async/task.hpp"
#include "engine/core/bytes.hpp"
#include "engine/core/result.hpp"
#include "engine/transport/address.hpp"

namespace swarmfs::transport {

enum class LinkKind { direct, punched, relay };

// "direct", "punched", "relay": stable words for JSON and logs.
const char* name_of(LinkKind kind);

class Link {
public:
    virtual ~Link() = default;

    // Reads what is there, at least a byte. Returns: how many bytes; 0 when the other end has ended
    // its stream. Requires: `into` is not empty and outlives the call.
    // Errors: network: unavailable (the link broke), timed_out, cancelled (closed here).
    virtual async::Task<Result<std::size_t>> read_some(MutableByteSpan into) = 0;

    // Writes all of the buffers, in order, without copying them together. Requires: the buffers,
    // and what `buffers` refers to, outlive the call. Errors: as read_some.
    virtual async::Task<Result<>> write(std::span<const ByteSpan> buffers) = 0;

    // Ends our stream: the other end reads what was written, then the end. Reading goes on.
    virtual void shut_down() = 0;
    // Ends both streams at once; waits that are under way end with an error.
    virtual void close() = 0;

    // The peer has proven who it is. Until then an accepted link counts among the half-open ones of
    // its host and may be closed to make room (admission.hpp). Requires: called at most once.
    virtual void note_proven() {}

    virtual LinkKind kind() const = 0;
    // The other end, as this one sees it.
    virtual const Address& remote() const = 0;
    virtual async::Executor executor() = 0;
};

// Reads until `into` is full. Returns: true; false when the stream ended before its first byte.
// Errors: the link's; network, unavailable, when it ended in the middle.
async::Task<Result<bool>> read_exactly(Link& link, MutableByteSpan into);

}  // namespace swarmfs::transport
