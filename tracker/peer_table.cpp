#include "tracker/peer_table.hpp"

#include <algorithm>

namespace swarmfs::tracker {
namespace {

const std::vector<PeerSlot> kNobody;

std::optional<Problem> check_time(std::uint64_t timestamp_ms, std::uint64_t now_ms) {
    const std::uint64_t away =
        timestamp_ms > now_ms ? timestamp_ms - now_ms : now_ms - timestamp_ms;
    if (away > protocol::kStatementAgeMsMax) {
        return Problem{403, "statement_expired",
                       "the statement's time is more than 5 minutes away from this tracker's "
                       "clock; check both clocks"};
    }
    return std::nullopt;
}

Problem replayed() {
    return {409, "statement_replayed",
            "a statement of this time, or a later one, was heard before"};
}

// Says nothing about where two tokens differ.
bool same_token(const protocol::PeerToken& left, const protocol::PeerToken& right) {
    unsigned difference = 0;
    for (std::size_t i = 0; i < left.bytes.size(); ++i) {
        difference |= static_cast<unsigned>(left.bytes[i] ^ right.bytes[i]);
    }
    return difference == 0;
}

constexpr std::size_t kSlotBytes = 4;
// Tens of microseconds, and a swarm with one percent of them offline always has one to find.
constexpr std::size_t kYieldersLookedAt = 1024;

PeerSlot slot_of(const protocol::PeerToken& token) {
    PeerSlot slot = 0;
    for (std::size_t i = 0; i < kSlotBytes; ++i) {
        slot = slot << 8 | token.bytes[i];
    }
    return slot;
}

protocol::PeerToken new_token(PeerSlot slot, Dice& dice) {
    protocol::PeerToken token;
    dice.fill(token.bytes);
    for (std::size_t i = 0; i < kSlotBytes; ++i) {
        token.bytes[i] = static_cast<std::uint8_t>(slot >> (8 * (kSlotBytes - 1 - i)));
    }
    return token;
}

}  // namespace

Outcome<PeerSlot> PeerTable::enter(const protocol::Registration& registration,
                                   std::vector<std::string> addresses, const std::string& host,
                                   bool proven, Now now, Evicted& evicted) {
    if (auto problem = check_time(registration.timestamp_ms, now.wall_ms)) {
        return *problem;
    }
    const Key key{registration.swarm, registration.peer};
    const auto known = by_key_.find(key);
    if (known != by_key_.end() && registration.timestamp_ms <= peers_[known->second].statement_ms) {
        return replayed();
    }
    const bool joins = known == by_key_.end() || peers_[known->second].left;
    PeerSlot yields = kNoPeer;
    if (joins && of_swarm(registration.swarm).size() >= limits_.per_swarm_max) {
        yields = who_yields(registration.swarm, proven, now.time);
        if (yields == kNoPeer) {
            return Problem{503, "swarm_full", "this swarm has as many peers as this tracker lists"};
        }
    }
    const bool new_to_host = known == by_key_.end() || peers_[known->second].host != host;
    const auto of_host = by_host_.find(host);
    if (new_to_host && of_host != by_host_.end() && of_host->second >= limits_.per_host_max) {
        return Problem{429, "host_full", "too many peers are registered from this address"};
    }
    if (yields != kNoPeer) {
        evicted.push_back(yields);
        free_slot(yields);
    }
    PeerSlot slot = kNoPeer;
    if (known != by_key_.end()) {
        slot = known->second;
        count_host(peers_[slot].host, -1);
        count_host(host, +1);
        peers_[slot].host = host;
    } else {
        if (used_ >= limits_.peers_max &&
            (heard_first_ == kNoPeer || online(heard_first_, now.time))) {
            return Problem{503, "tracker_full", "this tracker lists as many peers as it can"};
        }
        slot = new_slot(key, host, evicted);
    }
    Peer& peer = peers_[slot];
    if (joins) {
        join_swarm(slot);
    }
    peer.addresses = std::move(addresses);
    peer.proven = proven;
    peer.statement_ms = registration.timestamp_ms;
    peer.token = new_token(slot, dice_);
    heard(slot, now);
    return slot;
}

// Rule 4: the first of a sample that is offline and unproven, else offline, else unproven.
PeerSlot PeerTable::who_yields(const SwarmId& swarm, bool to_proven, TimePoint now) {
    const std::vector<PeerSlot>& members = of_swarm(swarm);
    const std::size_t looks = std::min(members.size(), kYieldersLookedAt);
    const std::size_t begin = dice_.below(members.size());
    PeerSlot offline = kNoPeer;
    PeerSlot unproven = kNoPeer;
    for (std::size_t i = 0; i < looks; ++i) {
        const PeerSlot slot = members[(begin + i) % members.size()];
        const bool is_online = online(slot, now);
        const bool is_proven = peers_[slot].proven;
        if (!is_online && !is_proven) {
            return slot;
        }
        if (!is_online) {
            offline = slot;
        } else if (!is_proven && to_proven) {
            unproven = slot;
        }
    }
    return offline != kNoPeer ? offline : unproven;
}

PeerSlot PeerTable::new_slot(const Key& key, const std::string& host, Evicted& evicted) {
    if (used_ >= limits_.peers_max) {
        evicted.push_back(heard_first_);
        free_slot(heard_first_);
    }
    PeerSlot slot = static_cast<PeerSlot>(peers_.size());
    if (free_.empty()) {
        peers_.emplace_back();
    } else {
        slot = free_.back();
        free_.pop_back();
    }
    Peer& peer = peers_[slot];
    peer.node = key.node;
    peer.swarm = key.swarm;
    peer.host = host;
    peer.in_use = true;
    peer.left = true;  // until join_swarm
    by_key_.emplace(key, slot);
    count_host(host, +1);
    append_heard(slot);
    ++used_;
    return slot;
}

void PeerTable::free_slot(PeerSlot slot) {
    Peer& peer = peers_[slot];
    if (!peer.left) {
        quit_swarm(slot);
    }
    unlink_heard(slot);
    count_host(peer.host, -1);
    by_key_.erase(Key{peer.swarm, peer.node});
    peer = Peer{};
    free_.push_back(slot);
    --used_;
}

Outcome<PeerSlot> PeerTable::leave(const protocol::Leaving& leaving, Now now) {
    if (auto problem = check_time(leaving.timestamp_ms, now.wall_ms)) {
        return *problem;
    }
    const auto known = by_key_.find(Key{leaving.swarm, leaving.peer});
    if (known == by_key_.end()) {
        return kNoPeer;
    }
    const PeerSlot slot = known->second;
    Peer& peer = peers_[slot];
    if (leaving.timestamp_ms <= peer.statement_ms) {
        return replayed();
    }
    peer.statement_ms = leaving.timestamp_ms;
    if (!peer.left) {
        quit_swarm(slot);
    }
    peer.token = new_token(slot, dice_);  // nobody has this one
    return slot;
}

PeerSlot PeerTable::find(const protocol::PeerToken& token) const {
    const PeerSlot slot = slot_of(token);
    const bool matches = slot < peers_.size() && peers_[slot].in_use && !peers_[slot].left &&
                         same_token(peers_[slot].token, token);
    return matches ? slot : kNoPeer;
}

void PeerTable::heard(PeerSlot slot, Now now) {
    peers_[slot].last_seen = now.time;
    peers_[slot].last_seen_ms = now.wall_ms;
    unlink_heard(slot);
    append_heard(slot);
}

PeerTable::Evicted PeerTable::forget_due(TimePoint now, std::size_t count_max) {
    Evicted forgotten;
    while (forgotten.size() < count_max && heard_first_ != kNoPeer &&
           now - peers_[heard_first_].last_seen >= kForgetAfter) {
        forgotten.push_back(heard_first_);
        free_slot(heard_first_);
    }
    return forgotten;
}

bool PeerTable::online(PeerSlot slot, TimePoint now) const {
    const Peer& peer = peers_[slot];
    return peer.in_use && !peer.left && now - peer.last_seen < kOfflineAfter;
}

const std::vector<PeerSlot>& PeerTable::of_swarm(const SwarmId& swarm) const {
    const auto found = by_swarm_.find(swarm);
    return found == by_swarm_.end() ? kNobody : found->second;
}

void PeerTable::join_swarm(PeerSlot slot) {
    std::vector<PeerSlot>& members = by_swarm_[peers_[slot].swarm];
    peers_[slot].left = false;
    peers_[slot].place_in_swarm = members.size();
    members.push_back(slot);
}

void PeerTable::quit_swarm(PeerSlot slot) {
    const auto found = by_swarm_.find(peers_[slot].swarm);
    std::vector<PeerSlot>& members = found->second;
    const std::size_t place = peers_[slot].place_in_swarm;
    members[place] = members.back();
    peers_[members[place]].place_in_swarm = place;
    members.pop_back();
    peers_[slot].left = true;
    if (members.empty()) {
        by_swarm_.erase(found);
    }
}

void PeerTable::append_heard(PeerSlot slot) {
    peers_[slot].heard_before = heard_last_;
    peers_[slot].heard_after = kNoPeer;
    (heard_last_ == kNoPeer ? heard_first_ : peers_[heard_last_].heard_after) = slot;
    heard_last_ = slot;
}

void PeerTable::unlink_heard(PeerSlot slot) {
    const PeerSlot before = peers_[slot].heard_before;
    const PeerSlot after = peers_[slot].heard_after;
    (before == kNoPeer ? heard_first_ : peers_[before].heard_after) = after;
    (after == kNoPeer ? heard_last_ : peers_[after].heard_before) = before;
}

void PeerTable::count_host(const std::string& host, int difference) {
    std::size_t& count = by_host_[host];
    count = count + static_cast<std::size_t>(difference);
    if (count == 0) {
        by_host_.erase(host);
    }
}

}  // namespace swarmfs::tracker
