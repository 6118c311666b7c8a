#include "engine/swarm/rate_gate.hpp"

namespace swarmfs::swarm {

RateGate::Place::~Place() {
    if (gate_) {
        const std::lock_guard lock(gate_->mutex_);
        gate_->leave(key_);
    }
}

Throttle::Answer RateGate::Place::ask(std::uint64_t bytes, Throttle::Class urgency, TimePoint now) {
    const std::lock_guard lock(gate_->mutex_);
    return gate_->throttle_.ask(key_, bytes, urgency, now);
}

void RateGate::Place::settle(std::uint64_t allowed, std::uint64_t used, TimePoint now) {
    const std::lock_guard lock(gate_->mutex_);
    gate_->throttle_.settle(key_, allowed, used, now);
}

void RateGate::set(RateLimits limits) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    limits_ = std::move(limits);
    throttle_.limit_node(limits_.node, now);
    for (const auto& [id, swarm] : swarms_) {
        throttle_.limit_swarm(swarm.key, of_swarm(id), now);
        for (const auto& [key, node] : swarm.peers) {
            throttle_.limit_peer(key, of_peer(id, node), now);
        }
    }
    limited_.store(limits_.any(), std::memory_order_relaxed);
}

RateGate::Place RateGate::join(const SwarmId& id, const NodeId& node) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    const auto [swarm, is_new] = swarms_.try_emplace(id);
    if (is_new) {
        swarm->second.key = throttle_.add_swarm(of_swarm(id), now);
    }
    const Throttle::PeerKey key = throttle_.add_peer(swarm->second.key, of_peer(id, node), now);
    swarm->second.peers.emplace(key, node);
    swarm_of_.emplace(key, id);
    return {shared_from_this(), key};
}

void RateGate::leave(Throttle::PeerKey key) {
    throttle_.remove_peer(key, clock_.now());
    const auto id = swarm_of_.find(key);
    const auto swarm = swarms_.find(id->second);
    swarm->second.peers.erase(key);
    if (swarm->second.peers.empty()) {
        throttle_.remove_swarm(swarm->second.key);
        swarms_.erase(swarm);
    }
    swarm_of_.erase(id);
}

Rate RateGate::of_swarm(const SwarmId& swarm) const {
    const auto found = limits_.swarms.find(swarm);
    return found == limits_.swarms.end() ? kNoLimit : found->second;
}

Rate RateGate::of_peer(const SwarmId& swarm, const NodeId& node) const {
    const auto found = limits_.peers.find({swarm, node});
    return found == limits_.peers.end() ? kNoLimit : found->second;
}

}  // namespace swarmfs::swarm
