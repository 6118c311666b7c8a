#pragma once
// What a swarm tells of its peers and of where contents come from, for people.

#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/core/ids.hpp"

namespace swarmfs::swarm {

struct PeerStatistics {
    NodeId node;
    std::string address;
    std::string link;  // transport::name_of(LinkKind): "direct", "punched", "relay"
    bool dialled_by_us = false;
    Duration connected_for{};
    Duration round_trip{};             // zero: not measured yet
    std::uint64_t bytes_received = 0;  // of content
    std::uint64_t bytes_sent = 0;      // of content
    std::uint64_t receive_rate = 0;    // bytes a second, lately
    std::uint64_t send_rate = 0;
    std::uint64_t outstanding_bytes = 0;  // asked of it, not yet here
    std::uint32_t answers = 0;            // requests answered in full, in this session
    std::uint32_t failures = 0;           // refused what it had said to hold, or not answered
    double score = 0;                     // 0 to 1 (peer_score.hpp)
    std::vector<std::string> addresses;   // where it says it can be dialled
};

struct ContentSource {
    NodeId node;
    bool connected = false;
    bool holds_all = false;
    std::uint64_t chunks_held = 0;     // as far as it told us
    std::uint64_t bytes_received = 0;  // of this content, since the swarm started
};

}  // namespace swarmfs::swarm
