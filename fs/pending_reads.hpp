#pragma once
// Reads that wait for the network, by a number of our own, so that an interrupt or the end of the
// mount can cancel them. A number, not a pointer: the interrupt may come while the answer is being
// given, and then finds nothing. Thread: any.
//
//   begin -> (volume.read) -> started(ticket) ... end
//                 interrupt may fall anywhere; end may fall before started.

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "engine/node/volume.hpp"

namespace swarmfs::fs {

class PendingReads {
public:
    std::uint64_t begin();
    // Returns: whether the read was interrupted before its ticket was known and must be cancelled.
    bool started(std::uint64_t number, node::ReadTicket ticket);
    void end(std::uint64_t number);
    // Returns: the ticket to cancel; nothing when the read is over or its ticket not known yet.
    std::optional<node::ReadTicket> interrupt(std::uint64_t number);
    // Interrupts every read. Returns: their tickets.
    std::vector<node::ReadTicket> interrupt_all();
    std::size_t size() const;

private:
    struct Pending {
        node::ReadTicket ticket = 0;
        bool interrupted = false;
    };
    struct Shard {
        mutable std::mutex mutex;
        std::unordered_map<std::uint64_t, Pending> reads;  // guarded by mutex
    };
    static constexpr std::size_t kShards = 16;
    Shard& shard(std::uint64_t number) { return shards_[number % kShards]; }

    std::atomic<std::uint64_t> next_ = 1;
    std::array<Shard, kShards> shards_;
};

}  // namespace swarmfs::fs
