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

struct PeerFacts {
    double receive_rate = 0;  // bytes a second, lately
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;
    std::uint32_t answers = 0;   // requests answered in full
    std::uint32_t failures = 0;  // refused what it had said to hold, or not answered in time
    std::optional<Duration> round_trip;
    Duration since_last_word{};
};

// For whoever asks how a peer does.
struct PeerReport {
    double rate = 0;
    double score = 0;
    std::uint64_t outstanding = 0;
    std::uint64_t bytes_received = 0;
    std::optional<Duration> round_trip;
};

// `fastest_rate`: the highest receive_rate among all peers.
double score_of(const PeerFacts& facts, double fastest_rate);

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
    bool banned(const NodeId& node, TimePoint now) const { return now < banned_until(node); }
    // Returns: a time long past when it never was.
    TimePoint banned_until(const NodeId& node) const;

private:
    struct Ban {
        TimePoint until{};
        Duration length{};
    };
    const Duration first_;
    const Duration most_;
    std::unordered_map<NodeId, Ban> bans_;
};

}  // namespace swarmfs::swarm
