// SwarmCore: what to do now.

#include <algorithm>

#include "engine/core/assert.hpp"
#include "engine/swarm/swarm_core.hpp"

namespace swarmfs::swarm {

namespace {

using Seconds = std::chrono::duration<double>;

// Chosen by us.
constexpr std::size_t kLargeFillsMax = 8;
constexpr std::size_t kTinyFillsMax = 512;  // at 50 ms, 10,000 small files a second
constexpr std::size_t kOpenWidely = 32;     // more sources than this gain nothing
constexpr std::size_t kOpenFew = 4;
constexpr std::size_t kOpenAtPeerMax = 16'384;       // half of what a server puts up with
constexpr std::uint64_t kUrgentExtra = 1024 * 1024;  // an urgent ask may exceed a budget so far
constexpr double kRateFloor = 1024.0 * 1024;         // so that an idle peer is not thought slow
constexpr double kSilentCost = 1e6;                  // seconds
constexpr double kLikelyGain = 1e9;                  // seconds
constexpr std::size_t kBlockedMax = 64;              // chunks without room looked at in a row
constexpr Duration kScoresFor = std::chrono::milliseconds(250);

}  // namespace

std::vector<Action> SwarmCore::decide(TimePoint now) {
    refresh_scores(now);
    end_overdue(now);
    start_fills(now);
    place_needs(now);
    place_fills(now);
    while (!changed_.empty()) {
        const ContentNumber number = *changed_.begin();
        changed_.erase(changed_.begin());
        if (WantedContent* content = find(number)) {
            settle(*content, now);
        }
    }
    return std::exchange(actions_, {});
}

TimePoint SwarmCore::next_wake(TimePoint now) const {
    if ((!waiting_fills_[0].empty() && large_fills_.size() < kLargeFillsMax) ||
        (!waiting_fills_[1].empty() && tiny_fills_.size() < kTinyFillsMax)) {
        return now;
    }
    TimePoint next = ledger_.next_event(now);
    if (!deadlines_.empty()) {
        next = std::min(next, deadlines_.begin()->first);
    }
    if (!graces_.empty()) {
        next = std::min(next, graces_.begin()->first);
    }
    if (!idle_.empty()) {
        next = std::min(next, idle_.begin()->first + kIdleMax);
    }
    return next;
}

// Rule 1.
void SwarmCore::end_overdue(TimePoint now) {
    const RequestLedger::Overdue overdue = ledger_.overdue(now);
    for (const PeerNumber peer : overdue.silent) {
        owed_by_nobody(ledger_.release(peer), true, now);
    }
    owed_by_nobody(overdue.released, true, now);
    for (const Ask& ask : overdue.late) {
        duplicate(ask, now);
    }
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        const ReadId id = deadlines_.begin()->second;
        WantedContent& content = *contents_.at(reads_.at(id));
        const auto read = std::find_if(content.reads.begin(), content.reads.end(),
                                       [id](const auto& r) { return r.id == id; });
        SWARM_ASSERT(read != content.reads.end());
        end_read(content, static_cast<std::size_t>(read - content.reads.begin()),
                 network_error(Code::timed_out, "nobody sent the data in time"), now);
    }
    while (!graces_.empty() && graces_.begin()->first <= now) {
        changed_.insert(graces_.begin()->second);
        graces_.erase(graces_.begin());
    }
    while (!idle_.empty() && idle_.begin()->first + kIdleMax <= now) {
        changed_.insert(idle_.begin()->second);
        idle_.erase(idle_.begin());
    }
}

// ---- reads that nobody can be asked for (rule 8) ----

bool SwarmCore::hopeless(const WantedContent& content, const WantedContent::Read& read) const {
    const std::uint64_t last = chunk_of(read.last).value;
    for (auto starved = content.starved.lower_bound(chunk_of(read.first).value);
         starved != content.starved.end() && *starved <= last; ++starved) {
        // A chunk may starve for what lies ahead while the read's own leaves are on their way.
        const auto need = content.needs.find(*starved);
        const LeafMask asked = ledger_.asked(content.number, ChunkIndex(*starved));
        if (need != content.needs.end() && (need->second.urgent & ~asked) != 0) {
            return true;
        }
    }
    return false;
}

void SwarmCore::judge_reads(WantedContent& content, TimePoint now) {
    bool newly_hopeless = false;
    for (std::size_t i = content.reads.size(); i-- > 0;) {
        WantedContent::Read& read = content.reads[i];
        if (!hopeless(content, read)) {
            read.hopeless_since.reset();
            continue;
        }
        if (!read.hopeless_since) {
            read.hopeless_since = now;
            newly_hopeless = true;
        }
        const Duration grace = dialling_ > 0 ? options_.grace * 3 : options_.grace;
        const TimePoint until = *read.hopeless_since + grace;
        if (now < until) {
            graces_.emplace(until, content.number);
            continue;
        }
        end_read(content, i,
                 network_error(Code::unavailable, "no connected member holds this data"), now);
    }
    if (newly_hopeless) {
        actions_.push_back(SourcesWanted{content.id});
    }
}

// ---- needs ----

void SwarmCore::place_needs(TimePoint now) {
    std::set<ContentNumber> blocked;
    std::size_t blocked_in_a_row = 0;
    for (auto next = ready_.begin(); next != ready_.end();) {
        const Ready ready = *next;
        ++next;
        const bool urgent = ready.urgency == protocol::Urgency::urgent;
        if (!urgent && (blocked_in_a_row >= kBlockedMax || blocked.contains(ready.content))) {
            if (blocked_in_a_row >= kBlockedMax) {
                return;
            }
            continue;
        }
        WantedContent& content = *contents_.at(ready.content);
        const ChunkIndex chunk(ready.chunk);
        switch (place(content, chunk, ready.urgency, now)) {
            case Placed::yes: blocked_in_a_row = 0; break;
            case Placed::no_room:
                ++blocked_in_a_row;
                blocked.insert(ready.content);
                continue;
            case Placed::no_source:
                content.starved.insert(ready.chunk);
                changed_.insert(ready.content);
                break;
        }
        queue(content, chunk);
        // What is left of the chunk, in a lower class, sorts behind `ready` and may be next.
        next = ready_.upper_bound(ready);
    }
}

SwarmCore::Placed SwarmCore::place(WantedContent& content, ChunkIndex chunk,
                                   protocol::Urgency urgency, TimePoint now) {
    const auto leaves = static_cast<LeafMask>(content.needs.at(chunk.value).of(urgency) &
                                              ~ledger_.asked(content.number, chunk));
    bool exists = false;
    if (const auto peer = best_source(content, chunk, leaves, urgency, false, now, &exists)) {
        ask(content, *peer, chunk, leaves, urgency, now);
        return Placed::yes;
    }
    if (exists) {
        return Placed::no_room;
    }
    // Rule 4. Nobody is known to hold it; perhaps nobody was asked.
    const bool undecided =
        std::any_of(content.sources.begin(), content.sources.end(), [&](const auto& source) {
            return !source.second.answered && !ledger_.silent(source.first);
        });
    if (!undecided) {
        const bool first = content.sources.empty();
        const bool one_will_do =
            first && is_tiny(content.id) && (content.likely || urgency == protocol::Urgency::fill);
        const std::size_t few = first ? (one_will_do ? 1 : 2) : kOpenFew;
        open_more(content, is_tiny(content.id) ? few : kOpenWidely, now);
    }
    if (urgency == protocol::Urgency::ahead) {
        return Placed::no_source;  // asked as soon as somebody has said what it holds
    }
    const auto first = best_source(content, chunk, leaves, urgency, true, now, &exists);
    if (!first) {
        return exists ? Placed::no_room : Placed::no_source;
    }
    ask(content, *first, chunk, leaves, urgency, now);
    const bool likely = content.likely && peers_.at(*first).node == *content.likely;
    if (urgency == protocol::Urgency::urgent && !likely) {
        if (const auto second = best_source(content, chunk, leaves, urgency, true, now, &exists)) {
            ask(content, *second, chunk, leaves, urgency, now);
        }
    }
    return Placed::yes;
}

// Rule 3. `opening` looks among peers that have not said yet what they hold. `*exists` is set when
// one could be asked but has no room.
std::optional<PeerNumber> SwarmCore::best_source(const WantedContent& content, ChunkIndex chunk,
                                                 LeafMask leaves, protocol::Urgency urgency,
                                                 bool opening, TimePoint now, bool* exists) const {
    std::optional<PeerNumber> best;
    double best_cost = 0;
    for (const auto& [peer, source] : content.sources) {
        if (opening ? source.answered : !source.held.has(chunk)) {
            continue;
        }
        if ((ledger_.asked_of(peer, content.number, chunk) & leaves) != 0) {
            continue;
        }
        *exists = true;
        const bool room = ledger_.room(peer, now) > 0 ||
                          (urgency == protocol::Urgency::urgent && !ledger_.paused(peer, now) &&
                           ledger_.outstanding(peer) < ledger_.budget(peer) + kUrgentExtra);
        if (!room) {
            continue;
        }
        double cost = cost_of(peer, kChunkBytes, now);
        if (opening && content.likely && peers_.at(peer).node == *content.likely &&
            !ledger_.silent(peer)) {
            cost -= kLikelyGain;
        }
        if (!best || cost < best_cost) {
            best = peer;
            best_cost = cost;
        }
    }
    return best;
}

double SwarmCore::cost_of(PeerNumber peer, std::uint64_t bytes, TimePoint now) const {
    const PeerState& state = peers_.at(peer);
    const double rate = std::max(ledger_.rate(peer, now), kRateFloor);
    const double trip = state.facts.round_trip ? Seconds(*state.facts.round_trip).count() : 0.0;
    const auto owed = static_cast<double>(ledger_.outstanding(peer) + bytes);
    return trip + owed / rate / (0.5 + state.score) + (ledger_.silent(peer) ? kSilentCost : 0.0);
}

void SwarmCore::refresh_scores(TimePoint now) {
    if (now - scored_at_ < kScoresFor && scored_at_ != TimePoint{}) {
        return;
    }
    scored_at_ = now;
    double fastest = 0;
    for (const auto& [peer, state] : peers_) {
        fastest = std::max(fastest, ledger_.rate(peer, now));
    }
    for (auto& [peer, state] : peers_) {
        state.facts.receive_rate = ledger_.rate(peer, now);
        state.facts.answers = ledger_.answers(peer);
        state.facts.failures = ledger_.failures(peer);
        state.facts.since_last_word = now - state.last_word;
        state.score = score_of(state.facts, fastest);
    }
}

bool SwarmCore::open_more(WantedContent& content, std::size_t count, TimePoint now) {
    std::vector<std::pair<double, PeerNumber>> ranked;
    for (const auto& [peer, state] : peers_) {
        if (content.sources.contains(peer) || state.open.size() >= kOpenAtPeerMax) {
            continue;
        }
        const bool likely = content.likely && state.node == *content.likely;
        ranked.emplace_back(cost_of(peer, kChunkBytes, now) - (likely ? kLikelyGain : 0.0), peer);
    }
    std::sort(ranked.begin(), ranked.end());
    ranked.resize(std::min(ranked.size(), count));
    for (const auto& [cost, peer] : ranked) {
        content.sources.emplace(peer, WantedContent::Source{});
        peers_.at(peer).open.insert(content.number);
        actions_.push_back(OpenContent{peer, content.number, content.id, content.port});
    }
    return !ranked.empty();
}

void SwarmCore::ask(WantedContent& content, PeerNumber peer, ChunkIndex chunk, LeafMask leaves,
                    protocol::Urgency urgency, TimePoint now) {
    ledger_.ask(peer, content.number, content.id.size, chunk, leaves, urgency, now);
    for (const protocol::LeafRange& range : ranges_of(chunk, leaves)) {
        actions_.push_back(AskLeaves{peer, content.number, range, urgency});
    }
}

// Rule 6, for what somebody waits for.
void SwarmCore::duplicate(const Ask& late, TimePoint now) {
    WantedContent* content = find(late.content);
    if (content == nullptr || late.duplicated || late.urgency == protocol::Urgency::fill) {
        return;
    }
    bool exists = false;
    auto other = best_source(*content, late.chunk, late.leaves, late.urgency, false, now, &exists);
    if (!other && open_more(*content, kOpenFew, now)) {
        other = best_source(*content, late.chunk, late.leaves, late.urgency, true, now, &exists);
    }
    if (other && !ledger_.silent(*other)) {
        ask(*content, *other, late.chunk, late.leaves, late.urgency, now);
    }
}

// ---- fills ----

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
        content.fill.emplace();
        // What is stored already, a gigabyte of chunks at a time.
        std::array<std::uint8_t, 512> bitmap{};
        for (ChunkIndex from; from.value < chunks; from = from + bitmap.size() * 8) {
            content.port->whole_chunks(from, bitmap);
            for_each_in_bitmap(bitmap, from, chunks, [&](ChunkIndex chunk) {
                if (content.whole.insert(chunk)) {
                    content.whole_bytes += chunk_bytes(content.id.size, chunk);
                }
            });
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
    open_more(content, kOpenWidely - std::min(kOpenWidely, content.sources.size()), now);
}

// Rule 7. One chunk of each peer in turn, so that what is left at the end is spread over them.
void SwarmCore::place_fills(TimePoint now) {
    if (large_fills_.empty()) {
        return;
    }
    std::vector<PeerNumber> able;
    for (const auto& [peer, state] : peers_) {
        if (ledger_.room(peer, now) > 0 &&
            (!ledger_.silent(peer) || ledger_.outstanding(peer) == 0)) {
            able.push_back(peer);
        }
    }
    while (!able.empty()) {
        std::erase_if(able, [&](PeerNumber peer) {
            bool asked = false;
            auto turn = large_fills_.upper_bound(fill_turn_);
            for (std::size_t i = 0; i < large_fills_.size() && !asked; ++i, ++turn) {
                if (turn == large_fills_.end()) {
                    turn = large_fills_.begin();
                }
                asked = fill_from(peer, *contents_.at(*turn), now);
                fill_turn_ = *turn;
            }
            return !asked || ledger_.room(peer, now) == 0 || ledger_.silent(peer);
        });
    }
}

bool SwarmCore::fill_from(PeerNumber peer, WantedContent& content, TimePoint now) {
    const auto found = content.sources.find(peer);
    if (found == content.sources.end() || content.failed) {
        return false;
    }
    ChunkPicker& picker = *content.fill->picker;
    while (const auto chunk = picker.pick(found->second.held)) {
        const LeafMask stored = content.port->leaf_mask(*chunk);
        const LeafMask full = leaves_of(content.id, *chunk);
        const auto lacking =
            static_cast<LeafMask>(full & ~stored & ~ledger_.asked(content.number, *chunk));
        picker.take(*chunk);
        if (stored == full) {
            chunk_changed(content, *chunk, now);
        } else if (lacking != 0) {
            ask(content, peer, *chunk, lacking, protocol::Urgency::fill, now);
            queue(content, *chunk);
            return true;
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
    std::optional<Ask> oldest;
    for (const Ask& ask : ledger_.asks_for(content.number)) {
        const bool late = now - ask.asked_at >= ledger_.expected_answer(ask.peer);
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
    ask(content, peer, oldest->chunk, oldest->leaves, protocol::Urgency::fill, now);
    return true;
}

}  // namespace swarmfs::swarm
