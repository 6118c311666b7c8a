// SwarmCore and what is stored here, before it is asked for, while it is waited for, or not at all.

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

TEST_CASE("a disk that refuses ends the reads and the fill of that content, and no other") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 10 * kMiB);
    const ContentId other = named(2, 10 * kMiB);
    const ReadId one = bench.read(film, 0, 1000);
    const ReadId two = bench.read(other, 0, 1000);
    bench.core.fill(100, {film, FillOrder::sequential, std::nullopt}, bench.now);
    bench.decide();
    bench.core.store_failed(*bench.core.number_of(film), 0, disk_error(Code::no_space, "full"),
                            bench.now);
    bench.decide();
    CHECK(bench.answered(one, Code::no_space));
    CHECK_FALSE(bench.answered(two, Code::no_space));
    const auto moved = bench.all<FillMoved>();
    REQUIRE(moved.size() == 1);
    REQUIRE(moved[0].progress.error);
    CHECK(moved[0].progress.error->code == Code::no_space);
}

TEST_CASE("leaves that a full disk refuses late do not fail those who came since") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 10 * kMiB);
    const Error full = disk_error(Code::no_space, "full");
    const ReadId early = bench.read(film, 0, 1000);
    const ContentNumber number = *bench.core.number_of(film);
    REQUIRE_FALSE(bench.all<AskLeaves>().empty());
    const std::uint32_t first = bench.all<AskLeaves>().back().attempt;
    bench.core.store_failed(number, first, full, bench.now);
    bench.decide();
    CHECK(bench.answered(early, Code::no_space));

    const ReadId since = bench.read(film, 0, 1000);
    REQUIRE_FALSE(bench.all<AskLeaves>().empty());
    const std::uint32_t second = bench.all<AskLeaves>().back().attempt;
    bench.core.store_failed(number, first, full, bench.now);
    bench.decide();
    CHECK_FALSE(bench.answered(since, Code::no_space));
    bench.core.store_failed(number, second, full, bench.now);
    bench.decide();
    CHECK(bench.answered(since, Code::no_space));
}

TEST_CASE("a leaf told of after its content was whole still counts for who sent it") {
    Bench bench;
    bench.join(1);
    bench.join(2);
    const ContentId note = named(1, 2 * kLeafBytes);
    const ReadId read = bench.read(note, 0, 2 * kLeafBytes);
    const ContentNumber number = *bench.core.number_of(note);
    bench.disks.disks.at(note)->put(ChunkIndex(0), 0b11);
    bench.core.leaves_stored(PeerNumber{1}, number, ChunkIndex(0), 0b01, kLeafBytes, bench.now);
    bench.decide();
    CHECK(bench.answered(read));
    CHECK_FALSE(bench.core.number_of(note));
    bench.core.leaves_stored(PeerNumber{2}, number, ChunkIndex(0), 0b10, kLeafBytes, bench.now);
    const auto sources = bench.core.sources(note);
    REQUIRE(sources.size() == 2);
    CHECK(sources[0].bytes_received == kLeafBytes);
    CHECK(sources[1].bytes_received == kLeafBytes);
}

TEST_CASE("what is complete on the disk is announced, though word of its last leaves comes later") {
    Bench bench;
    bench.join(1);
    bench.join(2);
    const ContentId film = named(1, 2 * kChunkBytes);
    bench.core.fill(100, {film, FillOrder::sequential, std::nullopt}, bench.now);
    bench.decide();
    bench.holds_all(1, film);
    // Leaves of two sources: those of the second are stored when the first is heard of.
    bench.disks.disks.at(film)->put(ChunkIndex(1), kAllLeaves);
    bench.deliver(1, film, 0, kAllLeaves);
    CHECK(bench.all<FillMoved>().back().progress.complete);
    CHECK(bench.core.contents() == 0);
    REQUIRE(bench.all<ContentWhole>().size() == 1);
    CHECK(bench.all<ContentWhole>()[0].id == film);
    CHECK(bench.all<ChunksWhole>().empty());
}

TEST_CASE(
    "what a fill, or that of a part, finds stored is announced if its leaves are still owed") {
    for (const bool part : {false, true}) {
        CAPTURE(part);
        Bench bench;
        bench.join(1);
        const ContentId film = named(1, 10 * kMiB);
        bench.read(film, 0, kChunkBytes);
        bench.holds_all(1, film);
        bench.disks.disks.at(film)->put(ChunkIndex(0), kAllLeaves);
        bench.disks.disks.at(film)->put(ChunkIndex(1), kAllLeaves);
        std::optional<ChunkRange> range;
        if (part) {
            range = ChunkRange{ChunkIndex(0), 5};
        }
        bench.core.fill(100, {film, FillOrder::sequential, std::nullopt, range}, bench.now);
        bench.decide();
        REQUIRE(bench.all<ChunksWhole>().size() == 1);
        CHECK(bench.all<ChunksWhole>()[0].chunks == std::vector{ChunkIndex(0)});
        bench.deliver(1, film, 0, kAllLeaves);
        CHECK(bench.all<ChunksWhole>().empty());
    }
}

TEST_CASE("a read of what is complete already announces nothing as new") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 10 * kMiB);
    REQUIRE(bench.disks.open(film, Purpose::fetch).ok());
    for (std::uint64_t chunk = 0; chunk < 40; ++chunk) {
        bench.disks.disks.at(film)->put(ChunkIndex(chunk), kAllLeaves);
    }
    CHECK(bench.answered(bench.read(film, 0, 10)));
    CHECK(bench.all<ContentWhole>().empty());
}
