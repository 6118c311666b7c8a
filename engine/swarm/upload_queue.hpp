#pragma once
// What one session sends next of what its peer asked for.
// Rules:
//   1. Urgent before ahead before fill.   Why: a blocked read() at the other end is a frozen
//      program. Leaves are given out a few at a time, so that an urgent request waits for those,
//      not for a queue.
//   2. Within a class, handles take turns by bytes (deficit round robin, Shreedhar and Varghese
//      1996).   Why: a huge file must not starve a thousand small ones.
//   3. A peer may have 80 MiB and 8,192 requests waiting; what exceeds either is refused as busy.
//      Why: a requester that keeps to its own limits of 64 MiB and 4,096 asks, of which some are for
//      leaves that are not in a row, never sees this; one that does not costs us no memory.
//   4. Within a handle, requests are served in the order they came.
//   5. A request is answered by one proof before its first leaf, unless it asked for none.
//   6. At most 64 requests for one chunk wait.   Why: 16 ask for every leaf of it, so that only a
//      peer that repeats itself sees this, and a cancel looks at no more.
// Pure; one thread. Cost: O(1) a leaf or a cancel.

#include <array>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "engine/core/units.hpp"
#include "engine/protocol/peer_messages.hpp"

namespace swarmfs::swarm {

class UploadQueue {
public:
    static constexpr std::uint64_t kWaitingMax = 80ULL << 20;
    static constexpr std::size_t kRequestsMax = 8192;
    // A request that weighs nothing would be free to repeat.
    static constexpr std::uint64_t kRequestOverhead = 256;
    static constexpr std::uint64_t kTurnBytes = 128 * 1024;

    static constexpr std::size_t kRequestsPerChunkMax = 64;

    // What a request weighs here, and its first leaves that weigh at most so much, perhaps none.
    static std::uint64_t weight(const protocol::LeafRange& range, std::uint64_t content_size);
    static protocol::LeafRange first_of(const protocol::LeafRange& range,
                                        std::uint64_t content_size, std::uint64_t weight_max);

    // Returns: false when it would exceed a bound of rule 3 or 6: refuse it as busy.
    // Requires: the range lies within the content, and is not empty.
    bool push(const protocol::Request& request, std::uint64_t content_size);
    // Leaves of the range that wait are forgotten. Unknown ones are no error: they have left.
    // Returns: those that waited.
    std::uint16_t cancel(protocol::Handle handle, const protocol::LeafRange& range);
    void drop_handle(protocol::Handle handle);

    struct Next {
        protocol::Handle handle = 0;
        protocol::Urgency urgency{};
        protocol::LeafRange leaves;
        bool proof_first = false;  // send the proof for `known_level` before the first of them
        std::uint8_t known_level = 0;
    };
    // Returns: what to send now, and waits no more: one leaf, and those that follow it in the same
    // request while they are at most `bytes_max` together.
    std::optional<Next> next(std::uint64_t bytes_max = 0);

    // Returns: of what next() would give. Requires: something waits.
    protocol::Urgency next_urgency() const;
    // Nothing waits any more. Returns: what did.
    struct Dropped {
        protocol::Handle handle = 0;
        ChunkIndex chunk;
        std::uint16_t leaves = 0;
    };
    std::vector<Dropped> drop_all();

    std::uint64_t waiting_bytes() const { return waiting_; }
    bool empty() const { return waiting_ == 0; }

private:
    struct Waiting {
        ChunkIndex chunk;
        std::uint16_t leaves = 0;  // bit i: leaf i is still to be sent
        bool proof_due = false;
        std::uint8_t known_level = 0;
    };
    struct Line {
        std::list<Waiting> requests;
        std::unordered_multimap<std::uint64_t, std::list<Waiting>::iterator> of_chunk;
        std::uint64_t content_size = 0;
        std::uint64_t deficit = 0;
        std::list<protocol::Handle>::iterator turn;
    };
    struct Class {
        std::unordered_map<protocol::Handle, Line> lines;
        std::list<protocol::Handle> turns;  // handles with something waiting; the front is served
    };

    Next take_from(Class& in, protocol::Urgency urgency, std::uint64_t bytes_max);
    void remove(Line& line, std::list<Waiting>::iterator request);
    void remove_line(Class& in, protocol::Handle handle);

    std::array<Class, protocol::kUrgencies> classes_;
    std::uint64_t waiting_ = 0;
    std::size_t requests_ = 0;
};

}  // namespace swarmfs::swarm
