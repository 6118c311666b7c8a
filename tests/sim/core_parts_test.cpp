// SwarmCore and a fill of some chunks of a content: these are fetched, and no others.

#include <set>

#include <doctest/doctest.h>

#include "tests/sim/core_bench.hpp"

using namespace swarmfs;
using namespace swarmfs::sim;
using namespace swarmfs::swarm;

namespace {

const ContentId kFilm = named(1, 100 * kChunkBytes + 5);

FillRequest part(std::uint64_t first, std::uint64_t count) {
    FillRequest request;
    request.content = kFilm;
    request.chunks = ChunkRange{ChunkIndex(first), count};
    return request;
}

// Delivers what is asked until nothing more is. Returns: the chunks.
std::set<std::uint64_t> deliver_all(Bench& bench, std::uint8_t peer,
                                    std::vector<FillMoved>* moved = nullptr) {
    std::set<std::uint64_t> chunks;
    for (auto asks = bench.all<AskLeaves>(); !asks.empty();) {
        std::vector<AskLeaves> next;
        for (const AskLeaves& ask : asks) {
            chunks.insert(ask.range.chunk.value);
            bench.now += std::chrono::milliseconds(1);
            bench.deliver(peer, kFilm, ask.range.chunk.value, mask_of(ask.range));
            const auto more = bench.all<AskLeaves>();
            next.insert(next.end(), more.begin(), more.end());
            if (moved != nullptr) {
                const auto said = bench.all<FillMoved>();
                moved->insert(moved->end(), said.begin(), said.end());
            }
        }
        asks = std::move(next);
    }
    return chunks;
}

std::set<std::uint64_t> numbers(std::uint64_t first, std::uint64_t end) {
    std::set<std::uint64_t> all;
    for (; first < end; ++first) {
        all.insert(first);
    }
    return all;
}

}  // namespace

TEST_CASE("a fill of a part fetches its chunks and no others, and is complete with them") {
    Bench bench;
    bench.join(1);
    bench.core.fill(7, part(90, 20), bench.now);  // beyond the end there is nothing
    bench.decide();
    bench.holds_all(1, kFilm);
    std::vector<FillMoved> moved;
    CHECK(deliver_all(bench, 1, &moved) == numbers(90, 101));
    REQUIRE(!moved.empty());
    CHECK(moved.back().fill == 7);
    CHECK(moved.back().progress.complete);
    CHECK(moved.back().progress.stored_bytes == 10 * kChunkBytes + 5);
    CHECK(moved.back().progress.total_bytes == 10 * kChunkBytes + 5);
    CHECK(std::count_if(moved.begin(), moved.end(),
                        [](const FillMoved& one) { return one.progress.complete; }) == 1);
}

TEST_CASE("what is stored of a part already is not asked for") {
    Bench bench;
    bench.join(1);
    REQUIRE(bench.disks.open(kFilm, Purpose::fetch).ok());
    for (const std::uint64_t chunk : {3, 4, 5}) {
        bench.disks.disks.at(kFilm)->put(ChunkIndex(chunk), kAllLeaves);
    }
    bench.core.fill(7, part(4, 3), bench.now);
    bench.decide();
    bench.holds_all(1, kFilm);
    CHECK(deliver_all(bench, 1) == std::set<std::uint64_t>{6});
    bench.core.fill(8, part(3, 4), bench.now);
    bench.decide();
    const auto moved = bench.all<FillMoved>();
    REQUIRE(moved.size() == 1);
    CHECK(moved[0].fill == 8);
    CHECK(moved[0].progress.complete);
    CHECK(bench.all<AskLeaves>().empty());
}

TEST_CASE("a part that is wanted no more is asked for no more, but where another part wants it") {
    Bench bench;
    bench.join(1);
    bench.core.fill(7, part(0, 4), bench.now);
    bench.core.fill(8, part(3, 4), bench.now);
    bench.decide();
    bench.holds_all(1, kFilm);
    const auto asked = bench.all<AskLeaves>();
    bench.core.cancel_fill(7, bench.now);
    bench.decide();
    std::set<std::uint64_t> cancelled;
    for (const CancelLeaves& cancel : bench.all<CancelLeaves>()) {
        cancelled.insert(cancel.range.chunk.value);
    }
    CHECK(!cancelled.contains(3));
    CHECK(cancelled.contains(0));
    std::vector<FillMoved> moved;
    auto fetched = deliver_all(bench, 1, &moved);
    for (const AskLeaves& ask : asked) {
        const std::uint64_t chunk = ask.range.chunk.value;
        if (chunk >= 3 && !fetched.contains(chunk)) {  // it was asked for before
            bench.deliver(1, kFilm, chunk, kAllLeaves);
            const auto more = deliver_all(bench, 1, &moved);
            fetched.insert(more.begin(), more.end());
            fetched.insert(chunk);
            const auto said = bench.all<FillMoved>();
            moved.insert(moved.end(), said.begin(), said.end());
        }
    }
    for (const std::uint64_t chunk : numbers(3, 7)) {
        CHECK(bench.disks.disks.at(kFilm)->leaf_mask(ChunkIndex(chunk)) == kAllLeaves);
    }
    CHECK(bench.disks.disks.at(kFilm)->leaf_mask(ChunkIndex(1)) == 0);
    CHECK(bench.core.contents() == 1);
}

TEST_CASE("a part and a fill of the whole content do not fetch anything twice") {
    Bench bench;
    bench.join(1);
    bench.core.fill(7, part(10, 5), bench.now);
    bench.core.fill(8, {kFilm, FillOrder::sequential, std::nullopt}, bench.now);
    bench.decide();
    bench.holds_all(1, kFilm);
    std::vector<FillMoved> moved;
    const auto leaves = bench.all<AskLeaves>();
    std::set<protocol::LeafRange> seen;
    for (const AskLeaves& ask : leaves) {
        CHECK(seen.insert(ask.range).second);
    }
    CHECK(deliver_all(bench, 1, &moved) == numbers(0, 101));
    std::set<FillId> complete;
    for (const FillMoved& one : moved) {
        if (one.progress.complete) {
            complete.insert(one.fill);
        }
    }
    CHECK(complete == std::set<FillId>{7, 8});
}

TEST_CASE("a part of what the disk refuses, or beyond the end, ends with an error") {
    Bench bench;
    bench.join(1);
    bench.core.fill(6, part(101, 1), bench.now);
    bench.core.fill(7, part(0, 2), bench.now);
    bench.decide();
    REQUIRE(bench.all<FillMoved>().size() >= 1);
    CHECK(bench.all<FillMoved>()[0].fill == 6);
    CHECK(bench.all<FillMoved>()[0].progress.error->code == Code::invalid);
    bench.core.store_failed(*bench.core.number_of(kFilm), 0,
                            disk_error(Code::no_space, "the disk is full"), bench.now);
    bench.decide();
    REQUIRE(bench.all<FillMoved>().size() == 1);
    CHECK(bench.all<FillMoved>()[0].fill == 7);
    CHECK(bench.all<FillMoved>()[0].progress.error->code == Code::no_space);
    bench.core.cancel_fill(7, bench.now);
    bench.decide();
    CHECK(bench.all<FillMoved>().empty());
}
