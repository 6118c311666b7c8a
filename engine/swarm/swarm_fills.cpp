// SwarmCore: whole contents, fetched while nobody waits (rule 7).

#include <algorithm>
#include <array>

#include "engine/swarm/swarm_core.hpp"

namespace swarmfs::swarm {

namespace {

// Chosen by us: a peer that suggests more than is asked of it wastes its own breath.
constexpr std::size_t kSuggestedMax = 8;
constexpr Duration kQuickest = std::chrono::milliseconds(25);

// What the peer suggested longest ago goes first, while it is of use.
std::optional<ChunkIndex> pick_from(WantedContent::Source& source, ChunkPicker& picker) {
    auto& suggested = source.suggested;
    const auto first = std::find_if(suggested.begin(), suggested.end(),
                                    [&](ChunkIndex chunk) { return picker.unshared(chunk); });
    suggested.erase(suggested.begin(), first);
    const auto chunk = picker.pick(
        source.held, suggested.empty() ? std::nullopt : std::optional(suggested.front()));
    if (!suggested.empty() && chunk == suggested.front()) {
        suggested.erase(suggested.begin());
    }
    return chunk;
}

}  // namespace

void SwarmCore::start_fills(TimePoint now) {
    for (const bool tiny : {true, false}) {
        auto& line = waiting_fills_[tiny ? 1 : 0];
        const auto& running = tiny ? tiny_fills_ : large_fills_;
        const std::size_t most = tiny ? kTinyFillsMax : kLargeFillsMax;
        for (std::size_t i = 0; i < most && !line.empty() && running.size() < most; ++i) {
            const WaitingFill waiting = std::move(line.front());
            line.pop_front();
            const auto obtained = obtain(waiting.request.content, waiting.request.likely, now);
            if (!obtained.ok()) {
                FillProgress progress;
                progress.total_bytes = waiting.request.content.size;
                progress.error = obtained.error();
                actions_.push_back(FillMoved{waiting.id, progress});
                continue;
            }
            begin_fill(**obtained, waiting, now);
        }
    }
}

void SwarmCore::begin_fill(WantedContent& content, const WaitingFill& waiting, TimePoint now) {
    const std::uint64_t chunks = chunk_count(content.id.size);
    changed_.insert(content.number);
    if (!content.fill) {
        content.fill = WantedContent::Fill();
        // What is stored already, a gigabyte of chunks at a time.
        std::array<std::uint8_t, 512> bitmap{};
        ChunkIndex from;
        while (const auto next = content.port->next_stored(from)) {
            if (next->value >= chunks) {
                break;
            }
            content.port->whole_chunks(from = *next, bitmap);
            for_each_in_bitmap(bitmap, from, chunks,
                               [&](ChunkIndex chunk) { found_whole(content, chunk); });
            from = from + bitmap.size() * 8;
        }
    }
    content.fill->ids.push_back(waiting.id);
    fills_.emplace(waiting.id, content.number);
    content.fill->moved = !is_tiny(content.id);
    if (is_tiny(content.id)) {
        tiny_fills_.insert(content.number);
        const ChunkIndex only;
        const auto lacking =
            static_cast<LeafMask>(leaves_of(content.id, only) & ~content.port->leaf_mask(only));
        if (lacking != 0) {
            WantedContent::Need& need = content.needs[only.value];
            need.fill = lacking;
            need.fill_due = now;
            queue(content, only);
        }
        return;
    }
    large_fills_.insert(content.number);
    if (content.fill->picker) {
        if (waiting.request.order == FillOrder::sequential) {
            content.fill->picker->set_order(FillOrder::sequential);
        }
        return;
    }
    content.fill->picker = std::make_unique<ChunkPicker>(
        chunks, waiting.request.order, salt_ ^ std::hash<ContentId>{}(content.id));
    ChunkPicker& picker = *content.fill->picker;
    content.whole.for_each([&](ChunkIndex chunk) {
        picker.take(chunk);
        picker.note_stored();
    });
    for (const auto& [peer, source] : content.sources) {
        source.held.some.for_each([&](ChunkIndex chunk) { picker.gained(chunk); });
    }
    const std::size_t widely = open_widely(content.id);
    open_more(content, widely - std::min(widely, content.sources.size()), now);
}

// Rule 7. One chunk of each peer in turn, so that what is left at the end is spread over them.
void SwarmCore::place_fills(TimePoint now) {
    if (large_fills_.empty() || !ledger_.fills_have_room(now)) {
        return;
    }
    std::vector<PeerNumber> able;
    for (const auto& [peer, state] : peers_) {
        if (ledger_.fill_room(peer, now) > 0 &&
            (!ledger_.silent(peer) || ledger_.outstanding(peer) == 0)) {
            able.push_back(peer);
        }
    }
    const auto after = std::upper_bound(able.begin(), able.end(), fill_peer_turn_);
    std::rotate(able.begin(), after, able.end());
    while (!able.empty()) {
        std::erase_if(able, [&](PeerNumber peer) {
            if (!ledger_.fills_have_room(now)) {
                return true;
            }
            bool asked = false;
            auto turn = large_fills_.upper_bound(fill_turn_);
            for (std::size_t i = 0; i < large_fills_.size() && !asked && !unpaid_.contains(peer);
                 ++i, ++turn) {
                if (turn == large_fills_.end()) {
                    turn = large_fills_.begin();
                }
                asked = fill_from(peer, *contents_.at(*turn), now);
                fill_turn_ = *turn;
            }
            if (asked) {
                fill_peer_turn_ = peer;
            }
            return !asked || unpaid_.contains(peer) || ledger_.fill_room(peer, now) == 0 ||
                   ledger_.silent(peer);
        });
    }
}

void SwarmCore::suggested(PeerNumber peer, ContentNumber number, ChunkIndex chunk) {
    WantedContent* content = find(number);
    const auto found =
        content == nullptr ? decltype(content->sources.find(peer)){} : content->sources.find(peer);
    if (content == nullptr || found == content->sources.end()) {
        return;
    }
    auto& suggested = found->second.suggested;
    if (suggested.size() == kSuggestedMax) {
        suggested.erase(suggested.begin());
    }
    suggested.push_back(chunk);
}

bool SwarmCore::fill_from(PeerNumber peer, WantedContent& content, TimePoint now) {
    const auto found = content.sources.find(peer);
    if (found == content.sources.end() || content.failed) {
        return false;
    }
    ChunkPicker& picker = *content.fill->picker;
    while (const auto chunk = pick_from(found->second, picker)) {
        const LeafMask stored = content.port->leaf_mask(*chunk);
        const LeafMask full = leaves_of(content.id, *chunk);
        const auto lacking =
            static_cast<LeafMask>(full & ~stored & ~ledger_.asked(content.number, *chunk));
        picker.take(*chunk);
        if (stored == full) {
            chunk_changed(content, *chunk, now);
        } else if (lacking != 0) {
            const LeafMask asked =
                ask(content, peer, *chunk, lacking, protocol::Urgency::fill, now);
            if (asked != lacking) {
                picker.put_back(*chunk, asked == 0 && lacking == full ? ChunkPicker::Begun::no
                                                                      : ChunkPicker::Begun::yes);
            }
            queue(content, *chunk);
            return asked != 0;
        }
    }
    return help_to_end(peer, content, now);
}

// Rule 6, for the last chunks of a fill: an idle peer shares what a late one owes.
bool SwarmCore::help_to_end(PeerNumber peer, WantedContent& content, TimePoint now) {
    if (ledger_.outstanding(peer) != 0 || ledger_.silent(peer) ||
        content.fill->picker->wanted() != 0) {
        return false;
    }
    const Holdings& held = content.sources.at(peer).held;
    const Duration own = std::max(ledger_.expected_answer(peer), kQuickest);
    std::optional<Ask> oldest;
    for (const Ask& ask : ledger_.asks_for(content.number)) {
        const Duration patience = ledger_.measured(ask.peer)
                                      ? std::min(ledger_.expected_answer(ask.peer), 2 * own)
                                      : 2 * own;
        const bool late = now - ask.asked_at >= patience;
        if (ask.duplicated || ask.peer == peer || !late || !held.has(ask.chunk)) {
            continue;
        }
        if (!oldest || ask.asked_at < oldest->asked_at) {
            oldest = ask;
        }
    }
    if (!oldest) {
        return false;
    }
    return ask(content, peer, oldest->chunk, oldest->leaves, protocol::Urgency::fill, now) != 0;
}

void SwarmCore::report_fill(WantedContent& content, bool complete,
                            const std::optional<Error>& error) {
    content.fill->moved = false;
    const FillProgress progress{complete ? content.id.size : content.whole_bytes, content.id.size,
                                content.holders(), complete, error};
    for (const FillId id : content.fill->ids) {
        actions_.push_back(FillMoved{id, progress});
    }
}

void SwarmCore::end_fill(WantedContent& content) {
    for (const FillId id : content.fill->ids) {
        fills_.erase(id);
    }
    content.fill.reset();
    tiny_fills_.erase(content.number);
    starved_fills_.erase(content.number);
    large_fills_.erase(content.number);
}

}  // namespace swarmfs::swarm
