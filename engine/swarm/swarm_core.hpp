#pragma once
// The mind of one swarm: what to open, ask, cancel and answer. Events in, actions out; no socket,
// no thread, and no clock but the `now` it is told.
//
// Rules, in the order in which they are applied by decide():
//   1. What is overdue ends: reads past their deadline; asks of silent peers, placed anew.
//   2. Reads are urgent, windows ahead, the rest fill; urgent and ahead go by the time they are
//      due.
//   3. A leaf is asked of the peer expected to deliver it first: what it owes, by its rate, weighed
//      by its score; of silent peers only when nobody else holds it, however busy the others are.
//      A silent peer gets a copy of one leaf every 10 s, to learn whether it answers again.
//   4. A content not yet opened anywhere is opened at many peers (a tiny one at the likeliest
//      only), and an urgent leaf is asked at once, in the same flight, of the likeliest holder, or
//      of the best two peers when none is likely.   Why: the first byte then takes one round trip.
//   5. A read asked as ahead or fill that is late, or stuck behind more than 512 KiB, is asked anew
//      as urgent; one that a silent peer owes is asked of another, whatever it was asked as.
//   6. A late ask is duplicated once: urgent and ahead as soon as another peer has room, fill only
//      in endgame (nothing unasked is left and the other peer, who owes nothing, is quicker).
//   7. Fills and peers take turns by chunk. 8 large and 1,024 tiny fills run at a time, and those
//      without any source beside them: 2,048 tiny ones listen for news, more wait for a new peer.
//   8. A read that nobody can be asked for fails as unavailable after the grace time (three times
//      that while dialling); otherwise it waits for its deadline.
//   9. A peer that lied is dropped and banned.
//  10. Only what limits and a pause let go is asked for: swarm_limits.cpp.
// Cost: O(log) a chunk; a content costs what is touched of it.

#include <array>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "engine/swarm/peer_state.hpp"
#include "engine/swarm/received_bytes.hpp"
#include "engine/swarm/swarm_actions.hpp"
#include "engine/swarm/wanted_content.hpp"

namespace swarmfs::swarm {

class SwarmCore {
public:
    // `ports` must outlive the core; its open() and the ports' masks are all that is asked of it.
    SwarmCore(ContentPorts& ports, SwarmOptions options, std::uint64_t salt);

    // ---- what peers do ----
    void peer_joined(PeerNumber peer, const NodeId& node, TimePoint now, const Standing& = {});
    void peer_left(PeerNumber peer, TimePoint now);
    void peer_lied(PeerNumber peer, const std::string& how, TimePoint now);
    void heard_from(PeerNumber peer, TimePoint now);
    void round_trip(PeerNumber peer, Duration time);
    void sent_to(PeerNumber peer, std::uint64_t bytes);
    void holding(PeerNumber peer, ContentNumber content, protocol::HoldingKind kind,
                 ChunkIndex first, ByteSpan bitmap, TimePoint now);
    void have(PeerNumber peer, ContentNumber content, std::span<const ChunkIndex> chunks,
              TimePoint now);
    // Leaves of the peer were proven and stored: `bytes` of them.
    void leaves_stored(PeerNumber peer, ContentNumber content, ChunkIndex chunk, LeafMask leaves,
                       std::uint64_t bytes, TimePoint now);
    void refused(PeerNumber peer, ContentNumber content, const protocol::LeafRange& range,
                 protocol::RefuseReason reason, TimePoint now);
    void ready(PeerNumber peer) { ledger_.ready(peer); }
    void suggested(PeerNumber peer, ContentNumber content, ChunkIndex chunk);
    // By the disk. Ignored when it is of an attempt that has failed already.
    void store_failed(ContentNumber content, std::uint32_t attempt, Error why, TimePoint now);

    // ---- what this node wants ----
    void read(ReadId id, const ReadRequest& request, TimePoint now);
    void cancel_read(ReadId id, TimePoint now);
    void note_read(const ContentId& content, std::uint64_t offset, std::uint64_t length,
                   TimePoint now);
    void end_reading(const ContentId& content, ReadAgain again, TimePoint now);
    void fill(FillId id, const FillRequest& request, TimePoint now);
    void cancel_fill(FillId id, TimePoint now);
    // It was published or shared here: nobody need wait for peers any more.
    void stored_here(const ContentId& content, TimePoint now);
    void dialling(int difference) { dialling_ += difference; }
    void set_paused(bool paused, TimePoint now);
    void cancel_all(TimePoint now);  // answers every read and fill with Code::cancelled

    // ---- what follows. Returns: what to do, in order. After any of the above, and at next_wake().
    std::vector<Action> decide(TimePoint now);
    TimePoint next_wake(TimePoint now) const;

    BanList& bans() { return bans_; }
    std::optional<ContentNumber> number_of(const ContentId& content) const;

    // ---- statistics ----
    PeerReport report(PeerNumber peer, TimePoint now) const;
    std::vector<ContentSource> sources(const ContentId& content) const;
    std::size_t contents() const { return contents_.size(); }

private:
    // contents (swarm_contents.cpp)
    WantedContent* find(ContentNumber number);
    WantedContent* find(const ContentId& id);
    Result<WantedContent*> obtain(const ContentId& id, const std::optional<NodeId>& likely,
                                  TimePoint now);
    void forget(WantedContent& content);
    void close_everywhere(WantedContent& content);
    void park(WantedContent& content);
    void seat_fill(WantedContent& content);
    void settle(WantedContent& content, TimePoint now);
    void fail(WantedContent& content, const Error& error, TimePoint now);
    void lose_source(WantedContent& content, PeerNumber peer);
    void note_held(PeerNumber peer, WantedContent::Source& source, ChunkIndex chunk,
                   ChunkPicker* picker);
    void holds_not(WantedContent& content, PeerNumber peer, ChunkIndex chunk);
    void idle_again(WantedContent& content, TimePoint now);
    void more_is_held(WantedContent& content, TimePoint now);

    // needs (swarm_needs.cpp). First: leaves were stored, asked or released, and all that follows.
    void chunk_changed(WantedContent& content, ChunkIndex chunk, TimePoint now);
    void chunk_is_whole(WantedContent& content, ChunkIndex chunk);
    void found_whole(WantedContent& content, ChunkIndex chunk);
    void queue(WantedContent& content, ChunkIndex chunk);
    void unqueue(ContentNumber content, std::uint64_t chunk);
    void queue_starved(WantedContent& content);
    void release_chunk(WantedContent& content, ChunkIndex chunk, TimePoint now);
    void owed_by_nobody(const std::vector<Ask>& asks, bool tell_peer, TimePoint now);
    void promote(WantedContent& content, ChunkIndex chunk, LeafMask leaves, TimePoint now);
    void want_ahead(WantedContent& content, const ReadWindow::Plan& plan, TimePoint now);
    void abandon(WantedContent& content, const ByteRange& range, TimePoint now);
    void end_read(WantedContent& content, std::size_t index, Result<> outcome, TimePoint now);
    void finish_reads(WantedContent& content, ChunkIndex chunk, LeafMask newly, TimePoint now);

    // schedule (swarm_schedule.cpp)
    void end_overdue(TimePoint now);
    void judge_reads(WantedContent& content, TimePoint now);
    bool hopeless(const WantedContent& content, const WantedContent::Read& read) const;
    void place_needs(TimePoint now);
    enum class Placed : std::uint8_t { yes, no_room, no_source };
    Placed place(WantedContent& content, ChunkIndex chunk, protocol::Urgency urgency,
                 TimePoint now);
    std::optional<PeerNumber> best_source(const WantedContent& content, ChunkIndex chunk,
                                          LeafMask leaves, protocol::Urgency urgency, bool opening,
                                          TimePoint now, bool* exists) const;
    // Whether a peer that could be asked is not silent.
    bool somebody_answers(const WantedContent& content, ChunkIndex chunk, bool opening) const;
    void try_silent(WantedContent& content, ChunkIndex chunk, LeafMask leaves,
                    protocol::Urgency urgency, TimePoint now);
    double cost_of(PeerNumber peer, std::uint64_t bytes, TimePoint now) const;
    void refresh_scores(TimePoint now);
    bool open_more(WantedContent& content, std::size_t count, TimePoint now);
    void duplicate(const Ask& late, TimePoint now);

    // limits (swarm_limits.cpp). Returns: the leaves that were asked, or paid: lowest first.
    LeafMask ask(WantedContent& content, PeerNumber peer, ChunkIndex chunk, LeafMask leaves,
                 protocol::Urgency urgency, TimePoint now);
    LeafMask pay_for(const WantedContent& content, PeerNumber peer, ChunkIndex chunk,
                     LeafMask leaves, protocol::Urgency urgency, TimePoint now);
    void cancel_asks(ContentNumber content);

    // fills (swarm_fills.cpp), and those of parts (swarm_parts.cpp)
    void start_fills(TimePoint now);
    void begin_fill(WantedContent& content, const WaitingFill& waiting, TimePoint now);
    void place_fills(TimePoint now);
    bool fill_from(PeerNumber peer, WantedContent& content, TimePoint now);
    bool help_to_end(PeerNumber peer, WantedContent& content, TimePoint now);
    void report_fill(WantedContent& content, bool complete, const std::optional<Error>& error);
    void end_fill(WantedContent& content);
    void begin_part(FillId id, const FillRequest& request, TimePoint now);
    bool cancel_part(WantedContent& content, FillId id, TimePoint now);
    void settle_parts(WantedContent& content, const std::optional<Error>& error);

    const SwarmOptions options_;
    ContentPorts& ports_;
    const std::uint64_t salt_;
    WindowBudget window_budget_;
    RequestLedger ledger_;
    BanList bans_;
    std::map<PeerNumber, PeerState> peers_;
    std::map<ContentNumber, std::unique_ptr<WantedContent>> contents_;
    std::unordered_map<ContentId, ContentNumber> numbers_;
    std::unordered_map<ReadId, ContentNumber> reads_;
    std::unordered_map<FillId, ContentNumber> fills_;       // running
    std::array<std::deque<WaitingFill>, 2> waiting_fills_;  // large, tiny
    std::set<Ready> ready_;
    std::unordered_map<ContentNumber, std::unordered_map<std::uint64_t, Ready>> ready_at_;
    std::set<ContentNumber> large_fills_;
    std::set<ContentNumber> tiny_fills_;
    std::set<ContentNumber> starved_fills_;  // tiny ones, open at peers that may get them
    std::deque<WaitingFill> parked_fills_;   // tiny ones, until another peer joins
    std::set<ContentNumber> changed_;        // contents to look at in decide()
    std::set<std::pair<TimePoint, ContentNumber>> idle_;
    std::set<std::pair<TimePoint, ReadId>> deadlines_;
    std::set<std::pair<TimePoint, ContentNumber>> graces_;  // when to judge its reads again
    TimePoint scored_at_{};
    ContentNumber fill_turn_{};
    PeerNumber fill_peer_turn_{};  // asked last
    std::vector<Action> actions_;
    std::set<PeerNumber> unpaid_;                // since decide() began
    TimePoint pay_again_at_ = TimePoint::max();  // when one of them may be asked, perhaps
    bool paused_ = false;
    std::uint32_t next_content_ = 1;
    int dialling_ = 0;
    ReceivedBytes received_;
    std::deque<std::pair<ContentNumber, ContentId>> gone_;  // of whose last leaves word may come
};

}  // namespace swarmfs::swarm
