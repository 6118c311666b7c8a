#pragma once
// The Swarm of a running node: SwarmCore's decisions carried out by Sessions. Holds no policy.
//
//   sessions --events--> engine thread: core, catalog, listener --commands--> sessions
//
// Rules:
//   1. The core decides once for all that came in since the last time, then what it wants goes to
//      each session as one batch.
//   2. Two sessions with one node: the one dialled by the smaller node id stays, and of two dialled
//      by the same end, the one with the lower handshake hash.   Why: both ends know this alike,
//      whichever hello they see first. One over which nothing was heard for 12 s gives way to any:
//      its other end may have been started anew. What was asked over the other is asked anew.
//   3. At most 1 MiB of catalog waits for a peer; the port that fills it hears when it has drained.
//   4. Whole chunks are announced together, 20 ms after the first of them.
//   5. Sessions that are not joined (no hello yet, or turned away) are bounded too: each of them
//      ends within its deadline, and what comes beyond the bound is closed at once.
//   6. Who breaks the protocol is not let in again for a while, longer each time.
//   7. What sessions came to is told as each ends, and every minute: a node that is killed forgets a
//      minute. A ban is told at once.
//   8. Who joins, who is refused for want of room (places.hpp), and who has to give way is told of
//      kMembersTold other members by chance; everybody of kMembersToldLater more every minute.
//      Why: with nobody's help but theirs, members find each other, and who found no room finds
//      others who have some. Of those who came later, whoever came first must hear, too.
// Room private: others see Swarm.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>

#include "engine/async/event.hpp"
#include "engine/async/task.hpp"
#include "engine/swarm/places.hpp"
#include "engine/swarm/read_quorum.hpp"
#include "engine/swarm/session.hpp"
#include "engine/swarm/surveys.hpp"
#include "engine/swarm/swarm_core.hpp"

namespace swarmfs::swarm {

class SwarmShell final : public Swarm, public std::enable_shared_from_this<SwarmShell> {
public:
    SwarmShell(Parts parts, SwarmOptions options);
    void start();

    void adopt(std::unique_ptr<transport::SecureLink> link, bool dialled_by_us,
               std::string address) override;
    void note_dialling(int difference) override;
    bool connected_to(const NodeId& node) const override;
    std::size_t connected() const override;
    bool banned(const NodeId& node) const override;
    void block(const NodeId& node) override;
    void unblock(const NodeId& node) override;
    void send_hints(const NodeId& to, std::vector<protocol::PeerHint> hints) override;

    ReadId read(ReadRequest request, ReadDone done) override;
    void cancel_read(ReadId read) override;
    void note_read(const ContentId& content, std::uint64_t offset, std::uint64_t length) override;
    void end_reading(const ContentId& content, ReadAgain again) override;
    FillId fill(FillRequest request, FillProgressed progressed) override;
    void cancel_fill(FillId fill) override;
    void survey(const ContentId& content, SurveyDone done) override;
    void send_take(const NodeId& to, const ContentId& content) override;
    void content_arrived(const ContentId& content) override;
    void set_paused(bool paused) override;

    bool send_catalog(const NodeId& peer, CatalogFrame frame) override;
    void broadcast_vector() override;
    ConfirmId confirm(ConfirmRequest request, ConfirmDone done) override;
    void cancel_confirm(ConfirmId confirm) override;

    std::vector<PeerStatistics> peers() override;
    std::vector<ContentSource> sources(const ContentId& content) override;
    void close(std::function<void()> closed) override;

private:
    // Bytes a second, forgotten over about two seconds.
    class RateMeter {
    public:
        void add(std::uint64_t bytes, TimePoint now);
        double rate(TimePoint now) const;

    private:
        double sum_ = 0;
        TimePoint at_{};
    };
    struct Peer {
        std::shared_ptr<Session> session;
        bool dialled_by_us = false;
        std::string address;
        transport::Address remote;
        Hash256 handshake_hash;
        bool greeted = false;  // hello was heard
        bool joined = false;   // and the node let in
        TimePoint heard_at{};
        std::uint64_t looked_at = 0;  // weight of events the session has not been told of
        NodeId node;
        std::vector<std::string> addresses;
        TimePoint since{};
        std::uint64_t leaf_bytes_sent = 0;
        RateMeter sent;
        std::uint64_t catalog_waiting = 0;
        bool catalog_refused = false;
    };

    async::Task<> run(std::shared_ptr<SwarmShell> self);
    async::Task<> say_goodbye();
    // Runs on the engine thread soon; the core decides afterwards.
    template <class Act>
    void soon(Act act);
    template <class Ask>
    auto on_engine(Ask ask) -> decltype(ask());

    void on_events(PeerNumber number, std::vector<SessionEvent>& events, std::uint64_t weight);
    void on_event(PeerNumber number, SessionEvent& event);
    void note_store_failure(ContentNumber content, const Error& why, TimePoint now);
    void admit(PeerNumber number, const HelloHeard& hello);
    std::vector<Seat> seats(TimePoint now) const;
    bool make_room(PeerNumber number, TimePoint now);
    void give_way(PeerNumber number);
    void tell_members(PeerNumber number, std::size_t count);
    bool outranks(const Peer& newcomer, const Peer& present, TimePoint now) const;
    void on_catalog(PeerNumber number, const CatalogFrame& frame);
    void on_catalog_sent(PeerNumber number, std::uint64_t bytes);
    void ended(PeerNumber number, const Error& why);
    void leave(PeerNumber number, const Error& why, bool replaced);
    void lied(PeerNumber number, const std::string& how);
    void remember(PeerNumber number, const Peer& peer) const;
    void look_around(TimePoint now);
    void turn_away(PeerNumber number, const std::string& reason);

    void carry_out(Action& action);
    void decide_quorum(TimePoint now);
    void answer_confirm(PeerNumber number, const protocol::Confirm& asked);
    void announce_whole(TimePoint now);
    void tell_holding(const ContentId& content);
    void carry_out_surveys(TimePoint now);
    void send_outbox();
    Peer* peer_of(const NodeId& node);

    const Parts parts_;
    const SwarmOptions options_;
    std::atomic<std::uint64_t> next_id_{1};
    std::atomic<std::uint32_t> next_peer_{1};

    // Engine thread only.
    SwarmCore core_;
    Surveys surveys_;
    std::map<PeerNumber, Peer> peers_;
    std::unordered_map<NodeId, PeerNumber> by_node_;  // joined
    ReadQuorum quorum_;
    Places places_;
    BanList violators_{kViolationFirst, kViolationMax};
    std::unordered_map<ReadId, ReadDone> reads_;
    std::unordered_map<FillId, FillProgressed> fills_;
    std::unordered_map<ConfirmId, ConfirmDone> confirms_;
    std::map<PeerNumber, std::vector<SessionCommand>> outbox_;
    std::unordered_map<ContentId, std::vector<ChunkIndex>> whole_;
    std::map<ContentNumber, TimePoint> store_failures_;  // logged, within the last minute
    TimePoint announce_at_ = TimePoint::max();
    TimePoint look_around_at_{};  // rule 7
    async::Signal work_;
    async::Signal gone_;  // a session ended
    bool closing_ = false;
    bool paused_ = false;
    std::function<void()> closed_;

    // Chosen by us: rules 8 and 6.
    static constexpr std::size_t kMembersTold = 16;
    static constexpr std::size_t kMembersToldLater = 4;
    static constexpr Duration kViolationFirst = std::chrono::seconds(10);
    static constexpr Duration kViolationMax = std::chrono::minutes(10);

    mutable std::mutex names_mutex_;  // guards what follows: asked from any thread
    std::set<NodeId> connected_;
    std::set<NodeId> blocked_;
    std::map<NodeId, TimePoint> banned_until_;
};

template <class Act>
void SwarmShell::soon(Act act) {
    boost::asio::post(parts_.engine, [self = shared_from_this(), act = std::move(act)]() mutable {
        act(*self);
        self->work_.notify();
    });
}

}  // namespace swarmfs::swarm
