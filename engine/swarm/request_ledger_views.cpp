// RequestLedger: who owes what, and how much more may be asked of whom.

#include <cmath>

#include "engine/swarm/request_ledger.hpp"

namespace swarmfs::swarm {

LeafMask RequestLedger::asked(ContentNumber content, ChunkIndex chunk) const {
    LeafMask leaves = 0;
    if (const auto found = places_.find(Place{content, chunk}); found != places_.end()) {
        for (const Pending& pending : found->second) {
            leaves |= pending.leaves;
        }
    }
    return leaves;
}

LeafMask RequestLedger::asked_of(PeerNumber peer, ContentNumber content, ChunkIndex chunk) const {
    LeafMask leaves = 0;
    if (const auto found = places_.find(Place{content, chunk}); found != places_.end()) {
        for (const Pending& pending : found->second) {
            leaves |= pending.peer == peer ? pending.leaves : LeafMask{0};
        }
    }
    return leaves;
}

std::vector<Ask> RequestLedger::asks_for(ContentNumber content, ChunkIndex chunk) const {
    std::vector<Ask> asks;
    const Place place{content, chunk};
    if (const auto found = places_.find(place); found != places_.end()) {
        for (const Pending& pending : found->second) {
            asks.push_back(to_ask(pending, place));
        }
    }
    return asks;
}

std::vector<Ask> RequestLedger::asks_for(ContentNumber content) const {
    std::vector<Ask> asks;
    if (const auto chunks = by_content_.find(content); chunks != by_content_.end()) {
        for (const ChunkIndex chunk : chunks->second) {
            for (const Ask& ask : asks_for(content, chunk)) {
                asks.push_back(ask);
            }
        }
    }
    return asks;
}

std::uint64_t RequestLedger::bytes_before(PeerNumber peer, ContentNumber content, ChunkIndex chunk,
                                          std::uint64_t limit) const {
    std::uint64_t bytes = 0;
    const Place place{content, chunk};
    for (const auto& [id, other] : peers_.at(peer).asks) {
        if (other == place) {
            break;
        }
        for (const Pending& pending : places_.at(other)) {
            bytes += pending.id == id ? bytes_of(pending, pending.leaves) : 0;
        }
        if (bytes >= limit) {
            return limit;
        }
    }
    return bytes;
}

std::uint64_t RequestLedger::outstanding(PeerNumber peer) const {
    const auto known = peers_.find(peer);
    return known == peers_.end() ? 0 : known->second.outstanding;
}

std::uint64_t RequestLedger::budget(PeerNumber peer) const {
    const auto known = peers_.find(peer);
    return known == peers_.end() ? 0 : known->second.budget;
}

std::uint64_t RequestLedger::room(PeerNumber peer, TimePoint now) const {
    const auto known = peers_.find(peer);
    if (known == peers_.end() || known->second.paused_until > now ||
        known->second.outstanding >= known->second.budget ||
        known->second.asks.size() >= kAsksMax) {
        return 0;
    }
    return known->second.budget - known->second.outstanding;
}

std::uint64_t RequestLedger::fill_room(PeerNumber peer, TimePoint now) const {
    const auto known = peers_.find(peer);
    const bool may =
        known != peers_.end() && known->second.full_until <= now && fills_.has_room(now);
    return may ? room(peer, now) : 0;
}

bool RequestLedger::paused(PeerNumber peer, TimePoint now) const {
    const auto known = peers_.find(peer);
    return known != peers_.end() && known->second.paused_until > now;
}

double RequestLedger::rate(PeerNumber peer, TimePoint now) const {
    const auto known = peers_.find(peer);
    if (known == peers_.end()) {
        return 0;
    }
    const double passed = std::chrono::duration<double>(now - known->second.rate_at).count();
    return known->second.rate_sum * std::exp(-passed / kRateWindow) / kRateWindow;
}

}  // namespace swarmfs::swarm
