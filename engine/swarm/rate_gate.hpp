#pragma once
// One direction's limits of a node, where all its swarms and all their sessions come to ask
// (throttle.hpp has the rules).
//
//   sessions (uploads, link threads) ──┐
//   SwarmCores (downloads, engine) ────┴─ ask, settle ─> RateGate <── set(RateLimits) ── node
//
// While nothing is limited, limited() is one relaxed load and nobody comes. Who was let through just
// then is not counted: a limit holds from the next thing that is asked.
// Thread: any.

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "engine/core/ids.hpp"
#include "engine/swarm/throttle.hpp"

namespace swarmfs::swarm {

// What applies now, in bytes a second; what is not named has no limit.
struct RateLimits {
    Rate node = kNoLimit;
    std::map<SwarmId, Rate> swarms;
    std::map<std::pair<SwarmId, NodeId>, Rate> peers;

    bool any() const { return node != kNoLimit || !swarms.empty() || !peers.empty(); }
};

class RateGate : public std::enable_shared_from_this<RateGate> {
public:
    // A peer's place in line, while its session lasts.
    class Place {
    public:
        Place() = default;  // of nobody, where nothing is limited
        Place(Place&& other) noexcept : gate_(std::move(other.gate_)), key_(other.key_) {}
        Place& operator=(Place&& other) noexcept {
            std::swap(gate_, other.gate_);
            std::swap(key_, other.key_);
            return *this;
        }
        ~Place();

        // Whether anything must be asked for at all. Cost: one relaxed load.
        bool limited() const { return gate_ && gate_->limited(); }
        // Requires: bytes > 0. Returns: as Throttle::ask().
        Throttle::Answer ask(std::uint64_t bytes, Throttle::Class urgency, TimePoint now);
        void settle(std::uint64_t allowed, std::uint64_t used, TimePoint now);

    private:
        friend class RateGate;
        Place(std::shared_ptr<RateGate> gate, Throttle::PeerKey key)
            : gate_(std::move(gate)), key_(key) {}
        std::shared_ptr<RateGate> gate_;
        Throttle::PeerKey key_{};
    };

    explicit RateGate(const Clock& clock) : clock_(clock) {}

    void set(RateLimits limits);
    bool limited() const { return limited_.load(std::memory_order_relaxed); }
    Place join(const SwarmId& swarm, const NodeId& node);

private:
    struct Swarm {
        Throttle::SwarmKey key{};
        std::map<Throttle::PeerKey, NodeId> peers;
    };
    // Requires: mutex_ is held.
    Rate of_swarm(const SwarmId& swarm) const;
    Rate of_peer(const SwarmId& swarm, const NodeId& node) const;
    void leave(Throttle::PeerKey key);

    const Clock& clock_;
    std::atomic<bool> limited_ = false;
    std::mutex mutex_;  // guards what follows
    RateLimits limits_;
    Throttle throttle_;
    std::map<SwarmId, Swarm> swarms_;
    std::map<Throttle::PeerKey, SwarmId> swarm_of_;
};

// Both directions, and under which name a swarm comes to them. Empty: no limits, as in most tests.
struct RateGates {
    std::shared_ptr<RateGate> up;
    std::shared_ptr<RateGate> down;
    SwarmId swarm;
};

}  // namespace swarmfs::swarm
