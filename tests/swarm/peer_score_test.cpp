#include <doctest/doctest.h>

#include "engine/swarm/peer_score.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const TimePoint kStart{hours(1)};

NodeId node(std::uint8_t n) {
    NodeId id;
    id.bytes.fill(n);
    return id;
}

}  // namespace

TEST_CASE("a peer that is best in everything scores close to one, a useless one close to none") {
    PeerFacts best;
    best.receive_rate = 1e8;
    best.bytes_received = 1 << 30;
    best.answers = 10'000;
    best.round_trip = milliseconds(0);
    CHECK(score_of(best, 1e8) > 0.99);

    PeerFacts worst;
    worst.receive_rate = 0;
    worst.bytes_received = 1;
    worst.bytes_sent = 1 << 30;
    worst.failures = 10'000;
    worst.round_trip = seconds(100);
    worst.since_last_word = hours(10);
    CHECK(score_of(worst, 1e8) < 0.01);
}

TEST_CASE("the parts of a score weigh 30, 20, 25, 15 and 10 per cent") {
    PeerFacts facts;
    facts.bytes_received = facts.bytes_sent = 1000;
    facts.answers = facts.failures = 1000;
    facts.receive_rate = 5e6;
    facts.round_trip = milliseconds(50);
    facts.since_last_word = seconds(60);
    const double middle = score_of(facts, 1e7);
    CHECK(middle == doctest::Approx(0.5));

    PeerFacts faster = facts;
    faster.receive_rate = 1e7;
    CHECK(score_of(faster, 1e7) - middle == doctest::Approx(0.15));
    PeerFacts giver = facts;
    giver.bytes_sent = 0;
    CHECK(score_of(giver, 1e7) - middle == doctest::Approx(0.10));
    PeerFacts reliable = facts;
    reliable.failures = 0;
    CHECK(score_of(reliable, 1e7) - middle == doctest::Approx(0.125).epsilon(0.01));
    PeerFacts near = facts;
    near.round_trip = milliseconds(0);
    CHECK(score_of(near, 1e7) - middle == doctest::Approx(0.075));
    PeerFacts present = facts;
    present.since_last_word = Duration{};
    CHECK(score_of(present, 1e7) - middle == doctest::Approx(0.05));
}

TEST_CASE("a newcomer scores in the middle") {
    CHECK(score_of(PeerFacts{}, 1e8) == doctest::Approx(0.55));
}

TEST_CASE("a lie bans for an hour, and each further one for twice as long, up to 30 days") {
    BanList bans;
    CHECK_FALSE(bans.banned(node(1), kStart));
    CHECK(bans.ban(node(1), kStart) == hours(1));
    CHECK(bans.banned(node(1), kStart + hours(1) - seconds(1)));
    CHECK_FALSE(bans.banned(node(1), kStart + hours(1)));
    CHECK(bans.ban(node(1), kStart + hours(2)) == hours(2));
    CHECK_FALSE(bans.banned(node(2), kStart));
    for (int i = 0; i < 20; ++i) {
        bans.ban(node(1), kStart);
    }
    CHECK(bans.ban(node(1), kStart) == hours(24 * 30));
}

TEST_CASE("the list of bans is bounded, and the ban that ends first makes room") {
    BanList bans;
    for (std::size_t i = 0; i <= BanList::kBansMax; ++i) {
        NodeId id;
        id.bytes[0] = static_cast<std::uint8_t>(i);
        id.bytes[1] = static_cast<std::uint8_t>(i >> 8);
        id.bytes[2] = 1;
        bans.ban(id, kStart + seconds(i));
    }
    NodeId first;
    first.bytes[2] = 1;
    CHECK_FALSE(bans.banned(first, kStart + seconds(1)));
    NodeId second = first;
    second.bytes[0] = 1;
    CHECK(bans.banned(second, kStart + seconds(2)));
}

TEST_CASE("what sessions came to adds up, and a bad last one soon outweighs a good year") {
    PeerFacts session;
    session.bytes_received = 1000;
    session.bytes_sent = 10;
    session.answers = 8;
    session.failures = 2;
    Standing standing = standing_after({}, session, 5e6);
    CHECK(standing == Standing{1000, 10, 8, 2, 5'000'000});
    standing = standing_after(standing, session, 1e6);
    CHECK(standing == Standing{2000, 20, 16, 4, 3'000'000});
    // A session without a byte says nothing about its speed.
    standing = standing_after(standing, PeerFacts{}, 0);
    CHECK(standing.receive_rate == 3'000'000);

    session.bytes_received = 1ULL << 40;
    session.answers = 4'000'000'000;
    session.failures = 4'000'000'000;
    for (int year = 0; year < 10; ++year) {
        standing = standing_after(standing, session, 1e9);
        CHECK(standing.answers + standing.failures <= Standing::kRequestsMax);
        CHECK(standing.bytes_received + standing.bytes_sent <= Standing::kBytesMax);
    }
    const PeerFacts good = facts_with({0, 0, Standing::kRequestsMax, 0, 0}, {});
    PeerFacts gone_bad;
    gone_bad.failures = Standing::kRequestsMax;
    CHECK(score_of(facts_with({0, 0, Standing::kRequestsMax, 0, 0}, gone_bad), 0) <
          score_of(good, 0) - 0.1);
}

TEST_CASE("who served well before scores above a newcomer, and who served badly below") {
    const double newcomer = score_of(facts_with({}, {}), 1e7);
    const Standing good{1 << 30, 1 << 20, 1000, 0, 10'000'000};
    const Standing slow{1 << 30, 1 << 20, 1000, 0, 100'000};
    const Standing failing{1 << 20, 1 << 20, 10, 1000, 10'000'000};
    CHECK(score_of(facts_with(good, {}), 1e7) > newcomer + 0.3);
    CHECK(score_of(facts_with(slow, {}), 1e7) < score_of(facts_with(good, {}), 1e7) - 0.25);
    CHECK(score_of(facts_with(failing, {}), 1e7) < score_of(facts_with(good, {}), 1e7) - 0.25);
    // What it does now counts for its speed as soon as it has sent something.
    PeerFacts now_slow;
    now_slow.bytes_received = 1;
    now_slow.receive_rate = 1e5;
    CHECK(facts_with(good, now_slow).receive_rate == 1e5);
}

TEST_CASE("a ban is restored with its length, which the next one doubles, until it is lifted") {
    BanList bans;
    bans.restore({node(1), kStart + seconds(10), hours(4)});
    CHECK(bans.banned(node(1), kStart));
    CHECK_FALSE(bans.banned(node(1), kStart + seconds(10)));
    CHECK(bans.ban(node(1), kStart + hours(1)) == hours(8));
    CHECK(bans.of(node(1)).until == kStart + hours(9));
    bans.lift(node(1));
    CHECK_FALSE(bans.banned(node(1), kStart));
    CHECK(bans.of(node(1)).length == Duration{});
    CHECK(bans.ban(node(1), kStart) == hours(1));
    bans.restore({node(2), kStart + hours(1), hours(24 * 365)});
    CHECK(bans.of(node(2)).length == BanList::kBanMax);
    bans.restore({node(3), kStart + hours(1), Duration{}});
    CHECK_FALSE(bans.banned(node(3), kStart));
}
