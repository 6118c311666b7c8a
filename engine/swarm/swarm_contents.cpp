// SwarmCore: contents come, are settled after something happened to them, and go.

#include <algorithm>
#include <utility>

#include "engine/swarm/swarm_core.hpp"

namespace swarmfs::swarm {

namespace {

// Beyond 1 TiB, a peer that lost one chunk is not worth a bitmap of the others.
constexpr std::uint64_t kExceptionChunksMax = std::uint64_t{1} << 22;
constexpr std::size_t kStarvedFillsMax = 2048;
constexpr std::size_t kGoneMax = 64;

}  // namespace

WantedContent* SwarmCore::find(ContentNumber number) {
    const auto found = contents_.find(number);
    return found == contents_.end() ? nullptr : found->second.get();
}

WantedContent* SwarmCore::find(const ContentId& id) {
    const auto found = numbers_.find(id);
    return found == numbers_.end() ? nullptr : find(found->second);
}

std::optional<ContentNumber> SwarmCore::number_of(const ContentId& id) const {
    const auto found = numbers_.find(id);
    return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

Result<WantedContent*> SwarmCore::obtain(const ContentId& id, const std::optional<NodeId>& likely,
                                         TimePoint now) {
    if (WantedContent* known = find(id)) {
        known->likely = likely ? likely : known->likely;
        if (known->failed) {  // a disk that was full may have room again
            known->failed.reset();
            ++known->attempt;
        }
        return known;
    }
    SWARM_TRY(auto port, ports_.open(id, Purpose::fetch));
    auto content = std::make_unique<WantedContent>();
    content->number = ContentNumber{next_content_++};
    content->id = id;
    content->port = std::move(port);
    content->known_complete = content->port->complete();
    content->likely = likely;
    content->window = std::make_unique<ReadWindow>(id.size, window_budget_);
    content->idle_since = now;
    WantedContent* const raw = content.get();
    numbers_.emplace(id, raw->number);
    contents_.emplace(raw->number, std::move(content));
    changed_.insert(raw->number);
    return raw;
}

void SwarmCore::idle_again(WantedContent& content, TimePoint now) {
    idle_.erase({content.idle_since, content.number});
    content.idle_since = now;
    idle_.emplace(now, content.number);
    changed_.insert(content.number);
}

void SwarmCore::close_everywhere(WantedContent& content) {
    cancel_asks(content.number);
    for (const auto& [peer, source] : content.sources) {
        PeerState& state = peers_.at(peer);
        state.open.erase(content.number);
        state.held_pages -= source.held.some.pages();
        actions_.push_back(CloseContent{peer, content.number});
    }
    content.sources.clear();
}

void SwarmCore::forget(WantedContent& content) {
    close_everywhere(content);
    if (const auto queued = ready_at_.find(content.number); queued != ready_at_.end()) {
        for (const auto& [chunk, ready] : queued->second) {
            ready_.erase(ready);
        }
        ready_at_.erase(queued);
    }
    idle_.erase({content.idle_since, content.number});
    changed_.erase(content.number);
    numbers_.erase(content.id);
    gone_.emplace_back(content.number, content.id);
    if (gone_.size() > kGoneMax) {
        gone_.pop_front();
    }
    contents_.erase(content.number);
}

// Called for every content that something happened to, at the end of decide().
void SwarmCore::settle(WantedContent& content, TimePoint now) {
    const bool complete = content.port->complete();
    if (complete && !std::exchange(content.known_complete, true) &&
        content.whole.count() < chunk_count(content.id.size)) {
        // Its last leaves are on the disk before word of them is here, and by then it may be forgotten.
        actions_.push_back(ContentWhole{content.id});
        content.newly_whole.clear();
    }
    if (!content.newly_whole.empty()) {
        actions_.push_back(ChunksWhole{content.id, std::move(content.newly_whole)});
        content.newly_whole.clear();
    }
    if (content.fill && complete) {
        report_fill(content, true, std::nullopt);
        end_fill(content);
    } else if (content.fill && content.fill->moved) {
        report_fill(content, false, std::nullopt);
    }
    settle_parts(content, std::nullopt);
    judge_reads(content, now);
    const bool asleep = now - content.idle_since >= kIdleMax;
    if (!content.wanted() && (complete || asleep)) {
        forget(content);
        return;
    }
    if (!asleep) {
        idle_.emplace(content.idle_since, content.number);
    }
    if (content.fill) {
        seat_fill(content);
    }
}

// Fills that nobody could serve make room for others. The content may be gone after it.
void SwarmCore::seat_fill(WantedContent& content) {
    const bool somebody =
        std::any_of(content.sources.begin(), content.sources.end(),
                    [](const auto& s) { return !s.second.answered || !s.second.held.none(); });
    const bool hopeful = is_tiny(content.id) ? content.starved.empty() : somebody;
    auto& running = is_tiny(content.id) ? tiny_fills_ : large_fills_;
    if (hopeful) {
        running.insert(content.number);
        starved_fills_.erase(content.number);
        return;
    }
    running.erase(content.number);
    if (is_tiny(content.id)) {
        park(content);
    }
}

// Rule 7, for a tiny fill without a source.
void SwarmCore::park(WantedContent& content) {
    const bool may_listen =
        starved_fills_.contains(content.number) || starved_fills_.size() < kStarvedFillsMax;
    if (!content.reads.empty() || (may_listen && !peers_.empty())) {
        starved_fills_.insert(content.number);
        return;
    }
    for (const FillId id : content.fill->ids) {
        parked_fills_.push_back({id, {content.id, FillOrder::rarest_first, content.likely}});
    }
    end_fill(content);
    forget(content);
}

void SwarmCore::fail(WantedContent& content, const Error& error, TimePoint now) {
    content.failed = error;
    while (!content.reads.empty()) {
        end_read(content, content.reads.size() - 1, error, now);
    }
    if (content.fill) {
        report_fill(content, false, error);
        end_fill(content);
    }
    settle_parts(content, error);
    static_cast<void>(content.window->end());
    for (auto& [chunk, need] : content.needs) {
        unqueue(content.number, chunk);
    }
    content.needs.clear();
    content.starved.clear();
    for (const Ask& ask : ledger_.asks_for(content.number)) {
        release_chunk(content, ask.chunk, now);
    }
    changed_.insert(content.number);
}

void SwarmCore::lose_source(WantedContent& content, PeerNumber peer) {
    const auto found = content.sources.find(peer);
    if (found == content.sources.end()) {
        return;
    }
    if (content.fill && content.fill->picker) {
        ChunkPicker& picker = *content.fill->picker;
        found->second.held.some.for_each([&](ChunkIndex chunk) { picker.lost(chunk); });
    }
    peers_.at(peer).held_pages -= found->second.held.some.pages();
    content.sources.erase(found);
    changed_.insert(content.number);
}

// A peer refused a chunk that it was thought to hold.
void SwarmCore::holds_not(WantedContent& content, PeerNumber peer, ChunkIndex chunk) {
    const auto found = content.sources.find(peer);
    if (found == content.sources.end()) {
        return;
    }
    WantedContent::Source& source = found->second;
    source.answered = true;
    ChunkPicker* picker = content.fill ? content.fill->picker.get() : nullptr;
    const std::uint64_t chunks = chunk_count(content.id.size);
    if (source.held.all) {
        // It has everything but this, as far as we know.
        source.held.all = false;
        for (ChunkIndex other; chunks <= kExceptionChunksMax && other.value < chunks; ++other) {
            note_held(peer, source, other, picker);
        }
    }
    if (source.held.some.erase(chunk) && picker != nullptr) {
        picker->lost(chunk);
    }
}

void SwarmCore::more_is_held(WantedContent& content, TimePoint now) {
    queue_starved(content);
    if (content.fill) {
        // Before anything is placed: nothing else may happen for a while. Nothing of it starves
        // now, so a tiny one stays.
        seat_fill(content);
    }
    const bool somebody_is_silent = std::any_of(
        peers_.begin(), peers_.end(), [&](const auto& peer) { return ledger_.silent(peer.first); });
    if (!somebody_is_silent) {
        return;
    }
    for (const Ask& ask : ledger_.asks_for(content.number)) {
        if (ledger_.silent(ask.peer)) {
            ledger_.cancel(ask.peer, content.number, ask.chunk, ask.leaves);
            owed_by_nobody({ask}, true, now);
        }
    }
}

PeerReport SwarmCore::report(PeerNumber peer, TimePoint now) const {
    const auto found = peers_.find(peer);
    if (found == peers_.end()) {
        return {};
    }
    const PeerState& state = found->second;
    PeerFacts session = state.facts;
    session.answers = ledger_.answers(peer);
    session.failures = ledger_.failures(peer);
    return {ledger_.rate(peer, now), state.score, ledger_.outstanding(peer), session,
            standing_after(state.before, session, state.best_rate)};
}

std::vector<ContentSource> SwarmCore::sources(const ContentId& id) const {
    std::map<NodeId, ContentSource> by_node;
    if (const auto* received = received_.of(id)) {
        for (const auto& [node, bytes] : *received) {
            by_node[node].bytes_received = bytes;
        }
    }
    for (const auto& [number, peer] : peers_) {
        if (const auto known = by_node.find(peer.node); known != by_node.end()) {
            known->second.connected = true;
        }
    }
    if (const auto number = number_of(id)) {
        for (const auto& [peer, source] : contents_.at(*number)->sources) {
            ContentSource& entry = by_node[peers_.at(peer).node];
            entry.connected = true;
            entry.holds_all = source.held.all;
            entry.chunks_held = source.held.all ? chunk_count(id.size) : source.held.some.count();
        }
    }
    std::vector<ContentSource> result;
    for (auto& [node, entry] : by_node) {
        entry.node = node;
        result.push_back(entry);
    }
    return result;
}

}  // namespace swarmfs::swarm
