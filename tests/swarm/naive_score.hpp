#pragma once
// Scores and bans as the text of peer_score.hpp has them. Their twin in peer_score_fuzz.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/swarm/peer_score.hpp"

namespace swarmfs::test {

inline double naive_score(const swarm::PeerFacts& facts, double fastest) {
    const auto seconds = [](Duration time) {
        return std::max(0.0, std::chrono::duration<double>(time).count());
    };
    const double gave = static_cast<double>(facts.bytes_received);
    const double all = gave + static_cast<double>(facts.bytes_sent);
    double speed = 0.5;
    if (gave > 0 && fastest > 0) {
        speed = std::min(1.0, std::max(0.0, facts.receive_rate / fastest));
    }
    const double ratio = all > 0 ? gave / all : 0.5;
    const double ended = static_cast<double>(facts.answers) + static_cast<double>(facts.failures);
    const double reliability = (static_cast<double>(facts.answers) + 1) / (ended + 2);
    const double latency = facts.round_trip ? 1 / (1 + seconds(*facts.round_trip) / 0.05) : 0.5;
    const double recency = 1 / (1 + seconds(facts.since_last_word) / 60);
    return (30 * speed + 20 * ratio + 25 * reliability + 15 * latency + 10 * recency) / 100;
}

class NaiveBans {
public:
    NaiveBans(Duration first, Duration most) : first_(first), most_(most) {}

    Duration ban(const NodeId& node, TimePoint now) {
        Duration length = first_;
        for (unsigned i = 0; i < lies_of(node).times && length < most_; ++i) {
            length *= 2;
        }
        length = std::min(length, most_);
        lies_of(node) = {node, lies_of(node).times + 1, now + length};
        return length;
    }
    void lift(const NodeId& node) {
        std::erase_if(lies_, [&](const Lies& one) { return one.node == node; });
    }
    bool banned(const NodeId& node, TimePoint now) { return now < lies_of(node).until; }

private:
    struct Lies {
        NodeId node;
        unsigned times = 0;
        TimePoint until = TimePoint::min();
    };
    Lies& lies_of(const NodeId& node) {
        for (Lies& one : lies_) {
            if (one.node == node) {
                return one;
            }
        }
        lies_.push_back({node});
        return lies_.back();
    }

    const Duration first_;
    const Duration most_;
    std::vector<Lies> lies_;
};

}  // namespace swarmfs::test
