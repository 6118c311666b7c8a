#pragma once
// Who takes part in which swarm, and who of them is there now. Soft state: lost with the process,
// rebuilt by the members' own words.
//
// Rules:
//   1. A statement (register, leave) counts when it is newer than the last of that peer, and at
//      most 5 minutes away from our clock: nothing can be said twice. A peer that left is
//      remembered for that reason.
//   2. A peer is online until it missed three heartbeats. It is listed as offline for a day, and
//      then forgotten.
//   3. When the table is full the peer not heard of for longest makes room, unless it is online:
//      then newcomers are refused. One host (IPv6: /64) may register so many.
//   4. One swarm may hold so many. When it is full a newcomer takes the place of one that is
//      offline, of those rather one that has not proven its membership; and one that has proven it
//      takes the place of one that has not, online or not: made-up peers cost nothing, and members
//      come first. Of very many, a sample is looked at.
//   5. A token names a slot and proves the right to it: finding a peer by its token costs no
//      lookup.
// Pure: the clock is an argument, signatures and grants were checked by the caller.
// Thread: one at a time.

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/core/dice.hpp"
#include "engine/core/ids.hpp"
#include "engine/protocol/tracker_messages.hpp"
#include "tracker/outcome.hpp"

namespace swarmfs::tracker {

using PeerSlot = std::uint32_t;
inline constexpr PeerSlot kNoPeer = ~PeerSlot{0};

inline constexpr Duration kHeartbeatEvery = std::chrono::seconds(protocol::kHeartbeatSeconds);
inline constexpr Duration kOfflineAfter = 3 * kHeartbeatEvery;
inline constexpr Duration kForgetAfter = std::chrono::hours(24);

struct PeerLimits {
    std::size_t peers_max = 1'000'000;
    std::size_t per_swarm_max = 100'000;
    // A large site behind one address; a flood of made-up peers needs many addresses.
    std::size_t per_host_max = 4096;
};

struct Now {
    TimePoint time;
    std::uint64_t wall_ms = 0;
};

struct Peer {
    NodeId node;
    SwarmId swarm;
    std::vector<std::string> addresses;  // the observed one first
    bool proven = false;                 // it has shown its grant
    std::uint64_t statement_ms = 0;
    protocol::PeerToken token;
    TimePoint last_seen;
    std::uint64_t last_seen_ms = 0;

    // Kept by the table.
    bool in_use = false;
    bool left = false;
    std::string host;
    std::size_t place_in_swarm = 0;
    PeerSlot heard_before = kNoPeer;  // neighbours in the order of last_seen
    PeerSlot heard_after = kNoPeer;
};

class PeerTable {
public:
    PeerTable(const PeerLimits& limits, Dice& dice) : limits_(limits), dice_(dice) {}

    // What rules 3 and 4 push out; its holdings are to be dropped.
    using Evicted = std::vector<PeerSlot>;

    // `host`: what its address counts as. `addresses`: the observed one first.
    // Problems: statement_expired, statement_replayed, tracker_full, swarm_full, host_full.
    Outcome<PeerSlot> enter(const protocol::Registration& registration,
                            std::vector<std::string> addresses, const std::string& host,
                            bool proven, Now now, Evicted& evicted);
    // Returns: the slot whose holdings are to be dropped; kNoPeer when it was not there.
    // Problems: statement_expired, statement_replayed.
    Outcome<PeerSlot> leave(const protocol::Leaving& leaving, Now now);

    // Returns: kNoPeer when the token is of nobody here.
    PeerSlot find(const protocol::PeerToken& token) const;
    void heard(PeerSlot slot, Now now);
    // Forgets up to `count_max` peers that are due (rule 2).
    Evicted forget_due(TimePoint now, std::size_t count_max);

    // Requires: a slot in use.
    const Peer& at(PeerSlot slot) const { return peers_[slot]; }
    bool online(PeerSlot slot, TimePoint now) const;
    // Those that have not left.   Valid until: the table changes.
    const std::vector<PeerSlot>& of_swarm(const SwarmId& swarm) const;
    std::size_t size() const { return used_; }

private:
    struct Key {
        SwarmId swarm;
        NodeId node;
        bool operator==(const Key&) const = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const noexcept {
            return std::hash<NodeId>{}(key.node) ^ (std::hash<SwarmId>{}(key.swarm) * 3);
        }
    };

    PeerSlot who_yields(const SwarmId& swarm, bool to_proven, TimePoint now);
    PeerSlot new_slot(const Key& key, const std::string& host, Evicted& evicted);
    void free_slot(PeerSlot slot);
    void join_swarm(PeerSlot slot);
    void quit_swarm(PeerSlot slot);
    void append_heard(PeerSlot slot);
    void unlink_heard(PeerSlot slot);
    void count_host(const std::string& host, int difference);

    const PeerLimits limits_;
    Dice& dice_;
    std::vector<Peer> peers_;  // by slot
    std::vector<PeerSlot> free_;
    std::size_t used_ = 0;
    std::unordered_map<Key, PeerSlot, KeyHash> by_key_;
    std::unordered_map<SwarmId, std::vector<PeerSlot>> by_swarm_;
    std::unordered_map<std::string, std::size_t> by_host_;
    PeerSlot heard_first_ = kNoPeer;
    PeerSlot heard_last_ = kNoPeer;
};

}  // namespace swarmfs::tracker
