#include "engine/swarm/request_ledger.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "engine/core/assert.hpp"

namespace swarmfs::swarm {

namespace {

using Seconds = std::chrono::duration<double>;

// Chosen by us: see the rules in the header.
constexpr double kQuickAnswer = 0.5;
constexpr double kSlowAnswer = 1.0;
constexpr Duration kPatienceMin = std::chrono::seconds(2);
constexpr Duration kPatienceMax = std::chrono::seconds(60);
// Before anything was measured: twice what the slowest path to the other side of the world takes.
constexpr Duration kFirstPatience = std::chrono::seconds(4);
constexpr Duration kFirstLateness = std::chrono::seconds(1);
// Below this, a second ask costs more than it saves.
constexpr Duration kLatenessMin = std::chrono::milliseconds(50);
constexpr Duration kLateAgain = std::chrono::milliseconds(250);
constexpr Duration kBusyPause = std::chrono::milliseconds(250);
constexpr unsigned kBusyDoublings = 4;
constexpr Duration kQuietAfter = std::chrono::seconds(1);
constexpr Duration kFullPause = std::chrono::seconds(2);

Duration from_seconds(double seconds) {
    return std::chrono::duration_cast<Duration>(Seconds(std::min(seconds, 1e6)));
}

}  // namespace

LeafMask mask_of(const protocol::LeafRange& range) {
    const unsigned ones = range.count >= 16 ? 0xFFFFU : (1U << range.count) - 1;
    return static_cast<LeafMask>(ones << range.first);
}

std::vector<protocol::LeafRange> ranges_of(ChunkIndex chunk, LeafMask leaves) {
    std::vector<protocol::LeafRange> ranges;
    unsigned rest = leaves;
    while (rest != 0) {
        const auto first = static_cast<unsigned>(std::countr_zero(rest));
        const auto count = static_cast<unsigned>(std::countr_one(rest >> first));
        ranges.push_back(
            {chunk, static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(count)});
        rest &= ~(((1U << count) - 1) << first);
    }
    return ranges;
}

void RequestLedger::add_peer(PeerNumber peer, TimePoint now) {
    Peer fresh;
    fresh.rate_at = now;
    const bool is_new = peers_.emplace(peer, std::move(fresh)).second;
    SWARM_ASSERT(is_new);
}

std::vector<Ask> RequestLedger::remove_peer(PeerNumber peer) {
    std::vector<Ask> owed = release(peer);
    peers_.erase(peer);
    return owed;
}

std::vector<Ask> RequestLedger::release(PeerNumber peer) {
    const auto known = peers_.find(peer);
    if (known == peers_.end()) {
        return {};
    }
    std::vector<Ask> owed = take_all(known->second);
    known->second.failures += static_cast<std::uint32_t>(owed.size());
    return owed;
}

std::vector<Ask> RequestLedger::take_all(Peer& peer) {
    std::vector<Ask> owed;
    while (!peer.asks.empty()) {
        const auto [id, place] = *peer.asks.begin();
        const auto& pendings = places_.at(place);
        const auto pending = std::find_if(pendings.begin(), pendings.end(),
                                          [id = id](const Pending& p) { return p.id == id; });
        SWARM_ASSERT(pending != pendings.end());
        owed.push_back(to_ask(*pending, place));
        drop(pending->peer, place, pending->leaves, TimePoint{}, false);
    }
    return owed;
}

void RequestLedger::ask(PeerNumber peer, ContentNumber content, std::uint64_t content_size,
                        ChunkIndex chunk, LeafMask leaves, protocol::Urgency urgency,
                        TimePoint now) {
    Peer& owing = peers_.at(peer);
    const Place place{content, chunk};
    SWARM_ASSERT(leaves != 0 && (asked_of(peer, content, chunk) & leaves) == 0);

    Pending pending;
    pending.id = next_id_++;
    pending.peer = peer;
    pending.leaves = leaves;
    pending.urgency = urgency;
    pending.asked_at = now;
    const LeafIndex last(leaf_count(content_size) - 1);
    if (chunk_of(last) == chunk) {
        pending.last_leaf = static_cast<LeafMask>(1U << (last.value % kLeavesPerChunk));
        pending.last_leaf_bytes = static_cast<std::uint32_t>(leaf_bytes(content_size, last));
    }
    auto& pendings = places_[place];
    for (Pending& other : pendings) {
        if ((other.leaves & leaves) != 0) {
            other.duplicated = true;
            pending.duplicated = true;
        }
    }
    if (owing.asks.empty()) {
        owing.owes_since = now;
    }
    const std::uint64_t bytes = bytes_of(pending, leaves) + kAskOverhead;
    owing.outstanding += bytes;
    if (!owing.quiet) {
        fills_.owed(bytes, now);
    }
    owing.asks.emplace(pending.id, place);
    const TimePoint late_at = now + lateness(owing);
    late_.emplace(late_at, pending.id);
    late_of_.emplace(pending.id, std::pair(peer, late_at));
    by_content_[content].insert(chunk);
    pendings.push_back(pending);
    look_at_ = std::min(look_at_, next_of(owing, now));
}

RequestLedger::Arrival RequestLedger::arrived(PeerNumber peer, ContentNumber content,
                                              ChunkIndex chunk, LeafMask leaves, TimePoint now) {
    Arrival arrival;
    const Place place{content, chunk};
    const auto known = peers_.find(peer);
    if (known != peers_.end()) {
        known->second.owes_since = now;
        known->second.silent = false;
        if (std::exchange(known->second.quiet, false)) {
            fills_.owed(known->second.outstanding, now);
        }
        known->second.busy_in_a_row = 0;
        arrival.expected = drop(peer, place, leaves, now, true);
        look_at_ = std::min(look_at_, next_of(known->second, now));
    }
    const auto pendings = places_.find(place);
    if (pendings == places_.end()) {
        return arrival;
    }
    for (const Pending& pending : pendings->second) {
        if ((pending.leaves & leaves) != 0) {
            Ask ask = to_ask(pending, place);
            ask.leaves &= leaves;
            ask.bytes = bytes_of(pending, ask.leaves);
            arrival.to_cancel.push_back(ask);
        }
    }
    for (const Ask& ask : arrival.to_cancel) {
        drop(ask.peer, place, ask.leaves, now, false);
    }
    return arrival;
}

LeafMask RequestLedger::refused(PeerNumber peer, ContentNumber content, ChunkIndex chunk,
                                LeafMask leaves) {
    const LeafMask owed = cancel(peer, content, chunk, leaves);
    if (owed != 0) {
        ++peers_.at(peer).failures;
    }
    return owed;
}

LeafMask RequestLedger::cancel(PeerNumber peer, ContentNumber content, ChunkIndex chunk,
                               LeafMask leaves) {
    return drop(peer, Place{content, chunk}, leaves, TimePoint{}, false);
}

LeafMask RequestLedger::drop(PeerNumber peer, const Place& place, LeafMask leaves, TimePoint now,
                             bool answered) {
    const auto known = peers_.find(peer);
    const auto found = places_.find(place);
    if (known == peers_.end() || found == places_.end()) {
        return 0;
    }
    Peer& owing = known->second;
    auto& pendings = found->second;
    LeafMask dropped = 0;
    for (std::size_t i = 0; i < pendings.size();) {
        Pending& pending = pendings[i];
        const auto gone = static_cast<LeafMask>(pending.leaves & leaves);
        if (pending.peer != peer || gone == 0) {
            ++i;
            continue;
        }
        const std::uint64_t bytes = bytes_of(pending, gone);
        dropped |= gone;
        pending.leaves = static_cast<LeafMask>(pending.leaves & ~gone);
        const bool whole = pending.leaves == 0;
        if (answered) {
            fills_.arrived(bytes, now);
        }
        settle(owing, bytes);
        if (answered) {
            const double seconds = whole ? Seconds(now - pending.asked_at).count() : -1.0;
            grow(owing, seconds, bytes, now);
        }
        if (!whole) {
            ++i;
            continue;
        }
        settle(owing, kAskOverhead);
        owing.asks.erase(pending.id);
        owing.quiet = owing.quiet && !owing.asks.empty();
        if (const auto late = late_of_.find(pending.id); late != late_of_.end()) {
            late_.erase({late->second.second, pending.id});
            late_of_.erase(late);
        }
        pendings[i] = pendings.back();
        pendings.pop_back();
    }
    if (pendings.empty()) {
        places_.erase(found);
        const auto chunks = by_content_.find(place.content);
        chunks->second.erase(place.chunk);
        if (chunks->second.empty()) {
            by_content_.erase(chunks);
        }
    }
    return dropped;
}

void RequestLedger::settle(Peer& peer, std::uint64_t bytes) {
    peer.outstanding -= bytes;
    if (!peer.quiet) {
        fills_.settled(bytes);
    }
}

// Rule 1. `seconds` is how long a whole answer took, or negative for a part of one.
void RequestLedger::grow(Peer& peer, double seconds, std::uint64_t bytes, TimePoint now) {
    const double decay = std::exp(-Seconds(now - peer.rate_at).count() / kRateWindow);
    peer.rate_sum = peer.rate_sum * decay + static_cast<double>(bytes);
    peer.rate_at = now;
    if (seconds >= 0) {  // as TCP measures round trips (RFC 6298)
        if (!peer.measured) {
            peer.mean = seconds;
            peer.deviation = seconds / 2;
            peer.measured = true;
        } else {
            peer.deviation += (std::abs(seconds - peer.mean) - peer.deviation) / 4;
            peer.mean += (seconds - peer.mean) / 8;
        }
        ++peer.answers;
    }
    if (peer.mean < kQuickAnswer && peer.outstanding + bytes >= peer.budget / 2) {
        peer.budget = std::min(peer.budget + bytes, kBudgetMax);
    } else if (peer.mean > kSlowAnswer) {
        peer.budget = std::clamp(static_cast<std::uint64_t>(peer.rate_sum / kRateWindow),
                                 kBudgetMin, kBudgetMax);
    }
}

void RequestLedger::busy(PeerNumber peer, TimePoint now) {
    const auto known = peers_.find(peer);
    if (known == peers_.end()) {
        return;
    }
    Peer& owing = known->second;
    owing.budget = std::max(kBudgetMin, owing.budget / 2);
    if (owing.paused_until <= now) {  // else it is an answer to what was asked before it said so
        owing.paused_until = now + kBusyPause * (1 << owing.busy_in_a_row);
        owing.busy_in_a_row = std::min(owing.busy_in_a_row + 1, kBusyDoublings);
        look_at_ = std::min(look_at_, owing.paused_until);
    }
}

void RequestLedger::full(PeerNumber peer, TimePoint now) {
    if (const auto known = peers_.find(peer); known != peers_.end()) {
        known->second.full_until = now + kFullPause;
        look_at_ = std::min(look_at_, known->second.full_until);
    }
}

void RequestLedger::ready(PeerNumber peer) {
    if (const auto known = peers_.find(peer); known != peers_.end()) {
        known->second.full_until = {};
    }
}

RequestLedger::Overdue RequestLedger::overdue(TimePoint now) {
    Overdue found;
    const bool look = look_at_ <= now;
    look_at_ = look ? TimePoint::max() : look_at_;
    for (auto& [number, peer] : peers_) {
        if (!look) {
            break;
        }
        if (!peer.asks.empty() && !peer.quiet && now - peer.owes_since >= kQuietAfter) {
            peer.quiet = true;
            fills_.settled(peer.outstanding);
        }
        if (!peer.asks.empty() && !peer.silent && now - peer.owes_since >= patience(peer)) {
            peer.silent = true;
            found.silent.push_back(number);
        }
        while (!peer.asks.empty()) {
            const auto [id, place] = *peer.asks.begin();
            const auto& pendings = places_.at(place);
            const auto pending = std::find_if(pendings.begin(), pendings.end(),
                                              [id = id](const Pending& p) { return p.id == id; });
            SWARM_ASSERT(pending != pendings.end());
            if (now - pending->asked_at < kPatienceMax) {
                break;
            }
            found.released.push_back(to_ask(*pending, place));
            ++peer.failures;
            drop(number, place, pending->leaves, now, false);
        }
        look_at_ = std::min(look_at_, next_of(peer, now));
    }
    std::sort(found.silent.begin(), found.silent.end());
    while (!late_.empty() && late_.begin()->first <= now) {
        const AskId id = late_.begin()->second;
        late_.erase(late_.begin());
        auto& [peer, late_at] = late_of_.at(id);
        const Place place = peers_.at(peer).asks.at(id);
        bool again = false;
        for (const Pending& pending : places_.at(place)) {
            if (pending.id == id) {
                found.late.push_back(to_ask(pending, place));
                again = !pending.duplicated && pending.urgency != protocol::Urgency::fill;
            }
        }
        if (again) {
            late_at = now + kLateAgain;
            late_.emplace(late_at, id);
        } else {
            late_of_.erase(id);
        }
    }
    return found;
}

TimePoint RequestLedger::next_event(TimePoint) const {
    return late_.empty() ? look_at_ : std::min(look_at_, late_.begin()->first);
}

// When the peer falls silent, its oldest ask is released, or it may be asked again.
TimePoint RequestLedger::next_of(const Peer& peer, TimePoint now) const {
    TimePoint next = TimePoint::max();
    for (const TimePoint until : {peer.paused_until, peer.full_until}) {
        next = until > now ? std::min(next, until) : next;
    }
    if (peer.asks.empty()) {
        return next;
    }
    if (!peer.silent) {
        next = std::min(next, peer.owes_since + patience(peer));
    }
    if (!peer.quiet) {
        next = std::min(next, peer.owes_since + kQuietAfter);
    }
    for (const Pending& pending : places_.at(peer.asks.begin()->second)) {
        if (pending.id == peer.asks.begin()->first) {
            next = std::min(next, pending.asked_at + kPatienceMax);
        }
    }
    return next;
}

bool RequestLedger::silent(PeerNumber peer) const {
    const auto known = peers_.find(peer);
    return known != peers_.end() && known->second.silent;
}

bool RequestLedger::measured(PeerNumber peer) const {
    const auto known = peers_.find(peer);
    return known != peers_.end() && known->second.measured;
}

Duration RequestLedger::expected_answer(PeerNumber peer) const {
    const auto known = peers_.find(peer);
    return known == peers_.end() ? Duration{} : from_seconds(known->second.mean);
}

bool RequestLedger::is_late(const Ask& ask, TimePoint now) const {
    const auto known = peers_.find(ask.peer);
    return known != peers_.end() && now - ask.asked_at >= lateness(known->second);
}

std::uint32_t RequestLedger::failures(PeerNumber peer) const {
    const auto known = peers_.find(peer);
    return known == peers_.end() ? 0 : known->second.failures;
}

std::uint32_t RequestLedger::answers(PeerNumber peer) const {
    const auto known = peers_.find(peer);
    return known == peers_.end() ? 0 : known->second.answers;
}

std::uint64_t RequestLedger::bytes_of(const Pending& pending, LeafMask leaves) {
    const auto count = static_cast<std::uint64_t>(std::popcount(leaves));
    const bool has_last = (leaves & pending.last_leaf) != 0;
    return count * kLeafBytes - (has_last ? kLeafBytes - pending.last_leaf_bytes : 0);
}

Duration RequestLedger::patience(const Peer& peer) {
    if (!peer.measured) {
        return kFirstPatience;
    }
    return std::clamp(from_seconds(peer.mean + 4 * peer.deviation), kPatienceMin, kPatienceMax);
}

Duration RequestLedger::lateness(const Peer& peer) {
    if (!peer.measured) {
        return kFirstLateness;
    }
    return std::max(from_seconds(peer.mean + peer.deviation / 2), kLatenessMin);
}

Ask RequestLedger::to_ask(const Pending& pending, const Place& place) {
    return {pending.peer,
            place.content,
            place.chunk,
            pending.leaves,
            pending.urgency,
            pending.asked_at,
            bytes_of(pending, pending.leaves),
            pending.duplicated};
}

}  // namespace swarmfs::swarm
