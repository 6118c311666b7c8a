#pragma once
// Throttle's rules, followed word by word over plain lists. Its twin in tests and in throttle_fuzz.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/swarm/naive_bucket.hpp"

namespace swarmfs::test {

class NaiveThrottle {
public:
    using Class = swarm::Throttle::Class;

    explicit NaiveThrottle(std::size_t swarms) : swarms_(swarms) {}

    void limit_node(swarm::Rate rate, TimePoint now) { node_.bucket.limit(rate, now); }
    void limit_swarm(std::size_t swarm, swarm::Rate rate, TimePoint now) {
        swarms_[swarm].bucket.limit(rate, now);
    }
    // Peers are numbered as they come.
    void add_peer(std::size_t swarm) { peers_.emplace_back().swarm = swarm; }
    void limit_peer(std::size_t peer, swarm::Rate rate, TimePoint now) {
        peers_[peer].bucket.limit(rate, now);
    }
    void remove_peer(std::size_t peer, TimePoint now) {
        pay(peers_[peer], -static_cast<Bytes>(peers_[peer].allowed), now);
        peers_[peer] = {};
        peers_[peer].gone = true;
    }
    bool gone(std::size_t peer) const { return peers_[peer].gone; }

    // Returns: what is allowed.
    std::uint64_t ask(std::size_t number, std::uint64_t bytes, Class urgency, TimePoint now) {
        Peer& peer = peers_[number];
        for (Peer& other : peers_) {
            if (now - other.wished_at > swarm::Throttle::kLapse) {
                other.wish = 0;
            }
            if (other.allowed > 0 && now - other.allowed_at > swarm::Throttle::kLapse) {
                pay(other, -static_cast<Bytes>(other.allowed), now);
                other.allowed = 0;
            }
        }
        if (peer.allowed == 0) {
            if (peer.wish == 0) {
                peer.swarm_tag = std::max(peer.swarm_tag, swarms_[peer.swarm].turn);
                peer.node_tag = std::max(peer.node_tag, node_.turn);
            }
            peer.wish = bytes;
            peer.urgency = urgency;
            peer.wished_at = now;
        }
        while (let_one_go(now)) {
        }
        const std::uint64_t fetched = std::min(peer.allowed, bytes);
        pay(peer, static_cast<Bytes>(fetched) - static_cast<Bytes>(peer.allowed), now);
        peer.allowed = 0;
        return fetched;
    }
    void settle(std::size_t number, std::uint64_t allowed, std::uint64_t used, TimePoint now) {
        Peer& peer = peers_[number];
        pay(peer, static_cast<Bytes>(used) - static_cast<Bytes>(allowed), now);
        peer.swarm_tag = peer.swarm_tag + used - allowed;
        peer.node_tag = peer.node_tag + used - allowed;
    }

private:
    using Bytes = NaiveBucket::Bytes;
    using Bucket = NaiveBucket;

    struct Level {
        Bucket bucket;
        std::uint64_t turn = 0;
        std::uint64_t urgent_ahead = 0;
    };
    struct Peer {
        bool gone = false;
        std::size_t swarm = 0;
        Bucket bucket;
        std::uint64_t wish = 0;
        Class urgency{};
        TimePoint wished_at{};
        std::uint64_t allowed = 0;
        TimePoint allowed_at{};
        std::uint64_t swarm_tag = 0;
        std::uint64_t node_tag = 0;
    };

    std::vector<Bucket*> way(Peer& peer) {
        return {&peer.bucket, &swarms_[peer.swarm].bucket, &node_.bucket};
    }
    void pay(Peer& peer, Bytes bytes, TimePoint now) {
        for (Bucket* const bucket : way(peer)) {
            bucket->pay(bytes, now);
        }
    }
    bool may_go(Peer& peer, TimePoint now) {
        for (Bucket* const bucket : way(peer)) {
            if (bucket->empty(now)) {
                return false;
            }
        }
        return peer.wish > 0;
    }
    std::uint64_t portion_of(Peer& peer) {
        std::uint64_t bytes = peer.wish;
        for (const Bucket* const bucket : way(peer)) {
            bytes = std::min(bytes, bucket->portion_max());
        }
        return bytes;
    }
    static std::vector<Peer*> of_class(const std::vector<Peer*>& peers, Class urgency) {
        std::vector<Peer*> some;
        std::copy_if(peers.begin(), peers.end(), std::back_inserter(some),
                     [urgency](const Peer* peer) { return peer->urgency == urgency; });
        return some;
    }
    // Whose turn it is at a level, by the tag that counts there.
    template <class Tag>
    Peer* first(const Level& level, const std::vector<Peer*>& peers, Tag tag) {
        const auto by_tag = [tag](const Peer* a, const Peer* b) { return a->*tag < b->*tag; };
        const auto urgent = of_class(peers, Class::urgent);
        const auto rest = of_class(peers, Class::rest);
        if (!rest.empty()) {
            Peer* const next = *std::min_element(rest.begin(), rest.end(), by_tag);
            if (urgent.empty() || level.urgent_ahead >= 3 * portion_of(*next)) {
                return next;
            }
        }
        return urgent.empty() ? nullptr : *std::min_element(urgent.begin(), urgent.end(), by_tag);
    }
    static void note(Level& level, const std::vector<Peer*>& peers, const Peer& chosen,
                     std::uint64_t bytes) {
        if (chosen.urgency == Class::urgent) {
            level.urgent_ahead += of_class(peers, Class::rest).empty() ? 0 : bytes;
        } else {
            level.urgent_ahead -= std::min(level.urgent_ahead, 3 * bytes);
        }
    }
    bool let_one_go(TimePoint now) {
        std::vector<Peer*> forward;
        std::vector<std::vector<Peer*>> able(swarms_.size());
        for (std::size_t swarm = 0; swarm < swarms_.size(); ++swarm) {
            for (Peer& peer : peers_) {
                if (!peer.gone && peer.swarm == swarm && may_go(peer, now)) {
                    able[swarm].push_back(&peer);
                }
            }
            if (!able[swarm].empty()) {
                forward.push_back(first(swarms_[swarm], able[swarm], &Peer::swarm_tag));
            }
        }
        if (forward.empty()) {
            return false;
        }
        Peer& chosen = *first(node_, forward, &Peer::node_tag);
        const std::uint64_t bytes = portion_of(chosen);
        Level& swarm = swarms_[chosen.swarm];
        note(node_, forward, chosen, bytes);
        note(swarm, able[chosen.swarm], chosen, bytes);
        node_.turn = std::max(node_.turn, chosen.node_tag);
        swarm.turn = std::max(swarm.turn, chosen.swarm_tag);
        chosen.node_tag += bytes;
        chosen.swarm_tag += bytes;
        pay(chosen, static_cast<Bytes>(bytes), now);
        chosen.wish = 0;
        chosen.allowed = bytes;
        chosen.allowed_at = now;
        return true;
    }

    Level node_;
    std::vector<Level> swarms_;
    std::vector<Peer> peers_;
};

}  // namespace swarmfs::test
