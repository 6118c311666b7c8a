#pragma once
// Finds out whether as many members as `read_quorum` asks for show the version of a path that is
// shown here.
//
// Rules:
//   1. Every connected member is asked at once, and every one that joins while the question is open.
//      Each question is asked anew.   Why: it is about now; an answer to an earlier one says nothing
//      about what was written since.
//   2. Of a member its latest answer counts, as long as it is connected. With as many yes as the
//      question asks for it ends well.
//   3. No may become yes as the member's catalog grows, and yes no: it is asked again when it says
//      that it has grown, but kAskAgainMin after the last time at the soonest. Who did not say yes
//      is asked again kAskAgain later, too.
//   4. A peer has at most kOpenAtPeerMax questions of ours to answer; the rest waits its turn.
//   5. While fewer members are connected than have to confirm, more are looked for. After the grace
//      time (three times as long while somebody is being dialled) the question fails as unavailable.
//   6. At its deadline a question fails as timed out, and says how many said what.
// Pure: events in, actions out. Cost: O(log) an answer; O(questions) when a peer comes, goes or grows.

#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include "engine/swarm/confirming.hpp"
#include "engine/swarm/request_ledger.hpp"

namespace swarmfs::swarm {

struct AskConfirm {
    PeerNumber peer{};
    protocol::Confirm confirm;
};
struct ConfirmEnded {
    ConfirmId id = 0;
    Result<> outcome;
};
struct MembersWanted {};  // rule 5

using QuorumAction = std::variant<AskConfirm, ConfirmEnded, MembersWanted>;

class ReadQuorum {
public:
    // Chosen by us.
    static constexpr Duration kAskAgain = std::chrono::milliseconds(500);
    static constexpr Duration kAskAgainMin = std::chrono::milliseconds(50);
    static constexpr std::size_t kOpenAtPeerMax = 256;
    // Each is a program that waits in open(), or a file of a download. More fail as busy.
    static constexpr std::size_t kQuestionsMax = 16 * 1024;

    explicit ReadQuorum(Duration grace) : grace_(grace) {}

    void ask(ConfirmId id, ConfirmRequest request, TimePoint now);
    // It ends as cancelled, unless it has ended.
    void cancel(ConfirmId id);
    void cancel_all();

    void joined(PeerNumber peer, TimePoint now);
    void left(PeerNumber peer, TimePoint now);
    void grown(PeerNumber peer, TimePoint now);  // what it says it has applied
    void dialling(int difference, TimePoint now);
    // What answers no question of ours is passed over.
    void answered(PeerNumber peer, const protocol::Confirmed& answer, TimePoint now);

    // Returns: what is to be done, in order.
    std::vector<QuorumAction> decide(TimePoint now);
    // When decide() has something to do though nothing happens.
    TimePoint next_wake() const;
    std::size_t questions() const { return questions_.size(); }

private:
    struct Member {  // as one question knows it
        std::optional<protocol::ConfirmAnswer> answer;
        std::uint64_t open = 0;  // nonce of the question it has not answered; 0: none
        bool grown = false;      // since it was asked
        bool waits = false;      // for its turn: rule 4
        TimePoint asked_at{};
        TimePoint due = TimePoint::max();  // when it is asked
    };
    struct Question {
        ConfirmRequest request;
        std::map<PeerNumber, Member> members;
        std::size_t yes = 0;
        std::optional<TimePoint> short_since;
        TimePoint alarm = TimePoint::max();
    };
    struct Peer {
        std::unordered_map<std::uint64_t, ConfirmId> open;  // by nonce
        std::set<ConfirmId> waiting;                        // rule 4
    };
    using Questions = std::map<ConfirmId, Question>;

    void set_due(ConfirmId id, PeerNumber peer, Member& member, TimePoint at);
    void ask_peer(ConfirmId id, PeerNumber number, TimePoint now);
    void next_in_turn(PeerNumber number, Peer& peer, TimePoint now);
    void judge(Questions::iterator question, TimePoint now);
    void judge_all(TimePoint now);
    void end(Questions::iterator question, Result<> outcome);
    Error too_few_connected(const Question& question) const;
    Error too_few_confirm(const Question& question) const;

    const Duration grace_;
    Questions questions_;
    std::map<PeerNumber, Peer> peers_;  // connected
    std::set<std::tuple<TimePoint, ConfirmId, PeerNumber>> due_;
    std::set<std::pair<TimePoint, ConfirmId>> alarms_;
    std::uint64_t next_nonce_ = 1;
    int dialling_ = 0;
    std::vector<QuorumAction> actions_;
};

}  // namespace swarmfs::swarm
