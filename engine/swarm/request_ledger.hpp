#pragma once
// What is asked of whom: leaves of chunks, in order of asking, and how much each peer may owe us.
// Rules:
//   1. A peer owes at most its budget: bytes, so that neither small files nor long paths starve it,
//      and kAsksMax asks, so that what a million tiny files take here has an end. It starts at 512 KiB, grows by what arrives while answers take under half
//      a second, falls back to rate x 1 s when they take longer than a second, and stays within
//      [512 KiB, 64 MiB].   Why: a path of 100 ms at 5 Gbit/s needs 64 MiB in flight; more than a
//      second's worth only delays what is urgent.
//   2. A peer from which nothing has come for (mean + 4 deviations) of its answer times, clamped to
//      2..60 s, while it owes something, is silent: its asks are to be released and placed
//      elsewhere. Any leaf of it ends the silence. A single ask is released after 60 s whatever
//      else arrives.
//   3. An ask is late after (mean + deviation / 2) of its peer's answer times. A late ask may be
//      duplicated at one other peer, once; the first answer cancels the other ask. One that
//      somebody waits for is reported late again every quarter of a second until it is duplicated.
//      Why: at the first report no other peer may have had room.
//   4. `busy` halves the budget and pauses asking for a quarter of a second, and for twice as long
//      each time that nothing else was answered since, up to 4 s.   Why: a member that is paused
//      says so for days.
//   5. `full` pauses what nobody waits for until the peer says `ready`, for two seconds at most, and is
//      no failure.   Why: a peer that never says it, or whose word came too early, is asked again.
//   6. All that is owed together has a budget for fills (fill_budget.hpp). Peers from which nothing
//      came for a second are left out of it.
// Pure; one thread. Cost: O(log asks) an event.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/core/units.hpp"
#include "engine/protocol/peer_messages.hpp"
#include "engine/swarm/fill_budget.hpp"

namespace swarmfs::swarm {

// One session of this swarm, and one content in use. Never used again.
enum class PeerNumber : std::uint32_t {};
enum class ContentNumber : std::uint32_t {};

using LeafMask = std::uint16_t;  // bit i: leaf i of a chunk
inline constexpr LeafMask kAllLeaves = 0xFFFF;

// The leaves of a range as bits, and the ranges that cover the bits of a mask.
LeafMask mask_of(const protocol::LeafRange& range);
std::vector<protocol::LeafRange> ranges_of(ChunkIndex chunk, LeafMask leaves);

struct Ask {
    PeerNumber peer{};
    ContentNumber content{};
    ChunkIndex chunk;
    LeafMask leaves = 0;  // those still owed
    protocol::Urgency urgency = protocol::Urgency::fill;
    TimePoint asked_at{};
    std::uint64_t bytes = 0;  // of those leaves
    bool duplicated = false;  // some of it is asked of another peer too
};

class RequestLedger {
public:
    // Chosen by us: rule 1.
    static constexpr std::uint64_t kBudgetMin = 512 * 1024;
    static constexpr std::uint64_t kBudgetMax = 64ULL << 20;
    static constexpr std::size_t kAsksMax = 4096;  // of single leaves they fill the largest budget
    // What a frame and its bookkeeping weigh, so that a million one-byte files are not free.
    static constexpr std::uint64_t kAskOverhead = 256;

    void add_peer(PeerNumber peer, TimePoint now);
    // Returns: what it owed, which is owed by nobody now.
    std::vector<Ask> remove_peer(PeerNumber peer);
    // The same without forgetting the peer.
    std::vector<Ask> release(PeerNumber peer);

    // Requires: the peer is known; the leaves are not asked of it already; content_size is right.
    void ask(PeerNumber peer, ContentNumber content, std::uint64_t content_size, ChunkIndex chunk,
             LeafMask leaves, protocol::Urgency urgency, TimePoint now);

    struct Arrival {
        LeafMask expected = 0;       // of those that arrived, asked of this peer
        std::vector<Ask> to_cancel;  // the same leaves, asked of others
    };
    // Leaves of the peer were stored (or were proven and are stored already).
    Arrival arrived(PeerNumber peer, ContentNumber content, ChunkIndex chunk, LeafMask leaves,
                    TimePoint now);
    // Returns: the leaves that the peer owed, and owes no more. A refusal counts as a failure.
    LeafMask refused(PeerNumber peer, ContentNumber content, ChunkIndex chunk, LeafMask leaves);
    LeafMask cancel(PeerNumber peer, ContentNumber content, ChunkIndex chunk, LeafMask leaves);
    void busy(PeerNumber peer, TimePoint now);
    // Rule 5.
    void full(PeerNumber peer, TimePoint now);
    void ready(PeerNumber peer);
    // A request that failed or was never answered says nothing about answer times, but much about
    // reliability.
    std::uint32_t failures(PeerNumber peer) const;
    std::uint32_t answers(PeerNumber peer) const;

    // Leaves of the chunk asked of anybody, or of one peer.
    LeafMask asked(ContentNumber content, ChunkIndex chunk) const;
    LeafMask asked_of(PeerNumber peer, ContentNumber content, ChunkIndex chunk) const;
    std::vector<Ask> asks_for(ContentNumber content, ChunkIndex chunk) const;
    std::vector<Ask> asks_for(ContentNumber content) const;  // in no particular order
    // Bytes that the peer will send before this chunk's leaves, counted up to `limit`.
    std::uint64_t bytes_before(PeerNumber peer, ContentNumber content, ChunkIndex chunk,
                               std::uint64_t limit) const;

    std::uint64_t outstanding(PeerNumber peer) const;
    std::uint64_t budget(PeerNumber peer) const;
    // What may be asked of it now; 0 while it is paused.
    std::uint64_t room(PeerNumber peer, TimePoint now) const;
    // The same of what nobody waits for: rules 5 and 6.
    std::uint64_t fill_room(PeerNumber peer, TimePoint now) const;
    bool fills_have_room(TimePoint now) const { return fills_.has_room(now); }
    bool paused(PeerNumber peer, TimePoint now) const;
    double rate(PeerNumber peer, TimePoint now) const;  // bytes a second, lately
    bool silent(PeerNumber peer) const;
    bool measured(PeerNumber peer) const;  // it has answered before
    Duration expected_answer(PeerNumber peer) const;
    bool is_late(const Ask& ask, TimePoint now) const;  // rule 3

    struct Overdue {
        std::vector<PeerNumber> silent;  // newly silent; release them
        std::vector<Ask> released;       // asks beyond 60 s, released already
        std::vector<Ask> late;           // late and still owed
    };
    Overdue overdue(TimePoint now);
    // The earliest time at which overdue() or room() may say something new.
    TimePoint next_event(TimePoint now) const;

private:
    static constexpr double kRateWindow = 1.0;  // seconds over which a rate is forgotten
    using AskId = std::uint64_t;
    struct Place {
        ContentNumber content{};
        ChunkIndex chunk;
        auto operator<=>(const Place&) const = default;
    };
    struct PlaceHash {
        std::size_t operator()(const Place& place) const noexcept {
            return (static_cast<std::size_t>(place.content) << 40) ^
                   (place.chunk.value * 0x9E3779B97F4A7C15ULL);
        }
    };
    struct Pending {
        AskId id = 0;
        PeerNumber peer{};
        LeafMask leaves = 0;
        protocol::Urgency urgency{};
        bool duplicated = false;
        std::uint32_t last_leaf_bytes = 0;  // of the content's last leaf, when it is in this chunk
        LeafMask last_leaf = 0;             // that leaf's bit, or 0
        TimePoint asked_at{};
    };
    struct Peer {
        std::map<AskId, Place> asks;  // oldest first
        std::uint64_t outstanding = 0;
        std::uint64_t budget = kBudgetMin;
        double rate_sum = 0;  // decaying bytes, see rate()
        TimePoint rate_at{};
        double mean = 0;  // seconds an answer takes, and its deviation
        double deviation = 0;
        bool measured = false;
        bool silent = false;
        bool quiet = false;      // rule 6: what it owes does not count
        TimePoint owes_since{};  // last progress, or when it began to owe
        TimePoint paused_until{};
        TimePoint full_until{};  // fills only
        unsigned busy_in_a_row = 0;
        std::uint32_t answers = 0;
        std::uint32_t failures = 0;
    };

    static std::uint64_t bytes_of(const Pending& pending, LeafMask leaves);
    TimePoint next_of(const Peer& peer, TimePoint now) const;
    static Duration patience(const Peer& peer);
    static Duration lateness(const Peer& peer);
    static Ask to_ask(const Pending& pending, const Place& place);
    LeafMask drop(PeerNumber peer, const Place& place, LeafMask leaves, TimePoint now,
                  bool answered);
    void settle(Peer& peer, std::uint64_t bytes);
    void grow(Peer& peer, double seconds, std::uint64_t bytes, TimePoint now);
    std::vector<Ask> take_all(Peer& peer);

    std::map<PeerNumber, Peer> peers_;
    FillBudget fills_;
    std::unordered_map<Place, std::vector<Pending>, PlaceHash> places_;
    std::unordered_map<ContentNumber, std::set<ChunkIndex>> by_content_;
    std::set<std::pair<TimePoint, AskId>> late_;
    std::unordered_map<AskId, std::pair<PeerNumber, TimePoint>> late_of_;
    // No peer falls silent, no ask is released and no pause ends before.
    TimePoint look_at_ = TimePoint::max();
    AskId next_id_ = 1;
};

}  // namespace swarmfs::swarm
