#pragma once
// What SwarmCore keeps of one peer besides what it owes (request_ledger.hpp).
//
// Plain state; the rules are SwarmCore's. One thread.

#include <set>

#include "engine/swarm/peer_score.hpp"
#include "engine/swarm/rate_gate.hpp"
#include "engine/swarm/request_ledger.hpp"

namespace swarmfs::swarm {

struct PeerState {
    NodeId node;
    std::set<ContentNumber> open;
    std::size_t held_pages = 0;  // of Holdings::some, over all of these
    Standing before;             // from earlier sessions
    PeerFacts facts;             // of this one
    double best_rate = 0;
    TimePoint last_word{};
    TimePoint tried_at{};  // when a copy was last asked of it while it was silent
    double score = 0.5;    // as of SwarmCore::scored_at_
    RateGate::Place down;  // where what it is asked for is paid
};

}  // namespace swarmfs::swarm
