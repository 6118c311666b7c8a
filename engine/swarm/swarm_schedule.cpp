// SwarmCore: what to do now.

#include <algorithm>

#include "engine/core/assert.hpp"
#include "engine/swarm/swarm_core.hpp"

namespace swarmfs::swarm {

namespace {

using Seconds = std::chrono::duration<double>;

// Chosen by us.
constexpr std::size_t kOpenFew = 4;
constexpr std::size_t kOpenAtPeerMax = 16'384;       // half of what a server puts up with
constexpr std::uint64_t kUrgentExtra = 1024 * 1024;  // an urgent ask may exceed a budget so far
constexpr double kRateFloor = 1024.0 * 1024;         // so that an idle peer is not thought slow
constexpr double kSilentCost = 1e6;                  // seconds
constexpr double kLikelyGain = 1e9;                  // seconds
constexpr std::size_t kBlockedMax = 64;              // chunks without room looked at in a row
constexpr Duration kScoresFor = std::chrono::milliseconds(250);
constexpr Duration kTrySilentEvery = std::chrono::seconds(10);

}  // namespace

std::vector<Action> SwarmCore::decide(TimePoint now) {
    unpaid_.clear();
    pay_again_at_ = TimePoint::max();
    refresh_scores(now);
    end_overdue(now);
    if (!paused_) {
        start_fills(now);
        place_needs(now);
        place_fills(now);
    }
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
    if (!paused_ && ((!waiting_fills_[0].empty() && large_fills_.size() < kLargeFillsMax) ||
                     (!waiting_fills_[1].empty() && tiny_fills_.size() < kTinyFillsMax))) {
        return now;
    }
    TimePoint next = std::min(ledger_.next_event(now), pay_again_at_);
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
        // A chunk may starve for what lies ahead, or for another read, while this read's own
        // leaves are on their way.
        const auto need = content.needs.find(*starved);
        const ChunkIndex chunk(*starved);
        const auto own = static_cast<LeafMask>(WantedContent::leaves_read(read, chunk) &
                                               ~ledger_.asked(content.number, chunk));
        if (need != content.needs.end() && (need->second.urgent & own) != 0) {
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
        actions_.push_back(SourcesWanted{content.id, content.likely});
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
    if (leaves == 0) {
        return Placed::yes;  // asked since it was queued
    }
    bool exists = false;
    while (const auto peer = best_source(content, chunk, leaves, urgency, false, now, &exists)) {
        if (ask(content, *peer, chunk, leaves, urgency, now) != 0) {
            try_silent(content, chunk, leaves, urgency, now);
            return Placed::yes;
        }
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
        open_more(content, is_tiny(content.id) ? few : open_widely(content.id), now);
    }
    const bool of_a_part = urgency == protocol::Urgency::fill && !is_tiny(content.id);
    if (urgency == protocol::Urgency::ahead || of_a_part) {
        return Placed::no_source;  // asked as soon as somebody has said what it holds
    }
    const auto first = best_source(content, chunk, leaves, urgency, true, now, &exists);
    if (!first) {
        return exists ? Placed::no_room : Placed::no_source;
    }
    if (ask(content, *first, chunk, leaves, urgency, now) == 0) {
        return Placed::no_room;
    }
    const bool likely = content.likely && peers_.at(*first).node == *content.likely;
    if (urgency == protocol::Urgency::urgent && !likely) {
        if (const auto second = best_source(content, chunk, leaves, urgency, true, now, &exists)) {
            ask(content, *second, chunk, leaves, urgency, now);
        }
    }
    return Placed::yes;
}

// Rule 3. `opening` looks among peers that have not said yet what they hold. `*exists` is set when
// one could be asked but has no room. A silent peer owes nothing, so it has room when all others
// have none: it would gather every ask if it counted beside them.
std::optional<PeerNumber> SwarmCore::best_source(const WantedContent& content, ChunkIndex chunk,
                                                 LeafMask leaves, protocol::Urgency urgency,
                                                 bool opening, TimePoint now, bool* exists) const {
    std::optional<PeerNumber> best;
    double best_cost = 0;
    const bool silence_counts = somebody_answers(content, chunk, opening);
    for (const auto& [peer, source] : content.sources) {
        if (opening ? source.answered : !source.held.has(chunk)) {
            continue;
        }
        if (silence_counts && ledger_.silent(peer)) {
            continue;
        }
        if ((ledger_.asked_of(peer, content.number, chunk) & leaves) != 0) {
            continue;
        }
        *exists = true;
        if (unpaid_.contains(peer)) {
            continue;
        }
        const bool room = (urgency == protocol::Urgency::fill ? ledger_.fill_room(peer, now)
                                                              : ledger_.room(peer, now)) > 0 ||
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

bool SwarmCore::somebody_answers(const WantedContent& content, ChunkIndex chunk,
                                 bool opening) const {
    return std::any_of(content.sources.begin(), content.sources.end(), [&](const auto& entry) {
        const WantedContent::Source& source = entry.second;
        return (opening ? !source.answered : source.held.has(chunk)) &&
               !ledger_.silent(entry.first);
    });
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
    for (auto& [peer, state] : peers_) {
        state.facts.receive_rate = ledger_.rate(peer, now);
        state.facts.answers = ledger_.answers(peer);
        state.facts.failures = ledger_.failures(peer);
        state.facts.since_last_word = now - state.last_word;
        fastest = std::max(fastest, facts_with(state.before, state.facts).receive_rate);
    }
    for (auto& [peer, state] : peers_) {
        state.score = score_of(facts_with(state.before, state.facts), fastest);
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

// A copy of one leaf, now and then, so that a silent peer that has recovered is heard of.
void SwarmCore::try_silent(WantedContent& content, ChunkIndex chunk, LeafMask leaves,
                           protocol::Urgency urgency, TimePoint now) {
    if (urgency != protocol::Urgency::ahead) {
        return;
    }
    const auto one = static_cast<LeafMask>(leaves & (~leaves + 1U));
    for (const auto& [peer, source] : content.sources) {
        PeerState& state = peers_.at(peer);
        if (!ledger_.silent(peer) || ledger_.outstanding(peer) != 0 || !source.held.has(chunk) ||
            now - state.tried_at < kTrySilentEvery) {
            continue;
        }
        if (ask(content, peer, chunk, one, urgency, now) != 0) {
            state.tried_at = now;
        }
        return;
    }
}

// Rule 6, for what somebody waits for.
void SwarmCore::duplicate(const Ask& late, TimePoint now) {
    WantedContent* content = find(late.content);
    if (content == nullptr || late.duplicated || late.urgency == protocol::Urgency::fill) {
        return;
    }
    if ((ledger_.asked_of(late.peer, late.content, late.chunk) & late.leaves) == 0) {
        return;  // released just now, and placed anew
    }
    bool exists = false;
    auto other = best_source(*content, late.chunk, late.leaves, late.urgency, false, now, &exists);
    if (!other && content->sources.size() < open_widely(content->id) &&
        open_more(*content, kOpenFew, now)) {
        other = best_source(*content, late.chunk, late.leaves, late.urgency, true, now, &exists);
    }
    if (other && !ledger_.silent(*other)) {
        ask(*content, *other, late.chunk, late.leaves, late.urgency, now);
    }
}

}  // namespace swarmfs::swarm
