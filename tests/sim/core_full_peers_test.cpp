// SwarmCore, and peers that are full or suggest what to ask for.

#include <doctest/doctest.h>

#include "tests/sim/core_bench.hpp"

using namespace swarmfs;
using namespace swarmfs::sim;
using namespace swarmfs::swarm;
using protocol::RefuseReason;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE(
    "a full peer is asked for no fill until it is ready, and what it refused goes elsewhere") {
    Bench bench;
    bench.join(1);
    bench.join(2);
    const ContentId film = named(1, 10 * kMiB);
    bench.core.fill(100, {film, FillOrder::rarest_first, std::nullopt}, bench.now);
    bench.decide();
    bench.holds_all(1, film);
    const auto asked = bench.all<AskLeaves>();
    REQUIRE(asked.size() == 2);
    for (const AskLeaves& ask : asked) {
        bench.core.refused(PeerNumber{1}, *bench.core.number_of(film), ask.range,
                           RefuseReason::full, bench.now);
    }
    bench.decide();
    CHECK(bench.asked(1) == 0);
    bench.holds_all(2, film);
    CHECK(bench.asked(2) == 2 * kLeavesPerChunk);
    bench.core.ready(PeerNumber{1});
    bench.decide();
    CHECK(bench.asked(1) == 2 * kLeavesPerChunk);
    CHECK(bench.core.report(PeerNumber{1}, bench.now).outstanding > 0);
    // Somebody who waits is not turned away: it is asked for that all the same.
    for (const AskLeaves& ask : bench.all<AskLeaves>()) {
        bench.core.refused(PeerNumber{1}, *bench.core.number_of(film), ask.range,
                           RefuseReason::full, bench.now);
    }
    bench.core.peer_left(PeerNumber{2}, bench.now);
    bench.decide();
    CHECK(bench.asked(1) == 0);
    bench.read(film, 0, 1000);
    CHECK(bench.asked(1) == 1);
}

TEST_CASE("a peer that is full for ever holds up nobody, and is asked every two seconds") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 10 * kMiB);
    bench.core.fill(100, {film, FillOrder::rarest_first, std::nullopt}, bench.now);
    bench.decide();
    bench.holds_all(1, film);
    const TimePoint start = bench.now;
    std::size_t asked = 0;
    while (bench.now < start + seconds(20)) {
        const auto asks = bench.all<AskLeaves>();
        asked += asks.size();
        for (const AskLeaves& ask : asks) {
            bench.core.refused(PeerNumber{1}, *bench.core.number_of(film), ask.range,
                               RefuseReason::full, bench.now);
        }
        bench.decide();
        bench.now = std::max(bench.now + milliseconds(1), bench.core.next_wake(bench.now));
        bench.decide();
    }
    CHECK(asked >= 10);
    CHECK(asked <= 22);
}

TEST_CASE("a fill follows what a peer suggests, once each, and nobody into the dark") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 100 * kMiB);
    bench.core.fill(100, {film, FillOrder::rarest_first, std::nullopt}, bench.now);
    bench.decide();
    const auto number = *bench.core.number_of(film);
    bench.core.suggested(PeerNumber{1}, number, ChunkIndex(77));
    bench.core.suggested(PeerNumber{1}, number, ChunkIndex(77));
    bench.core.suggested(PeerNumber{1}, number, ChunkIndex(300));
    bench.core.suggested(PeerNumber{2}, number, ChunkIndex(5));             // not there
    bench.core.suggested(PeerNumber{1}, ContentNumber{99}, ChunkIndex(5));  // not wanted
    bench.decide();
    CHECK(bench.asked(1) == 0);
    bench.holds_all(1, film);
    const auto asks = bench.all<AskLeaves>();
    REQUIRE(asks.size() == 2);
    CHECK(asks[0].range.chunk == ChunkIndex(77));
    CHECK(asks[1].range.chunk == ChunkIndex(300));
}
