// SwarmCore and what is stored here, before it is asked for or while it is waited for.

#include <set>

#include <doctest/doctest.h>

#include "tests/sim/core_bench.hpp"

using namespace swarmfs;
using namespace swarmfs::sim;
using namespace swarmfs::swarm;

TEST_CASE("what is stored already is neither asked for nor waited for") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 10 * kMiB);
    REQUIRE(bench.disks.open(film, Purpose::fetch).ok());
    bench.disks.disks.at(film)->put(ChunkIndex(0), 0xFF);
    CHECK(bench.answered(bench.read(film, 0, 8 * kLeafBytes)));
    bench.read(film, 7 * kLeafBytes, 2 * kLeafBytes);
    REQUIRE_FALSE(bench.all<AskLeaves>().empty());
    CHECK(bench.all<AskLeaves>()[0].range.first == 8);
}

TEST_CASE("what is published here meanwhile is waited for no longer, with peers or without") {
    for (const bool alone : {true, false}) {
        CAPTURE(alone);
        Bench bench;
        if (!alone) {
            bench.join(1);
        }
        const ContentId note = named(1, 5000);
        const ContentId film = named(2, 10 * kMiB);
        bench.core.fill(100, {note, FillOrder::rarest_first, std::nullopt}, bench.now);
        bench.core.fill(101, {film, FillOrder::rarest_first, std::nullopt}, bench.now);
        const ReadId read = bench.read(film, kChunkBytes - 10, 20);
        CHECK_FALSE(bench.answered(read));
        REQUIRE(bench.disks.open(note, Purpose::fetch).ok());
        bench.disks.disks.at(note)->put(ChunkIndex(0), 1);
        bench.core.stored_here(note, bench.now);
        for (std::uint64_t chunk = 0; chunk < 40; ++chunk) {
            bench.disks.disks.at(film)->put(ChunkIndex(chunk), kAllLeaves);
        }
        bench.core.stored_here(film, bench.now);
        bench.decide();
        CHECK(bench.answered(read));
        std::set<FillId> complete;
        for (const FillMoved& moved : bench.all<FillMoved>()) {
            if (moved.progress.complete) {
                complete.insert(moved.fill);
            }
        }
        CHECK(complete == std::set<FillId>{100, 101});
    }
}
