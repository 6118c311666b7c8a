#pragma once
// A SwarmCore without a network: a test tells it what peers do, and looks at what it wants.

#include <algorithm>
#include <bit>
#include <optional>
#include <variant>
#include <vector>

#include "tests/sim/simulated_swarm.hpp"

namespace swarmfs::sim {

inline constexpr std::uint64_t kMiB = 1 << 20;

inline NodeId node(std::uint8_t n) {
    NodeId id;
    id.bytes.fill(n);
    return id;
}

inline ContentId named(std::uint8_t n, std::uint64_t size) {
    ContentId id;
    id.root.bytes.fill(n);
    id.size = size;
    return id;
}

// A core, what it said last, and peers by number that are also their node's rank.
struct Bench {
    Member disks;
    swarm::SwarmOptions options;
    swarm::SwarmCore core{disks, options, 1};
    TimePoint now{std::chrono::hours(1)};
    std::vector<swarm::Action> said;

    void decide() { said = core.decide(now); }
    void join(std::uint8_t n) {
        core.peer_joined(swarm::PeerNumber{n}, node(n), now);
        decide();
    }
    swarm::ReadId next_read = 1;
    swarm::ReadId read(const ContentId& id, std::uint64_t offset, std::uint64_t length,
                       std::optional<NodeId> likely = std::nullopt) {
        core.read(next_read, {id, offset, length, now + std::chrono::seconds(30), likely}, now);
        decide();
        return next_read++;
    }
    void holds_all(std::uint8_t n, const ContentId& id) {
        core.holding(swarm::PeerNumber{n}, *core.number_of(id), protocol::HoldingKind::all,
                     ChunkIndex(0), {}, now);
        decide();
    }
    // The peer's leaves come and are stored.
    void deliver(std::uint8_t n, const ContentId& id, std::uint64_t chunk, swarm::LeafMask leaves) {
        disks.disks.at(id)->put(ChunkIndex(chunk), leaves);
        core.leaves_stored(swarm::PeerNumber{n}, *core.number_of(id), ChunkIndex(chunk), leaves,
                           static_cast<std::uint64_t>(std::popcount(leaves)) * kLeafBytes, now);
        decide();
    }
    template <class Kind>
    std::vector<Kind> all() const {
        std::vector<Kind> found;
        for (const swarm::Action& action : said) {
            if (const auto* one = std::get_if<Kind>(&action)) {
                found.push_back(*one);
            }
        }
        return found;
    }
    // Leaves asked of a peer in the last actions.
    std::size_t asked(std::uint8_t n) const {
        std::size_t leaves = 0;
        for (const swarm::AskLeaves& ask : all<swarm::AskLeaves>()) {
            leaves += ask.peer == swarm::PeerNumber{n} ? ask.range.count : 0;
        }
        return leaves;
    }
    bool answered(swarm::ReadId id, Code code) const {
        const auto ended = all<swarm::ReadEnded>();
        return std::any_of(ended.begin(), ended.end(), [&](const swarm::ReadEnded& end) {
            return end.read == id && !end.outcome.ok() && end.outcome.error().code == code;
        });
    }
    bool answered(swarm::ReadId id) const {
        const auto ended = all<swarm::ReadEnded>();
        return std::any_of(ended.begin(), ended.end(), [&](const swarm::ReadEnded& end) {
            return end.read == id && end.outcome.ok();
        });
    }
};

}  // namespace swarmfs::sim
