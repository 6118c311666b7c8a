#pragma once
// Who may send (or ask for) how much now, under limits of bytes a second for the whole node, for a
// swarm and for a peer of it. One direction; the other has a Throttle of its own.
//
//   node ─┬─ swarm ─┬─ peer      a token bucket each, where it has a limit
//         │         └─ peer
//         └─ swarm ─── peer
//
// Rules:
//   1. A portion, what a peer is allowed at once, is paid by every bucket on its way that has a
//      limit. It is given while all of them hold something, and may leave them in debt: a leaf at
//      1 KiB/s need not wait for a bucket that holds one, and the average is exact.
//   2. A bucket keeps at most a tenth of a second of its rate, and a portion is at most a twentieth of
//      a second of the lowest rate on its way (at least one leaf, at most 1 MiB).   Why: over any
//      10 s the error is then at most 1.5 % and one leaf.
//   3. Urgent before the rest, at each level, until it has had three times what the rest then gets.
//      Why: a blocked read() is a frozen program; but who calls everything urgent starves nobody.
//   4. Within a class peers take turns by bytes, under a swarm's limit and under the node's alike
//      (start-time fair queueing; Goyal, Vin and Cheng 1996). What one peer cannot use, because its
//      own limit or its swarm's is lower or because it wants nothing, the others get. Nobody saves
//      up: who did not want for a while has no claim on what others were given meanwhile.
//   5. A wish that is not repeated within a second lapses, and so does a portion that is not fetched:
//      it is paid back.   Why: who left without a word holds up nobody.
// Pure; one thread. Cost: O(peers) a call and a portion.

#include <cstdint>
#include <limits>
#include <map>
#include <set>

#include "engine/core/clock.hpp"
#include "engine/core/units.hpp"

namespace swarmfs::swarm {

// Bytes a second. Between kRateMin and kRateMax, or none.
using Rate = std::uint64_t;
inline constexpr Rate kNoLimit = std::numeric_limits<Rate>::max();
// Chosen by us: a leaf takes 16 s at the lowest; the highest keeps a bucket's sums within 64 bits.
inline constexpr Rate kRateMin = 1024;
inline constexpr Rate kRateMax = std::uint64_t{1} << 36;

class Throttle {
public:
    enum class SwarmKey : std::uint32_t {};  // never used again
    enum class PeerKey : std::uint32_t {};
    enum class Class : std::uint8_t { urgent, rest };

    // Chosen by us: rules 2, 3 and 5.
    static constexpr std::uint64_t kPortionMax = 1024 * 1024;
    static constexpr std::uint64_t kPortionMin = kLeafBytes;
    static constexpr std::uint64_t kUrgentShare = 3;
    static constexpr Duration kLapse = std::chrono::seconds(1);

    // ---- who there is, and the limits ----
    // A limit that changes keeps what the bucket holds or owes, within what the new one allows.
    void limit_node(Rate rate, TimePoint now) { change(node_.bucket, rate, now); }
    SwarmKey add_swarm(Rate rate, TimePoint now);
    void limit_swarm(SwarmKey swarm, Rate rate, TimePoint now);
    void remove_swarm(SwarmKey swarm);  // Requires: it has no peers.
    PeerKey add_peer(SwarmKey swarm, Rate rate, TimePoint now);
    void limit_peer(PeerKey peer, Rate rate, TimePoint now);
    void remove_peer(PeerKey peer, TimePoint now);

    // ---- asking ----
    struct Answer {
        std::uint64_t allowed = 0;  // bytes, at most what was asked for; 0: not now
        TimePoint again_at{};       // then: when to ask again, within a quarter of a second
    };
    // The peer wants to move `bytes` now. Until it is allowed something it stands in line, and asks
    // again at again_at, or earlier when its wish changed: the last one counts.
    // Requires: bytes > 0.
    Answer ask(PeerKey peer, std::uint64_t bytes, Class urgency, TimePoint now);
    // What was allowed turned out as `used` bytes: the difference is paid back, or owed.
    void settle(PeerKey peer, std::uint64_t allowed, std::uint64_t used, TimePoint now);

    bool limited(PeerKey peer) const;
    std::size_t waiting() const { return waiting_; }

private:
    struct Bucket {
        Rate rate = kNoLimit;
        std::int64_t held = 0;  // byte nanoseconds: a billion of them pay for a byte
        TimePoint at{};         // as of when
    };
    // Where peers take turns: the node, or one swarm.
    struct Level {
        Bucket bucket;
        std::uint64_t turn = 0;          // rule 4: the start tag served last
        std::uint64_t urgent_ahead = 0;  // rule 3: urgent bytes while the rest waited
    };
    struct Peer {
        SwarmKey swarm{};
        Bucket bucket;
        std::uint64_t wish = 0;  // bytes; 0: none
        Class urgency{};
        TimePoint wished_at{};
        std::uint64_t allowed = 0;  // and not fetched
        TimePoint allowed_at{};
        std::uint64_t swarm_tag = 0;  // start tag of the wish, else where its last portion ended
        std::uint64_t node_tag = 0;
    };
    // The best of each class at one level.
    struct Candidates {
        Peer* best[2] = {nullptr, nullptr};  // by Class
    };
    struct Swarm : Level {
        std::set<PeerKey> peers;
        Candidates candidates;  // as of the last portion
    };

    static std::int64_t burst(Rate rate);
    static std::uint64_t portion_max(Rate rate);
    static void change(Bucket& bucket, Rate rate, TimePoint now);
    static void refill(Bucket& bucket, TimePoint now);
    static TimePoint ready_at(const Bucket& bucket, TimePoint now);
    static void pay(Bucket& bucket, std::int64_t bytes);

    std::uint64_t portion_of(const Peer& peer) const;
    TimePoint ready_at(const Peer& peer, TimePoint now) const;
    void pay(Peer& peer, std::int64_t bytes, TimePoint now);
    void lapse(TimePoint now);
    void let_go(TimePoint now);
    Peer* put_forward(Swarm& swarm, TimePoint now);
    Peer* choose(const Level& level, const Candidates& candidates) const;
    static void note(Level& level, const Candidates& candidates, const Peer& chosen,
                     std::uint64_t bytes);

    Level node_;
    std::map<SwarmKey, Swarm> swarms_;
    std::map<PeerKey, Peer> peers_;
    std::size_t waiting_ = 0;  // peers with a wish
    std::uint32_t next_ = 1;
};

}  // namespace swarmfs::swarm
