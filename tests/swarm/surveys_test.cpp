// What members hold is asked without wanting it.
#include "engine/swarm/surveys.hpp"

#include <doctest/doctest.h>

namespace swarmfs::swarm {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart = TimePoint{} + 1h;

NodeId node_of(std::uint8_t number) {
    NodeId node;
    node.bytes.fill(number);
    return node;
}

ContentId content_of(std::uint64_t size, std::uint8_t number = 1) {
    ContentId content;
    content.root.bytes.fill(number);
    content.size = size;
    return content;
}

Surveys::Peers peers(std::uint8_t count) {
    Surveys::Peers all;
    for (std::uint8_t i = 1; i <= count; ++i) {
        all.emplace_back(PeerNumber{i}, node_of(i));
    }
    return all;
}

template <class Kind>
std::vector<Kind> of(const std::vector<Action>& actions) {
    std::vector<Kind> found;
    for (const Action& action : actions) {
        if (const auto* one = std::get_if<Kind>(&action)) {
            found.push_back(*one);
        }
    }
    return found;
}

struct Asking {
    Surveys surveys;
    std::vector<Survey> over;

    std::vector<Action> decide(const Surveys::Peers& connected, TimePoint now) {
        auto actions = surveys.decide(connected, now);
        for (const Surveys::Over& one : surveys.take_over()) {
            one.done(one.found);
        }
        return actions;
    }
    bool begin(const ContentId& content) {
        return surveys.begin(content, [this](const Survey& survey) { over.push_back(survey); });
    }
    // Returns: its number.
    ContentNumber begun(const ContentId& content, const Surveys::Peers& connected) {
        REQUIRE(begin(content));
        const auto opened = of<OpenContent>(decide(connected, kStart));
        REQUIRE(opened.size() == connected.size());
        for (const OpenContent& open : opened) {
            CHECK(open.id == content);
            CHECK(open.port == nullptr);
            CHECK(Surveys::is_one(open.content));
        }
        return opened.at(0).content;
    }
};

}  // namespace

TEST_CASE("a survey is over when everybody has answered, and is closed everywhere") {
    Asking asking;
    const ContentNumber number = asking.begun(content_of(10 * kChunkBytes), peers(3));
    CHECK(asking.surveys.next_wake() == kStart + Surveys::kDeadline);
    asking.surveys.holding(PeerNumber{1}, number, protocol::HoldingKind::all, {}, {}, kStart);
    asking.surveys.holding(PeerNumber{2}, number, protocol::HoldingKind::none, {}, {}, kStart);
    CHECK(asking.decide(peers(3), kStart).empty());
    const Bytes bitmap = {0b0100'0000};
    asking.surveys.holding(PeerNumber{3}, number, protocol::HoldingKind::some, ChunkIndex(8),
                           bitmap, kStart);
    const auto closed = of<CloseContent>(asking.decide(peers(3), kStart));
    CHECK(closed.size() == 3);
    REQUIRE(asking.over.size() == 1);
    const Survey& found = asking.over[0];
    REQUIRE(found.answers.size() == 3);
    CHECK(found.answers[0].held.all);
    CHECK(found.answers[1].held.none());
    CHECK(found.answers[2].held.some.count() == 1);
    CHECK(found.answers[2].held.has(ChunkIndex(9)));
    CHECK(found.silent.empty());
    CHECK(asking.surveys.next_wake() == TimePoint::max());
}

TEST_CASE("who does not answer in time is named, and who leaves is not waited for") {
    Asking asking;
    const ContentNumber number = asking.begun(content_of(5), peers(3));
    asking.surveys.holding(PeerNumber{1}, number, protocol::HoldingKind::all, {}, {}, kStart);
    asking.surveys.peer_left(PeerNumber{2});
    CHECK(asking.decide(peers(3), kStart + 4s).empty());
    CHECK(of<CloseContent>(asking.decide(peers(3), kStart + 5s)).size() == 2);
    REQUIRE(asking.over.size() == 1);
    CHECK(asking.over[0].answers.size() == 1);
    CHECK(asking.over[0].silent == std::vector<NodeId>{node_of(3)});
    // The last one who was waited for leaves.
    asking.begun(content_of(6), peers(1));
    asking.surveys.peer_left(PeerNumber{1});
    CHECK(asking.decide({}, kStart).empty());
    REQUIRE(asking.over.size() == 2);
    CHECK(asking.over[1].answers.empty());
}

TEST_CASE("the frames of one answer about a large content have a moment to come") {
    Asking asking;
    const std::uint64_t chunks = 3 * Surveys::kOneFrameChunks;
    const ContentNumber number = asking.begun(content_of(chunks * kChunkBytes), peers(1));
    const Bytes bitmap = {0xFF};
    asking.surveys.holding(PeerNumber{1}, number, protocol::HoldingKind::some, {}, bitmap, kStart);
    CHECK(asking.decide({}, kStart).empty());
    asking.surveys.holding(PeerNumber{1}, number, protocol::HoldingKind::some,
                           ChunkIndex(chunks - 8), bitmap, kStart);
    CHECK(of<CloseContent>(asking.decide({}, kStart + Surveys::kSettle)).size() == 1);
    CHECK(asking.over.at(0).answers.at(0).held.some.count() == 16);
}

TEST_CASE("chunks beyond the end, and what nobody asked for, do not count") {
    Asking asking;
    const ContentNumber number = asking.begun(content_of(3 * kChunkBytes), peers(1));
    const Bytes bitmap = {0xFF, 0xFF};
    asking.surveys.holding(PeerNumber{2}, number, protocol::HoldingKind::all, {}, {}, kStart);
    asking.surveys.holding(PeerNumber{1}, ContentNumber{7}, protocol::HoldingKind::all, {}, {},
                           kStart);
    CHECK(asking.decide({}, kStart).empty());
    asking.surveys.holding(PeerNumber{1}, number, protocol::HoldingKind::some, {}, bitmap, kStart);
    asking.decide({}, kStart);
    CHECK(asking.over.at(0).answers.at(0).held.some.count() == 3);
}

TEST_CASE("surveys are bounded, and all end with the swarm") {
    Asking asking;
    std::size_t begun = 0;
    while (asking.begin(content_of(1 + begun))) {
        ++begun;
        REQUIRE(begun <= Surveys::kWaitingMax);
    }
    CHECK(begun == Surveys::kWaitingMax);
    CHECK(of<OpenContent>(asking.decide(peers(2), kStart)).size() == 2 * Surveys::kAtOnceMax);
    CHECK(of<OpenContent>(asking.decide(peers(2), kStart)).empty());
    asking.surveys.end_all();
    asking.decide({}, kStart);
    CHECK(asking.over.size() == Surveys::kWaitingMax);
}

TEST_CASE("with nobody connected a survey finds nobody, at once") {
    Asking asking;
    REQUIRE(asking.begin(content_of(1)));
    CHECK(asking.surveys.next_wake() == TimePoint{});
    CHECK(asking.decide({}, kStart).empty());
    REQUIRE(asking.over.size() == 1);
    CHECK(asking.over[0].answers.empty());
}

}  // namespace swarmfs::swarm
