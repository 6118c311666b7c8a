// SwarmCore: what may be asked for at all.
//   1. Under a limit on what is received (throttle.hpp), a leaf is paid when it is asked for, so that
//      nothing comes that may not: urgent first, and no more leaves at once than are paid. What is
//      cancelled is not paid back, because it may be on its way. A peer that may not be asked now
//      has no room.
//   2. While the swarm is paused nothing is asked for: what was is cancelled, reads of what is not
//      here end as busy, and fills wait.   Why: who paused it is told so at once by whatever reads,
//      instead of after a read's deadline.

#include <algorithm>
#include <bit>

#include "engine/swarm/swarm_core.hpp"

namespace swarmfs::swarm {

LeafMask SwarmCore::ask(WantedContent& content, PeerNumber peer, ChunkIndex chunk, LeafMask leaves,
                        protocol::Urgency urgency, TimePoint now) {
    const LeafMask paid = peers_.at(peer).down.limited()
                              ? pay_for(content, peer, chunk, leaves, urgency, now)
                              : leaves;
    if (paid == 0) {
        return 0;
    }
    ledger_.ask(peer, content.number, content.id.size, chunk, paid, urgency, now);
    for (const protocol::LeafRange& range : ranges_of(chunk, paid)) {
        actions_.push_back(AskLeaves{peer, content.number, range, urgency, content.attempt});
    }
    return paid;
}

LeafMask SwarmCore::pay_for(const WantedContent& content, PeerNumber peer, ChunkIndex chunk,
                            LeafMask leaves, protocol::Urgency urgency, TimePoint now) {
    const auto size_of = [&](unsigned bits) {
        std::uint64_t bytes = 0;
        for (; bits != 0; bits &= bits - 1) {
            const auto leaf = static_cast<std::uint64_t>(std::countr_zero(bits));
            bytes += leaf_bytes(content.id.size, first_leaf(chunk) + leaf);
        }
        return bytes;
    };
    const auto kind =
        urgency == protocol::Urgency::urgent ? Throttle::Class::urgent : Throttle::Class::rest;
    RateGate::Place& down = peers_.at(peer).down;
    unsigned paid = 0;
    for (unsigned rest = leaves; rest != 0;) {
        const Throttle::Answer answer = down.ask(size_of(rest), kind, now);
        if (answer.allowed == 0) {
            pay_again_at_ = std::min(pay_again_at_, answer.again_at);
            unpaid_.insert(peer);
            break;
        }
        std::uint64_t used = 0;  // whole leaves, and at least one
        do {
            const unsigned next = rest & (~rest + 1U);
            used += size_of(next);
            paid |= next;
            rest &= ~next;
        } while (rest != 0 && used + size_of(rest & (~rest + 1U)) <= answer.allowed);
        down.settle(answer.allowed, used, now);
    }
    return static_cast<LeafMask>(paid);
}

void SwarmCore::cancel_asks(ContentNumber content) {
    for (const Ask& ask : ledger_.asks_for(content)) {
        ledger_.cancel(ask.peer, content, ask.chunk, ask.leaves);
        cancel_leaves(ask.peer, content, ask.chunk, ask.leaves, actions_);
    }
}

void SwarmCore::set_paused(bool paused, TimePoint now) {
    paused_ = paused;
    if (!paused) {
        return;
    }
    for (auto& [number, content] : contents_) {
        while (!content->reads.empty()) {
            end_read(*content, content->reads.size() - 1, paused_error(), now);
        }
        for (const ByteRange& range : content->window->end()) {
            abandon(*content, range, now);
        }
        std::set<ChunkIndex> asked;
        for (const Ask& ask : ledger_.asks_for(number)) {
            asked.insert(ask.chunk);
        }
        cancel_asks(number);
        for (const ChunkIndex chunk : asked) {
            chunk_changed(*content, chunk, now);
        }
    }
}

}  // namespace swarmfs::swarm
