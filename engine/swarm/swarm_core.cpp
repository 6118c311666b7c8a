#include "engine/swarm/swarm_core.hpp"

#include <algorithm>
#include <bit>

#include "engine/core/assert.hpp"

namespace swarmfs::swarm {

namespace {

// Chosen by us: chunks of which it is remembered who holds them in part. 4 TiB of content, 2 MiB a
// peer; a member that names chunks all over a content of a pebibyte costs no more.
constexpr std::uint64_t kPartialChunksMax = std::uint64_t{1} << 24;
// The same for all that one peer says to hold in part: pages of 512 bytes.
constexpr std::size_t kHeldPagesMax = 4096;

std::uint64_t partial_chunks(const ContentId& id) {
    return std::min(chunk_count(id.size), kPartialChunksMax);
}

}  // namespace

SwarmCore::SwarmCore(ContentPorts& ports, SwarmOptions options, std::uint64_t salt)
    : options_(options), ports_(ports), salt_(salt), window_budget_(options.window_budget_bytes) {}

// ---- what peers do ----

// `before`: what came of earlier sessions with it.
void SwarmCore::peer_joined(PeerNumber peer, const NodeId& node, TimePoint now,
                            const Standing& before) {
    PeerState& state = peers_[peer];
    state.node = node;
    state.before = before;
    scored_at_ = {};  // before it is asked for anything
    state.last_word = now;
    if (options_.rates.down) {
        state.down = options_.rates.down->join(options_.rates.swarm, node);
    }
    ledger_.add_peer(peer, now);
    auto& line = waiting_fills_[1];
    line.insert(line.end(), parked_fills_.begin(), parked_fills_.end());
    parked_fills_.clear();
    for (auto& [number, content] : contents_) {
        queue_starved(*content);
        if (content->wanted() && !is_tiny(content->id)) {
            open_more(*content, 1, now);
        }
        changed_.insert(number);
    }
}

void SwarmCore::peer_left(PeerNumber peer, TimePoint now) {
    const auto found = peers_.find(peer);
    if (found == peers_.end()) {
        return;
    }
    for (const ContentNumber number : found->second.open) {
        lose_source(*contents_.at(number), peer);
    }
    peers_.erase(found);
    owed_by_nobody(ledger_.remove_peer(peer), false, now);
}

void SwarmCore::peer_lied(PeerNumber peer, const std::string& how, TimePoint now) {
    const auto found = peers_.find(peer);
    if (found == peers_.end()) {
        return;
    }
    bans_.ban(found->second.node, now);
    actions_.push_back(DropPeer{peer, peer_error(how, Code::corrupt)});
    peer_left(peer, now);
}

void SwarmCore::heard_from(PeerNumber peer, TimePoint now) {
    if (const auto found = peers_.find(peer); found != peers_.end()) {
        found->second.last_word = now;
    }
}

void SwarmCore::round_trip(PeerNumber peer, Duration time) {
    if (const auto found = peers_.find(peer); found != peers_.end()) {
        found->second.facts.round_trip = time;
    }
}

void SwarmCore::sent_to(PeerNumber peer, std::uint64_t bytes) {
    if (const auto found = peers_.find(peer); found != peers_.end()) {
        found->second.facts.bytes_sent += bytes;
    }
}

void SwarmCore::holding(PeerNumber peer, ContentNumber number, protocol::HoldingKind kind,
                        ChunkIndex first, ByteSpan bitmap, TimePoint now) {
    WantedContent* content = find(number);
    if (content == nullptr) {
        return;
    }
    const auto found = content->sources.find(peer);
    if (found == content->sources.end()) {
        return;
    }
    WantedContent::Source& source = found->second;
    source.answered = true;
    changed_.insert(number);
    ChunkPicker* picker = content->fill ? content->fill->picker.get() : nullptr;
    if (kind == protocol::HoldingKind::all && !source.held.all) {
        if (picker != nullptr) {
            source.held.some.for_each([&](ChunkIndex chunk) { picker->lost(chunk); });
        }
        peers_.at(peer).held_pages -= source.held.some.pages();
        source.held.some.clear();
        source.held.all = true;
    }
    if (kind == protocol::HoldingKind::some && !source.held.all) {
        for_each_in_bitmap(bitmap, first, partial_chunks(content->id),
                           [&](ChunkIndex chunk) { note_held(peer, source, chunk, picker); });
    }
    more_is_held(*content, now);
}

void SwarmCore::have(PeerNumber peer, ContentNumber number, std::span<const ChunkIndex> chunks,
                     TimePoint now) {
    WantedContent* content = find(number);
    if (content == nullptr) {
        return;
    }
    const auto found = content->sources.find(peer);
    if (found == content->sources.end() || found->second.held.all) {
        return;
    }
    ChunkPicker* picker = content->fill ? content->fill->picker.get() : nullptr;
    for (const ChunkIndex chunk : chunks) {
        if (chunk.value < partial_chunks(content->id)) {
            note_held(peer, found->second, chunk, picker);
        }
    }
    changed_.insert(number);
    more_is_held(*content, now);
}

// What exceeds the peer's share is not remembered: it is not asked for that.
void SwarmCore::note_held(PeerNumber peer, WantedContent::Source& source, ChunkIndex chunk,
                          ChunkPicker* picker) {
    PeerState& state = peers_.at(peer);
    ChunkSet& held = source.held.some;
    const bool new_page = !held.has_page(chunk);
    if (new_page && state.held_pages >= kHeldPagesMax) {
        return;
    }
    state.held_pages += new_page ? 1 : 0;
    if (held.insert(chunk) && picker != nullptr) {
        picker->gained(chunk);
    }
}

void SwarmCore::leaves_stored(PeerNumber peer, ContentNumber number, ChunkIndex chunk,
                              LeafMask leaves, std::uint64_t bytes, TimePoint now) {
    const RequestLedger::Arrival arrival = ledger_.arrived(peer, number, chunk, leaves, now);
    for (const Ask& ask : arrival.to_cancel) {
        cancel_leaves(ask.peer, number, chunk, ask.leaves, actions_);
    }
    WantedContent* content = find(number);
    if (const auto from = peers_.find(peer); from != peers_.end()) {
        from->second.facts.bytes_received += bytes;
        from->second.last_word = now;
        from->second.best_rate = std::max(from->second.best_rate, ledger_.rate(peer, now));
        if (content != nullptr) {
            received_.add(content->id, from->second.node, bytes);
        } else if (const auto gone =
                       std::find_if(gone_.begin(), gone_.end(),
                                    [&](const auto& one) { return one.first == number; });
                   gone != gone_.end()) {
            // A content is whole when its last leaf is on the disk, whichever peer is heard of first.
            received_.add(gone->second, from->second.node, bytes);
        }
    }
    if (content != nullptr) {
        chunk_changed(*content, chunk, now);
    }
}

void SwarmCore::refused(PeerNumber peer, ContentNumber number, const protocol::LeafRange& range,
                        protocol::RefuseReason reason, TimePoint now) {
    WantedContent* content = find(number);
    if (reason == protocol::RefuseReason::busy) {
        ledger_.cancel(peer, number, range.chunk, mask_of(range));
        ledger_.busy(peer, now);
    } else if (reason == protocol::RefuseReason::full) {
        ledger_.cancel(peer, number, range.chunk, mask_of(range));
        ledger_.full(peer, now);
    } else if (content != nullptr && content->says_to_hold(peer, range.chunk)) {
        ledger_.refused(peer, number, range.chunk, mask_of(range));
    } else {
        ledger_.cancel(peer, number, range.chunk, mask_of(range));  // it was asked blindly
    }
    if (content == nullptr) {
        return;
    }
    if (reason != protocol::RefuseReason::busy && reason != protocol::RefuseReason::full) {
        holds_not(*content, peer, range.chunk);
    }
    content->starved.erase(range.chunk.value);
    chunk_changed(*content, range.chunk, now);
}

void SwarmCore::store_failed(ContentNumber number, std::uint32_t attempt, Error why,
                             TimePoint now) {
    WantedContent* const content = find(number);
    if (content != nullptr && content->attempt == attempt) {
        fail(*content, why, now);
    }
}

// ---- what this node wants ----

void SwarmCore::read(ReadId id, const ReadRequest& request, TimePoint now) {
    if (request.offset > request.content.size ||
        request.length > request.content.size - request.offset) {
        actions_.push_back(
            ReadEnded{id, caller_error(Code::invalid, "a read beyond the end of the content")});
        return;
    }
    if (request.length == 0) {
        actions_.push_back(ReadEnded{id, done()});
        return;
    }
    const auto obtained = obtain(request.content, request.likely, now);
    if (!obtained.ok()) {
        actions_.push_back(ReadEnded{id, obtained.error()});
        return;
    }
    WantedContent& content = **obtained;
    WantedContent::Read read;
    read.id = id;
    read.first = leaf_at(request.offset);
    read.last = leaf_at(request.offset + request.length - 1);
    read.deadline = request.deadline;
    for (ChunkIndex chunk = chunk_of(read.first); chunk <= chunk_of(read.last); ++chunk) {
        chunk_changed(content, chunk, now);  // so that what is stored is not counted as missing
        const LeafMask stored = content.port->leaf_mask(chunk);
        const auto lacking =
            static_cast<LeafMask>(WantedContent::leaves_read(read, chunk) & ~stored);
        if (lacking == 0) {
            continue;
        }
        read.missing += static_cast<std::uint64_t>(std::popcount(lacking));
        WantedContent::Need& need = content.needs[chunk.value];
        need.urgent_due = need.urgent == 0 ? now : std::min(need.urgent_due, now);
        need.urgent |= lacking;
        promote(content, chunk, lacking, now);
        content.starved.erase(chunk.value);
        queue(content, chunk);
    }
    const bool waits = read.missing > 0;
    if (waits) {
        content.reads.push_back(read);
        reads_.emplace(id, content.number);
        deadlines_.emplace(read.deadline, id);
    } else {
        actions_.push_back(ReadEnded{id, done()});
    }
    if (paused_) {
        if (waits) {
            end_read(content, content.reads.size() - 1, paused_error(), now);
        }
        idle_again(content, now);
        return;
    }
    want_ahead(content, content.window->on_read(request.offset, request.length, waits, now), now);
    idle_again(content, now);
}

void SwarmCore::cancel_read(ReadId id, TimePoint now) {
    const auto found = reads_.find(id);
    if (found == reads_.end()) {
        return;
    }
    WantedContent& content = *contents_.at(found->second);
    for (std::size_t i = 0; i < content.reads.size(); ++i) {
        if (content.reads[i].id == id) {
            end_read(content, i, caller_error(Code::cancelled, "the read was cancelled"), now);
            return;
        }
    }
}

void SwarmCore::note_read(const ContentId& id, std::uint64_t offset, std::uint64_t length,
                          TimePoint now) {
    if (paused_ || length == 0 || offset > id.size || length > id.size - offset) {
        return;
    }
    const auto obtained = obtain(id, std::nullopt, now);
    if (!obtained.ok()) {
        return;
    }
    WantedContent& content = **obtained;
    want_ahead(content, content.window->on_read(offset, length, false, now), now);
    idle_again(content, now);
}

void SwarmCore::end_reading(const ContentId& id, ReadAgain again, TimePoint now) {
    WantedContent* content = find(id);
    if (content == nullptr) {
        return;
    }
    for (const ByteRange& range : content->window->end()) {
        abandon(*content, range, now);
    }
    if (again == ReadAgain::never) {
        idle_.erase({content->idle_since, content->number});
        content->idle_since = now - kIdleMax;  // settle() forgets it
        idle_.emplace(content->idle_since, content->number);
    }
    changed_.insert(content->number);
}

void SwarmCore::fill(FillId id, const FillRequest& request, TimePoint now) {
    if (request.content.size == 0) {
        FillProgress progress;
        progress.complete = true;
        actions_.push_back(FillMoved{id, progress});
        return;
    }
    if (request.chunks && !is_tiny(request.content)) {
        begin_part(id, request, now);
        return;
    }
    waiting_fills_[is_tiny(request.content) ? 1 : 0].push_back({id, request});
}

void SwarmCore::cancel_fill(FillId id, TimePoint now) {
    const auto running = fills_.find(id);
    if (running == fills_.end()) {
        for (auto* line : {&waiting_fills_[0], &waiting_fills_[1], &parked_fills_}) {
            std::erase_if(*line, [id](const WaitingFill& waiting) { return waiting.id == id; });
        }
        return;
    }
    WantedContent& content = *contents_.at(running->second);
    if (cancel_part(content, id, now)) {
        return;
    }
    std::erase(content.fill->ids, id);
    fills_.erase(running);
    if (!content.fill->ids.empty()) {
        return;
    }
    end_fill(content);
    for (auto& [chunk, need] : content.needs) {
        need.fill = content.in_part(ChunkIndex(chunk)) ? need.fill : LeafMask{0};
    }
    for (const Ask& ask : ledger_.asks_for(content.number)) {
        release_chunk(content, ask.chunk, now);
    }
    changed_.insert(content.number);
}

void SwarmCore::stored_here(const ContentId& id, TimePoint now) {
    std::erase_if(parked_fills_, [&](const WaitingFill& parked) {
        const bool of_it = parked.request.content == id;
        if (of_it) {
            waiting_fills_[1].push_back(parked);
        }
        return of_it;
    });
    WantedContent* const content = find(id);
    if (content == nullptr) {
        return;
    }
    std::vector<ChunkIndex> waited_for;
    for (const auto& [chunk, need] : content->needs) {
        waited_for.emplace_back(chunk);
    }
    for (const ChunkIndex chunk : waited_for) {
        chunk_changed(*content, chunk, now);
    }
    changed_.insert(content->number);
}

void SwarmCore::cancel_all(TimePoint now) {
    const Error error = caller_error(Code::cancelled, "the swarm is closing");
    for (auto* line : {&waiting_fills_[0], &waiting_fills_[1], &parked_fills_}) {
        for (const WaitingFill& waiting : *line) {
            FillProgress progress;
            progress.total_bytes = waiting.request.content.size;
            progress.error = error;
            actions_.push_back(FillMoved{waiting.id, progress});
        }
        line->clear();
    }
    for (auto& [number, content] : contents_) {
        fail(*content, error, now);
    }
}

}  // namespace swarmfs::swarm
