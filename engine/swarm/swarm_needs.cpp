// SwarmCore: which leaves are missing, for whom, and what follows when that changes.

#include <algorithm>
#include <bit>

#include "engine/core/assert.hpp"
#include "engine/swarm/swarm_core.hpp"

namespace swarmfs::swarm {

namespace {

// Rule 5. What is nearer than this arrives before a second request would.
constexpr std::uint64_t kPromoteBehind = 512 * 1024;
// For ordering only: how fast a reader is imagined to come to what lies ahead of it.
constexpr std::uint64_t kReaderBytesPerMillisecond = 100 * 1024;

}  // namespace

void SwarmCore::chunk_changed(WantedContent& content, ChunkIndex chunk, TimePoint now) {
    const LeafMask stored = content.port->leaf_mask(chunk);
    const LeafMask full = leaves_of(content.id, chunk);
    if (const auto found = content.needs.find(chunk.value); found != content.needs.end()) {
        WantedContent::Need& need = found->second;
        const auto newly = static_cast<LeafMask>(need.urgent & stored);
        need.urgent = static_cast<LeafMask>(need.urgent & ~stored);
        need.ahead = static_cast<LeafMask>(need.ahead & ~stored);
        need.fill = static_cast<LeafMask>(need.fill & ~stored);
        if (need.all() == 0) {
            content.needs.erase(found);
        }
        if (newly != 0) {
            finish_reads(content, chunk, newly, now);
        }
    }
    if (stored == full) {
        chunk_is_whole(content, chunk);
    } else if (content.fill && content.fill->picker) {
        const auto covered = static_cast<LeafMask>(stored | ledger_.asked(content.number, chunk));
        if ((covered & full) != full) {
            content.fill->picker->put_back(
                chunk, covered == 0 ? ChunkPicker::Begun::no : ChunkPicker::Begun::yes);
        }
    }
    queue(content, chunk);
    changed_.insert(content.number);
}

void SwarmCore::chunk_is_whole(WantedContent& content, ChunkIndex chunk) {
    if (!content.whole.insert(chunk)) {
        return;
    }
    content.newly_whole.push_back(chunk);
    content.whole_bytes += chunk_bytes(content.id.size, chunk);
    for (WantedContent::Part& part : content.parts) {
        if (part.covers(chunk)) {
            --part.lacking;
            part.stored_bytes += chunk_bytes(content.id.size, chunk);
            part.moved = true;
        }
    }
    if (content.fill) {
        content.fill->moved = true;
        if (content.fill->picker) {
            content.fill->picker->take(chunk);
            content.fill->picker->note_stored();
        }
    }
}

// It was seen on the disk. Where word of its last leaves is still on its way, it is announced now:
// nothing will be new about it then.
void SwarmCore::found_whole(WantedContent& content, ChunkIndex chunk) {
    if (!content.whole.insert(chunk)) {
        return;
    }
    content.whole_bytes += chunk_bytes(content.id.size, chunk);
    if (ledger_.asked(content.number, chunk) != 0) {
        content.newly_whole.push_back(chunk);
    }
}

void SwarmCore::finish_reads(WantedContent& content, ChunkIndex chunk, LeafMask newly,
                             TimePoint now) {
    for (std::size_t i = content.reads.size(); i-- > 0;) {
        WantedContent::Read& read = content.reads[i];
        const auto got = static_cast<LeafMask>(WantedContent::leaves_read(read, chunk) & newly);
        read.missing -= static_cast<std::uint64_t>(std::popcount(got));
        if (read.missing == 0) {
            end_read(content, i, done(), now);
        }
    }
}

void SwarmCore::end_read(WantedContent& content, std::size_t index, Result<> outcome,
                         TimePoint now) {
    const WantedContent::Read read = content.reads[index];
    content.reads[index] = content.reads.back();
    content.reads.pop_back();
    reads_.erase(read.id);
    deadlines_.erase({read.deadline, read.id});
    changed_.insert(content.number);
    const bool answered = outcome.ok();
    actions_.push_back(ReadEnded{read.id, std::move(outcome)});
    if (answered) {
        return;
    }
    for (ChunkIndex chunk = chunk_of(read.first); chunk <= chunk_of(read.last); ++chunk) {
        const auto need = content.needs.find(chunk.value);
        if (need == content.needs.end()) {
            continue;
        }
        LeafMask others = 0;
        for (const WantedContent::Read& other : content.reads) {
            others |= WantedContent::leaves_read(other, chunk);
        }
        need->second.urgent &= others;
        release_chunk(content, chunk, now);
    }
}

// Cancels what is asked of the chunk and wanted by nobody any more.
void SwarmCore::release_chunk(WantedContent& content, ChunkIndex chunk, TimePoint now) {
    LeafMask wanted = content.fill && content.fill->picker ? kAllLeaves : LeafMask{0};
    if (const auto need = content.needs.find(chunk.value); need != content.needs.end()) {
        wanted |= need->second.all();
        if (need->second.all() == 0) {
            content.needs.erase(need);
        }
    }
    for (const Ask& ask : ledger_.asks_for(content.number, chunk)) {
        const auto unwanted = static_cast<LeafMask>(ask.leaves & ~wanted);
        ledger_.cancel(ask.peer, content.number, chunk, unwanted);
        cancel_leaves(ask.peer, content.number, chunk, unwanted, actions_);
    }
    chunk_changed(content, chunk, now);
}

// Asks that a peer will not answer: their leaves are missing again, and worth another look at who
// could be asked, even where the rest of the chunk starves.
void SwarmCore::owed_by_nobody(const std::vector<Ask>& asks, bool tell_peer, TimePoint now) {
    for (const Ask& ask : asks) {
        if (tell_peer) {
            cancel_leaves(ask.peer, ask.content, ask.chunk, ask.leaves, actions_);
        }
        if (WantedContent* content = find(ask.content)) {
            content->starved.erase(ask.chunk.value);
            chunk_changed(*content, ask.chunk, now);
        }
    }
}

// ---- the queue of chunks with leaves to ask for ----

void SwarmCore::queue(WantedContent& content, ChunkIndex chunk) {
    unqueue(content.number, chunk.value);
    const auto found = content.needs.find(chunk.value);
    if (found == content.needs.end()) {
        content.starved.erase(chunk.value);
        return;
    }
    if (content.failed || content.starved.contains(chunk.value)) {
        return;
    }
    const WantedContent::Need& need = found->second;
    const LeafMask asked = ledger_.asked(content.number, chunk);
    for (const auto urgency :
         {protocol::Urgency::urgent, protocol::Urgency::ahead, protocol::Urgency::fill}) {
        if ((need.of(urgency) & ~asked) != 0) {
            const Ready ready{urgency, need.due(urgency), content.number, chunk.value};
            ready_.insert(ready);
            ready_at_[content.number].emplace(chunk.value, ready);
            return;
        }
    }
}

void SwarmCore::unqueue(ContentNumber content, std::uint64_t chunk) {
    const auto queued = ready_at_.find(content);
    if (queued == ready_at_.end()) {
        return;
    }
    const auto found = queued->second.find(chunk);
    if (found == queued->second.end()) {
        return;
    }
    ready_.erase(found->second);
    queued->second.erase(found);
    if (queued->second.empty()) {
        ready_at_.erase(queued);
    }
}

void SwarmCore::queue_starved(WantedContent& content) {
    const auto starved = std::move(content.starved);
    content.starved.clear();
    for (const std::uint64_t chunk : starved) {
        queue(content, ChunkIndex(chunk));
    }
}

void SwarmCore::promote(WantedContent& content, ChunkIndex chunk, LeafMask leaves, TimePoint now) {
    const bool somebody = somebody_answers(content, chunk, false);
    for (const Ask& ask : ledger_.asks_for(content.number, chunk)) {
        const auto stuck = static_cast<LeafMask>(ask.leaves & leaves);
        if (stuck == 0) {
            continue;
        }
        const bool silent = somebody && ledger_.silent(ask.peer);
        if (!silent && ask.urgency == protocol::Urgency::urgent) {
            continue;  // when it is late, rule 6 looks after it
        }
        if (!silent && !ledger_.is_late(ask, now) &&
            ledger_.bytes_before(ask.peer, content.number, chunk, kPromoteBehind) <
                kPromoteBehind) {
            continue;
        }
        ledger_.cancel(ask.peer, content.number, chunk, stuck);
        cancel_leaves(ask.peer, content.number, chunk, stuck, actions_);
    }
}

// ---- windows ----

void SwarmCore::want_ahead(WantedContent& content, const ReadWindow::Plan& plan, TimePoint now) {
    if (plan.abandon) {
        abandon(content, *plan.abandon, now);
    }
    for (const ByteRange& range : plan.fetch) {
        const std::uint64_t last = leaf_at(range.end - 1).value;
        for (std::uint64_t leaf = leaf_at(range.begin).value; leaf <= last;) {
            const ChunkIndex chunk = chunk_of(LeafIndex(leaf));
            const std::uint64_t base = first_leaf(chunk).value;
            const std::uint64_t end = std::min(last, base + kLeavesPerChunk - 1);
            const auto leaves = static_cast<LeafMask>(
                ((2U << (end - base)) - (1U << (leaf - base))) & ~content.port->leaf_mask(chunk));
            leaf = end + 1;
            if (leaves == 0) {
                continue;
            }
            WantedContent::Need& need = content.needs[chunk.value];
            if (need.ahead == 0) {
                const std::uint64_t distance =
                    base * kLeafBytes - std::min(base * kLeafBytes, range.begin);
                need.ahead_due =
                    now + std::chrono::milliseconds(distance / kReaderBytesPerMillisecond);
            }
            need.ahead |= leaves;
            queue(content, chunk);
        }
    }
}

void SwarmCore::abandon(WantedContent& content, const ByteRange& range, TimePoint now) {
    const ChunkIndex last = chunk_at(range.end - 1);
    for (ChunkIndex chunk = chunk_at(range.begin); chunk <= last; ++chunk) {
        const auto need = content.needs.find(chunk.value);
        if (need != content.needs.end() && need->second.ahead != 0) {
            need->second.ahead = 0;
            release_chunk(content, chunk, now);
        }
    }
}

}  // namespace swarmfs::swarm
