#pragma once
// How good a source a peer is, and who is banned.
//
// score = 0.30 speed + 0.20 upload ratio + 0.25 reliability + 0.15 latency + 0.10 recency, each 0
// to 1, and 1/2 where nothing is known yet, so that newcomers are tried but not preferred:
//   speed        its rate beside the fastest peer's
//   upload ratio what it gave of all that passed between us
//   reliability  requests answered of those that ended
//   latency      50 ms of round trip halve it
//   recency      a minute without a word halves it
// The score ranks peers that could serve; what each already owes orders the final choice.
// What a node did in earlier sessions counts as if it had done it in this one (Standing), so that a
// node that is started anew asks first whom it did well with. Its earlier speed counts until it has
// sent something.
//
// Bans: a proven lie bans the node key for an hour, and each further one for twice the time before,
// up to 30 days. An honest member with a rotting disk comes back; a liar is soon gone for good. The
// same list with shorter times keeps away who breaks the protocol otherwise.
// Pure; one thread.

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "engine/core/clock.hpp"
#include "engine/core/ids.hpp"

namespace swarmfs::swarm {

// What is remembered of a node when its session is over. Sums are halved together once they are
// large, so that what a node does now soon outweighs what it did long ago.
struct Standing {
    // Chosen by us: about 256 MiB of chunks, and a day of a slow link.
    static constexpr std::uint32_t kRequestsMax = 1024;
    static constexpr std::uint64_t kBytesMax = 16ULL << 30;

    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;
    std::uint32_t answers = 0;
    std::uint32_t failures = 0;
    std::uint64_t receive_rate = 0;  // bytes a second at its best; 0: it never sent anything

    bool operator==(const Standing&) const = default;
};

struct PeerFacts {
    double receive_rate = 0;  // bytes a second, lately
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;
    std::uint32_t answers = 0;   // requests answered in full
    std::uint32_t failures = 0;  // refused what it had said to hold, or not answered in time
    std::optional<Duration> round_trip;
    Duration since_last_word{};
};

// `best_rate`: the highest of the session. Returns: what is to be remembered of both; within the
// bounds above.
Standing standing_after(const Standing& before, const PeerFacts& session, double best_rate);
// What the score is of.
PeerFacts facts_with(const Standing& before, PeerFacts session);

// For whoever asks how a peer does.
struct PeerReport {
    double rate = 0;
    double score = 0;
    std::uint64_t outstanding = 0;
    PeerFacts session;
    std::optional<Standing> standing;  // to be remembered; nothing when it left, or lied
};

// `fastest_rate`: the highest receive_rate among all peers.
double score_of(const PeerFacts& facts, double fastest_rate);

struct Ban {
    NodeId node;
    TimePoint until{};
    Duration length{};  // the next one takes twice that; 0: it is not banned, and starts anew
};

class BanList {
public:
    static constexpr Duration kFirstBan = std::chrono::hours(1);
    static constexpr Duration kBanMax = std::chrono::hours(24 * 30);
    // Node keys cost nothing to make, but a ban needs a grant behind the key.
    static constexpr std::size_t kBansMax = 4096;

    explicit BanList(Duration first = kFirstBan, Duration most = kBanMax)
        : first_(first), most_(most) {}

    // Returns: how long.
    Duration ban(const NodeId& node, TimePoint now);
    // Returns: one of length 0 when it never was.
    Ban of(const NodeId& node) const;
    // One of an earlier process.
    void restore(const Ban& ban);
    // Ends it; the next one is a first one.
    void lift(const NodeId& node) { bans_.erase(node); }
    bool banned(const NodeId& node, TimePoint now) const { return now < banned_until(node); }
    // Returns: a time long past when it never was.
    TimePoint banned_until(const NodeId& node) const;

private:
    Ban& row_of(const NodeId& node);

    const Duration first_;
    const Duration most_;
    std::unordered_map<NodeId, Ban> bans_;
};

}  // namespace swarmfs::swarm
