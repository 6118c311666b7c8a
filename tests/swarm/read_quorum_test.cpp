#include "engine/swarm/read_quorum.hpp"

#include <doctest/doctest.h>

#include "engine/core/dice.hpp"
#include "tests/swarm/naive_read_quorum.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

TEST_SUITE_BEGIN("single-threaded");

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Answer = protocol::ConfirmAnswer;

constexpr Duration kGrace = seconds(2);

// One node's questions, the time, and who was asked what.
class Table {
public:
    ReadQuorum quorum{kGrace};
    TimePoint now{seconds(100)};
    std::vector<AskConfirm> asked;  // and not answered yet
    std::map<ConfirmId, Result<>> ended;
    std::size_t members_wanted = 0;

    void join(std::uint32_t peer) {
        quorum.joined(PeerNumber{peer}, now);
        look();
    }
    void leave(std::uint32_t peer) {
        quorum.left(PeerNumber{peer}, now);
        std::erase_if(asked,
                      [peer](const AskConfirm& ask) { return ask.peer == PeerNumber{peer}; });
        look();
    }
    void ask(ConfirmId id, std::size_t others, Duration deadline = seconds(30),
             bool published = true) {
        ConfirmRequest request;
        if (published) {
            request.version = {{}, id};
        }
        request.path = "file-" + std::to_string(id);
        request.others = others;
        request.deadline = now + deadline;
        quorum.ask(id, request, now);
        look();
    }
    // The peer answers the oldest question it has. Returns: whether it had one.
    bool answer(std::uint32_t peer, Answer answer) {
        const auto found = std::find_if(asked.begin(), asked.end(), [peer](const AskConfirm& ask) {
            return ask.peer == PeerNumber{peer};
        });
        if (found == asked.end()) {
            return false;
        }
        const std::uint64_t nonce = found->confirm.nonce;
        asked.erase(found);
        quorum.answered(PeerNumber{peer}, {nonce, answer}, now);
        look();
        return true;
    }
    void grow(std::uint32_t peer) {
        quorum.grown(PeerNumber{peer}, now);
        look();
    }
    void pass(Duration time) {
        for (const TimePoint end = now + time; now < end;) {
            now = std::clamp(quorum.next_wake(), now + milliseconds(1), end);
            look();
        }
    }
    std::size_t open(std::uint32_t peer) const {
        return static_cast<std::size_t>(
            std::count_if(asked.begin(), asked.end(),
                          [peer](const AskConfirm& ask) { return ask.peer == PeerNumber{peer}; }));
    }
    std::optional<Code> code(ConfirmId id) const {
        const auto found = ended.find(id);
        return found == ended.end() || found->second.ok()
                   ? std::nullopt
                   : std::optional(found->second.error().code);
    }
    bool confirmed(ConfirmId id) const { return ended.contains(id) && ended.at(id).ok(); }

    void look() {
        for (QuorumAction& action : quorum.decide(now)) {
            if (auto* ask = std::get_if<AskConfirm>(&action)) {
                asked.push_back(*ask);
            } else if (auto* end = std::get_if<ConfirmEnded>(&action)) {
                CHECK(ended.emplace(end->id, std::move(end->outcome)).second);  // once
            } else {
                ++members_wanted;
            }
        }
    }
};

}  // namespace

TEST_CASE("all connected members are asked at once, and as many yes as are asked for suffice") {
    Table at;
    at.join(1);
    at.join(2);
    at.join(3);
    at.ask(7, 2);
    REQUIRE(at.asked.size() == 3);
    CHECK(at.asked.front().confirm.path == "file-7");
    CHECK(at.asked.front().confirm.version.sequence == 7);
    at.answer(2, Answer::yes);
    CHECK(at.ended.empty());
    at.answer(1, Answer::no);
    CHECK(at.ended.empty());
    at.answer(3, Answer::yes);
    CHECK(at.confirmed(7));
    CHECK(at.quorum.questions() == 0);
}

TEST_CASE("each question is asked anew, though the same was confirmed a moment ago") {
    Table at;
    at.join(1);
    at.ask(1, 1);
    at.answer(1, Answer::yes);
    at.ask(2, 1);
    CHECK(at.open(1) == 1);
    CHECK_FALSE(at.confirmed(2));
}

TEST_CASE("no becomes yes: it is asked again when the member has grown, or after a while") {
    Table at;
    at.join(1);
    at.ask(1, 1);
    at.answer(1, Answer::no);
    CHECK(at.open(1) == 0);
    at.grow(1);  // at once is too soon: it might grow all the time
    CHECK(at.open(1) == 0);
    at.pass(ReadQuorum::kAskAgainMin);
    CHECK(at.open(1) == 1);
    at.grow(1);  // before it answers: what it answers may be from before
    at.answer(1, Answer::busy);
    CHECK(at.open(1) == 1 - 1);
    at.pass(ReadQuorum::kAskAgainMin);
    CHECK(at.open(1) == 1);
    at.answer(1, Answer::no);
    at.pass(ReadQuorum::kAskAgain - milliseconds(1));
    CHECK(at.open(1) == 0);
    at.pass(milliseconds(1));
    CHECK(at.open(1) == 1);
    at.answer(1, Answer::yes);
    CHECK(at.confirmed(1));
}

TEST_CASE("of a member the latest answer counts, and only while it is connected") {
    Table at;
    at.join(1);
    at.join(2);
    at.ask(1, 2);
    at.answer(1, Answer::yes);
    at.pass(seconds(1));
    CHECK(at.open(1) == 0);  // who said yes is not asked again for nothing
    at.grow(1);
    at.answer(1, Answer::no);
    at.answer(2, Answer::yes);
    CHECK(at.ended.empty());  // the first shows another one by now
    at.leave(2);
    at.join(3);
    at.pass(ReadQuorum::kAskAgain);
    at.answer(1, Answer::yes);
    CHECK(at.ended.empty());  // the second has gone
    at.answer(3, Answer::yes);
    CHECK(at.confirmed(1));
}

TEST_CASE("with too few members connected it fails after the grace, and looks for more meanwhile") {
    Table at;
    at.join(1);
    at.ask(1, 2);
    CHECK(at.members_wanted == 1);
    at.answer(1, Answer::yes);
    at.pass(kGrace - milliseconds(1));
    CHECK(at.ended.empty());
    at.pass(milliseconds(1));
    CHECK(at.code(1) == Code::unavailable);
    CHECK(at.ended.at(1).error().message ==
          "2 other members have to confirm its version (read_quorum = 3), and 1 of them is "
          "connected");

    at.quorum.dialling(1, at.now);
    at.ask(2, 2);
    at.pass(kGrace * 2);
    CHECK_FALSE(at.ended.contains(2));  // somebody may answer yet
    at.join(2);
    at.answer(1, Answer::yes);
    at.answer(2, Answer::yes);
    CHECK(at.confirmed(2));
}

TEST_CASE("at its deadline it fails, and says how many said what") {
    Table at;
    for (std::uint32_t peer = 1; peer <= 4; ++peer) {
        at.join(peer);
    }
    at.ask(1, 3, seconds(5));
    at.answer(1, Answer::yes);
    at.answer(2, Answer::no);
    at.pass(milliseconds(4999));
    CHECK(at.ended.empty());
    at.pass(milliseconds(1));
    CHECK(at.code(1) == Code::timed_out);
    CHECK(at.ended.at(1).error().message ==
          "3 other members have to confirm its version (read_quorum = 4), and until the deadline 1 "
          "did, 1 said that they show another one, and 2 did not answer");
}

TEST_CASE("nobody is asked about what is not published, and its deadline holds") {
    Table at;
    at.join(1);
    at.ask(1, 1, seconds(5), false);
    at.join(2);
    at.grow(1);
    at.pass(seconds(4));
    CHECK(at.asked.empty());
    at.pass(seconds(1));
    CHECK(at.code(1) == Code::timed_out);
}

TEST_CASE("what is cancelled ends as cancelled, and an answer that comes later is passed over") {
    Table at;
    at.join(1);
    at.ask(1, 1);
    at.quorum.cancel(1);
    at.quorum.cancel(1);
    at.look();
    CHECK(at.code(1) == Code::cancelled);
    at.answer(1, Answer::yes);
    CHECK(at.code(1) == Code::cancelled);
    at.ask(2, 1);
    at.ask(3, 1);
    at.quorum.cancel_all();
    at.look();
    CHECK(at.code(2) == Code::cancelled);
    CHECK(at.code(3) == Code::cancelled);
    CHECK(at.quorum.next_wake() == TimePoint::max());
}

TEST_CASE("an answer that nobody asked for counts for nothing") {
    Table at;
    at.join(1);
    at.join(2);
    at.ask(1, 2);
    const std::uint64_t nonce = at.asked.front().confirm.nonce;
    for (int i = 0; i < 3; ++i) {  // one member cannot be two, nor answer for another
        at.quorum.answered(PeerNumber{1}, {nonce, Answer::yes}, at.now);
        at.quorum.answered(PeerNumber{2}, {nonce, Answer::yes}, at.now);
        at.quorum.answered(PeerNumber{9}, {nonce + 1, Answer::yes}, at.now);
        at.look();
    }
    CHECK(at.ended.empty());
}

TEST_CASE("a member has a bounded number of questions to answer, and the others wait their turn") {
    Table at;
    at.join(1);
    constexpr std::size_t kMore = 10;
    for (ConfirmId id = 1; id <= ReadQuorum::kOpenAtPeerMax + kMore; ++id) {
        at.ask(id, 1);
    }
    CHECK(at.open(1) == ReadQuorum::kOpenAtPeerMax);
    at.quorum.cancel(ReadQuorum::kOpenAtPeerMax + 1);  // who would be next
    while (at.answer(1, Answer::yes)) {
        CHECK(at.open(1) <= ReadQuorum::kOpenAtPeerMax);
    }
    CHECK(at.ended.size() == ReadQuorum::kOpenAtPeerMax + kMore);
    CHECK(at.quorum.questions() == 0);
}

TEST_CASE("more questions than anybody has programs for fail at once") {
    Table at;
    for (ConfirmId id = 1; id <= ReadQuorum::kQuestionsMax + 1; ++id) {
        at.quorum.ask(id, {std::nullopt, "file", 1, at.now + seconds(1)}, at.now);
    }
    at.look();
    REQUIRE(at.ended.size() == 1);
    CHECK(at.code(ReadQuorum::kQuestionsMax + 1) == Code::busy);
}

TEST_CASE("whatever happens, it ends each question as its rules, followed word by word, do") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        CAPTURE(seed);
        SeededDice dice(seed);
        Table at;
        test::NaiveReadQuorum naive(kGrace);
        ConfirmId next = 1;
        std::uint32_t next_peer = 1;
        for (int step = 0; step < 200; ++step) {
            const std::uint64_t what = dice.below(10);
            const auto peer = static_cast<std::uint32_t>(1 + dice.below(next_peer));
            if (what == 0 && naive.connected.size() < 6) {
                naive.connected[PeerNumber{next_peer}] = true;
                naive.settle(at.now);
                at.join(next_peer++);
            } else if (what == 1) {
                naive.left(PeerNumber{peer});
                naive.settle(at.now);
                at.leave(peer);
            } else if (what <= 3) {
                const std::size_t others = 1 + dice.below(4);
                const Duration deadline = milliseconds(1 + dice.below(6000));
                const bool published = dice.below(10) > 0;
                at.ask(next, others, deadline, published);
                naive.ask(next, {std::nullopt, "", others, at.now + deadline});
                naive.settle(at.now);
                ++next;
            } else if (what == 4 && next > 1) {
                const ConfirmId id = 1 + dice.below(next - 1);
                naive.cancel(id);
                at.quorum.cancel(id);
                at.look();
            } else if (what == 5) {
                const int difference = naive.dialling > 0 && dice.below(2) == 0 ? -1 : 1;
                naive.dialling += difference;
                at.quorum.dialling(difference, at.now);
                naive.settle(at.now);
                at.look();
            } else if (what == 6) {
                at.grow(peer);
            } else if (what == 7) {
                // In steps: the twin looks at the time only when it is told to.
                for (std::uint64_t left = dice.below(1500); left > 0; --left) {
                    at.now += milliseconds(1);
                    at.look();
                    naive.settle(at.now);
                }
            } else if (!at.asked.empty()) {
                const std::size_t which = dice.below(at.asked.size());
                const AskConfirm ask = at.asked[which];
                const auto answer = static_cast<Answer>(dice.below(3));
                const ConfirmId id = std::stoull(ask.confirm.path.substr(5));
                naive.answered(ask.peer, id, answer);
                at.asked.erase(at.asked.begin() + static_cast<std::ptrdiff_t>(which));
                at.quorum.answered(ask.peer, {ask.confirm.nonce, answer}, at.now);
                at.look();
            }
            for (const auto& [id, question] : naive.questions) {
                CAPTURE(id);
                REQUIRE(at.ended.contains(id) == question.ended.has_value());
                if (question.ended) {
                    CHECK(at.confirmed(id) == (question.ended == Code::exists));
                    CHECK((at.confirmed(id) || at.code(id) == question.ended));
                }
            }
        }
    }
}

TEST_SUITE_END();
