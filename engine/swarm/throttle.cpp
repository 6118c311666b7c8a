#include "engine/swarm/throttle.hpp"

#include <algorithm>

#include "engine/core/assert.hpp"

namespace swarmfs::swarm {

namespace {

constexpr std::int64_t kByte = 1'000'000'000;  // byte nanoseconds
constexpr std::int64_t kBurstNs = 100'000'000;
constexpr std::uint64_t kPortionsEachSecond = 20;
// How soon to ask again, at the earliest and at the latest. The more wait, the less often each asks:
// any of them hands out what is there for all.
constexpr Duration kAgainMin = std::chrono::milliseconds(1);
constexpr Duration kAgainForEach = std::chrono::microseconds(250);
constexpr Duration kAgainMax = std::chrono::milliseconds(250);

}  // namespace

// ---- buckets ----

std::int64_t Throttle::burst(Rate rate) {
    return static_cast<std::int64_t>(rate) * kBurstNs;
}

std::uint64_t Throttle::portion_max(Rate rate) {
    return std::clamp(rate / kPortionsEachSecond, kPortionMin, kPortionMax);
}

void Throttle::change(Bucket& bucket, Rate rate, TimePoint now) {
    SWARM_ASSERT(rate == kNoLimit || (rate >= kRateMin && rate <= kRateMax));
    refill(bucket, now);
    const bool is_new = bucket.rate == kNoLimit;
    bucket.rate = rate;
    bucket.at = now;
    if (rate == kNoLimit) {
        return;
    }
    const auto debt_max = static_cast<std::int64_t>(portion_max(rate)) * kByte;
    bucket.held = is_new ? 0 : std::clamp(bucket.held, -debt_max, burst(rate));
}

void Throttle::refill(Bucket& bucket, TimePoint now) {
    if (bucket.rate == kNoLimit || now <= bucket.at) {
        return;
    }
    const auto rate = static_cast<std::int64_t>(bucket.rate);
    const std::int64_t lacking = burst(bucket.rate) - bucket.held;
    const std::int64_t passed = (now - bucket.at).count();
    bucket.held = passed > lacking / rate ? burst(bucket.rate) : bucket.held + rate * passed;
    bucket.at = now;
}

// Requires: refilled.
TimePoint Throttle::ready_at(const Bucket& bucket, TimePoint now) {
    if (bucket.rate == kNoLimit || bucket.held >= kByte) {
        return now;
    }
    const auto rate = static_cast<std::int64_t>(bucket.rate);
    return now + Duration((kByte - bucket.held + rate - 1) / rate);
}

void Throttle::pay(Bucket& bucket, std::int64_t bytes) {
    if (bucket.rate != kNoLimit) {
        bucket.held = std::min(bucket.held - bytes * kByte, burst(bucket.rate));
    }
}

// ---- who there is ----

Throttle::SwarmKey Throttle::add_swarm(Rate rate, TimePoint now) {
    const SwarmKey key{next_++};
    change(swarms_[key].bucket, rate, now);
    return key;
}

void Throttle::limit_swarm(SwarmKey swarm, Rate rate, TimePoint now) {
    change(swarms_.at(swarm).bucket, rate, now);
}

void Throttle::remove_swarm(SwarmKey swarm) {
    SWARM_ASSERT(swarms_.at(swarm).peers.empty());
    swarms_.erase(swarm);
}

Throttle::PeerKey Throttle::add_peer(SwarmKey swarm, Rate rate, TimePoint now) {
    const PeerKey key{next_++};
    Peer& peer = peers_[key];
    peer.swarm = swarm;
    change(peer.bucket, rate, now);
    swarms_.at(swarm).peers.insert(key);
    return key;
}

void Throttle::limit_peer(PeerKey peer, Rate rate, TimePoint now) {
    change(peers_.at(peer).bucket, rate, now);
}

void Throttle::remove_peer(PeerKey key, TimePoint now) {
    Peer& peer = peers_.at(key);
    waiting_ -= peer.wish > 0 ? 1 : 0;
    pay(peer, -static_cast<std::int64_t>(peer.allowed), now);
    swarms_.at(peer.swarm).peers.erase(key);
    peers_.erase(key);
}

bool Throttle::limited(PeerKey key) const {
    const Peer& peer = peers_.at(key);
    return node_.bucket.rate != kNoLimit || swarms_.at(peer.swarm).bucket.rate != kNoLimit ||
           peer.bucket.rate != kNoLimit;
}

// ---- asking ----

Throttle::Answer Throttle::ask(PeerKey key, std::uint64_t bytes, Class urgency, TimePoint now) {
    SWARM_ASSERT(bytes > 0);
    Peer& peer = peers_.at(key);
    lapse(now);
    if (peer.allowed == 0) {
        if (peer.wish == 0) {
            ++waiting_;
            peer.swarm_tag = std::max(peer.swarm_tag, swarms_.at(peer.swarm).turn);
            peer.node_tag = std::max(peer.node_tag, node_.turn);
        }
        peer.wish = bytes;
        peer.urgency = urgency;
        peer.wished_at = now;
    }
    let_go(now);
    if (peer.allowed > 0) {
        const std::uint64_t fetched = std::min(peer.allowed, bytes);
        pay(peer, static_cast<std::int64_t>(fetched) - static_cast<std::int64_t>(peer.allowed),
            now);
        peer.allowed = 0;
        return {fetched, now};
    }
    TimePoint next = TimePoint::max();
    for (const auto& [other, waiting] : peers_) {
        next = waiting.wish > 0 ? std::min(next, ready_at(waiting, now)) : next;
    }
    const Duration least = kAgainMin + kAgainForEach * static_cast<std::int64_t>(waiting_);
    return {0, now + std::clamp(next - now, std::min(least, kAgainMax), kAgainMax)};
}

void Throttle::settle(PeerKey key, std::uint64_t allowed, std::uint64_t used, TimePoint now) {
    Peer& peer = peers_.at(key);
    const auto more = static_cast<std::int64_t>(used) - static_cast<std::int64_t>(allowed);
    pay(peer, more, now);
    const auto moved = static_cast<std::uint64_t>(more);  // wraps, and back again
    peer.swarm_tag += moved;
    peer.node_tag += moved;
}

void Throttle::pay(Peer& peer, std::int64_t bytes, TimePoint now) {
    for (Bucket* const bucket : {&peer.bucket, &swarms_.at(peer.swarm).bucket, &node_.bucket}) {
        refill(*bucket, now);
        pay(*bucket, bytes);
    }
}

// Rule 2.
std::uint64_t Throttle::portion_of(const Peer& peer) const {
    const Rate lowest =
        std::min({peer.bucket.rate, swarms_.at(peer.swarm).bucket.rate, node_.bucket.rate});
    return lowest == kNoLimit ? peer.wish : std::min(peer.wish, portion_max(lowest));
}

TimePoint Throttle::ready_at(const Peer& peer, TimePoint now) const {
    return std::max({ready_at(peer.bucket, now), ready_at(swarms_.at(peer.swarm).bucket, now),
                     ready_at(node_.bucket, now)});
}

// Rule 5.
void Throttle::lapse(TimePoint now) {
    for (auto& [key, peer] : peers_) {
        if (peer.wish > 0 && now - peer.wished_at > kLapse) {
            peer.wish = 0;
            --waiting_;
        }
        if (peer.allowed > 0 && now - peer.allowed_at > kLapse) {
            pay(peer, -static_cast<std::int64_t>(peer.allowed), now);
            peer.allowed = 0;
        }
    }
}

void Throttle::let_go(TimePoint now) {
    refill(node_.bucket, now);
    for (auto& [key, swarm] : swarms_) {
        refill(swarm.bucket, now);
        for (const PeerKey peer : swarm.peers) {
            refill(peers_.at(peer).bucket, now);
        }
    }
    while (waiting_ > 0) {
        Candidates of_node;
        for (auto& [key, swarm] : swarms_) {
            Peer* const forward = put_forward(swarm, now);
            if (forward != nullptr) {
                Peer*& best = of_node.best[static_cast<std::size_t>(forward->urgency)];
                best = best == nullptr || forward->node_tag < best->node_tag ? forward : best;
            }
        }
        Peer* const chosen = choose(node_, of_node);
        if (chosen == nullptr) {
            return;
        }
        const std::uint64_t bytes = portion_of(*chosen);
        Swarm& swarm = swarms_.at(chosen->swarm);
        note(node_, of_node, *chosen, bytes);
        note(swarm, swarm.candidates, *chosen, bytes);
        node_.turn = std::max(node_.turn, chosen->node_tag);
        swarm.turn = std::max(swarm.turn, chosen->swarm_tag);
        chosen->node_tag += bytes;
        chosen->swarm_tag += bytes;
        pay(*chosen, static_cast<std::int64_t>(bytes), now);
        chosen->wish = 0;
        --waiting_;
        chosen->allowed = bytes;
        chosen->allowed_at = now;
    }
}

// Whose turn it is among the swarm's peers that all buckets would let go now.
Throttle::Peer* Throttle::put_forward(Swarm& swarm, TimePoint now) {
    swarm.candidates = {};
    for (const PeerKey number : swarm.peers) {
        Peer& peer = peers_.at(number);
        if (peer.wish == 0 || ready_at(peer, now) > now) {
            continue;
        }
        Peer*& best = swarm.candidates.best[static_cast<std::size_t>(peer.urgency)];
        best = best == nullptr || peer.swarm_tag < best->swarm_tag ? &peer : best;
    }
    return choose(swarm, swarm.candidates);
}

// Rule 3.
Throttle::Peer* Throttle::choose(const Level& level, const Candidates& candidates) const {
    const auto& [urgent, rest] = candidates.best;
    if (urgent == nullptr || rest == nullptr) {
        return urgent != nullptr ? urgent : rest;
    }
    return level.urgent_ahead >= kUrgentShare * portion_of(*rest) ? rest : urgent;
}

void Throttle::note(Level& level, const Candidates& candidates, const Peer& chosen,
                    std::uint64_t bytes) {
    if (chosen.urgency == Class::rest) {
        level.urgent_ahead -= std::min(level.urgent_ahead, kUrgentShare * bytes);
    } else if (candidates.best[static_cast<std::size_t>(Class::rest)] != nullptr) {
        level.urgent_ahead += bytes;
    }
}

}  // namespace swarmfs::swarm
