#include <map>

#include <doctest/doctest.h>

#include "engine/core/dice.hpp"
#include "tests/swarm/naive_picker.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

namespace {

Holdings everything() {
    Holdings held;
    held.all = true;
    return held;
}

// "x.x." : the chunks held.
Holdings picture(std::string_view chunks) {
    Holdings held;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
        if (chunks[i] == 'x') {
            held.some.insert(ChunkIndex(i));
        }
    }
    return held;
}

void gain(ChunkPicker& picker, const Holdings& held) {
    held.some.for_each([&](ChunkIndex chunk) { picker.gained(chunk); });
}

void store(ChunkPicker& picker, std::initializer_list<std::uint64_t> chunks) {
    for (const std::uint64_t chunk : chunks) {
        picker.take(ChunkIndex(chunk));
        picker.note_stored();
    }
}

}  // namespace

TEST_CASE("the rarest chunk a peer holds is picked once four are stored") {
    ChunkPicker picker(10, FillOrder::rarest_first, 1);
    store(picker, {6, 7, 8, 9});
    gain(picker, picture("xxxxxx"));
    gain(picker, picture("xx.xxx"));
    gain(picker, picture("xx.xx."));
    CHECK(picker.pick(picture("xxx...")) == ChunkIndex(2));
    CHECK(picker.pick(picture("x....x")) == ChunkIndex(5));
}

TEST_CASE("a chunk no partial peer holds is rarer than any other") {
    ChunkPicker picker(6, FillOrder::rarest_first, 1);
    store(picker, {0, 1, 2, 3});
    picker.gained(ChunkIndex(4));
    CHECK(picker.pick(everything()) == ChunkIndex(5));
    picker.gained(ChunkIndex(5));
    picker.gained(ChunkIndex(5));
    CHECK(picker.pick(everything()) == ChunkIndex(4));
    picker.lost(ChunkIndex(5));
    picker.lost(ChunkIndex(5));
    CHECK(picker.pick(everything()) == ChunkIndex(5));
}

TEST_CASE("a chunk that was begun and given back comes first") {
    ChunkPicker picker(100, FillOrder::rarest_first, 1);
    store(picker, {0, 1, 2, 3});
    picker.take(ChunkIndex(50));
    picker.put_back(ChunkIndex(50), ChunkPicker::Begun::yes);
    CHECK(picker.pick(everything()) == ChunkIndex(50));
}

TEST_CASE("a chunk that was refused before it was begun goes back to its rank") {
    ChunkPicker picker(100, FillOrder::rarest_first, 1);
    store(picker, {0, 1, 2, 3});
    gain(picker, picture("......xx"));
    picker.gained(ChunkIndex(6));
    picker.take(ChunkIndex(6));
    picker.put_back(ChunkIndex(6), ChunkPicker::Begun::no);
    CHECK(picker.pick(picture("......xx")) == ChunkIndex(7));
    // Of what nobody else holds, none is lost for having been passed by.
    for (int i = 0; i < 50; ++i) {
        const auto chunk = picker.pick(everything());
        REQUIRE(chunk);
        picker.take(*chunk);
        picker.put_back(*chunk, ChunkPicker::Begun::no);
        CHECK(picker.availability(*chunk) == 0);
    }
    for (std::uint64_t wanted = picker.wanted(); wanted > 0; --wanted) {
        const auto chunk = picker.pick(everything());
        REQUIRE(chunk);
        picker.take(*chunk);
    }
    CHECK_FALSE(picker.pick(everything()));
}

TEST_CASE("what a peer suggests is picked while no partial peer holds it") {
    ChunkPicker picker(100, FillOrder::rarest_first, 1);
    CHECK(picker.pick(everything(), ChunkIndex(70)) == ChunkIndex(70));
    CHECK(picker.pick(picture("x"), ChunkIndex(70)) == ChunkIndex(0));  // it has not even got it
    picker.gained(ChunkIndex(70));
    store(picker, {0, 1, 2, 3});
    CHECK(picker.pick(everything(), ChunkIndex(70)) != ChunkIndex(70));
    picker.lost(ChunkIndex(70));
    CHECK(picker.pick(everything(), ChunkIndex(70)) == ChunkIndex(70));
    CHECK(picker.pick(everything(), ChunkIndex(2)) != ChunkIndex(2));  // stored
    picker.take(ChunkIndex(50));
    picker.put_back(ChunkIndex(50), ChunkPicker::Begun::yes);
    CHECK(picker.pick(everything(), ChunkIndex(70)) == ChunkIndex(50));
    picker.take(ChunkIndex(50));
    picker.set_order(FillOrder::sequential);
    CHECK(picker.pick(everything(), ChunkIndex(70)) == ChunkIndex(4));
}

TEST_CASE("sequential order picks the lowest chunk the peer holds") {
    ChunkPicker picker(200, FillOrder::sequential, 1);
    CHECK(picker.pick(everything()) == ChunkIndex(0));
    CHECK(picker.pick(picture(".....x.x")) == ChunkIndex(5));
    picker.take(ChunkIndex(0));
    picker.take(ChunkIndex(5));
    CHECK(picker.pick(everything()) == ChunkIndex(1));
    CHECK(picker.pick(picture(".....x.x")) == ChunkIndex(7));
}

TEST_CASE("a peer that holds nothing wanted is asked for nothing") {
    ChunkPicker picker(8, FillOrder::rarest_first, 1);
    CHECK_FALSE(picker.pick(Holdings{}));
    for (std::uint64_t chunk = 0; chunk < 8; ++chunk) {
        picker.take(ChunkIndex(chunk));
    }
    CHECK_FALSE(picker.pick(everything()));
    CHECK(picker.wanted() == 0);
}

TEST_CASE("nodes with different salts fetch a content in different orders") {
    std::map<std::uint64_t, int> first_picks;
    for (std::uint64_t salt = 0; salt < 20; ++salt) {
        ChunkPicker picker(1000, FillOrder::rarest_first, salt);
        store(picker, {996, 997, 998, 999});
        ++first_picks[picker.pick(everything())->value];
    }
    CHECK(first_picks.size() > 10);
}

TEST_CASE("neighbours of a large content stay together") {
    ChunkPicker picker(4096, FillOrder::rarest_first, 3);
    store(picker, {0, 1, 2, 3});
    int neighbours = 0;
    std::uint64_t previous = picker.pick(everything())->value;
    for (int i = 0; i < 1000; ++i) {
        picker.take(ChunkIndex(previous));
        const std::uint64_t next = picker.pick(everything())->value;
        neighbours += next == previous + 1 ? 1 : 0;
        previous = next;
    }
    CHECK(neighbours > 900);
}

TEST_CASE("every chunk of a content is picked exactly once") {
    for (const std::uint64_t chunks : {1ULL, 2ULL, 63ULL, 64ULL, 65ULL, 1000ULL, 5000ULL}) {
        ChunkPicker picker(chunks, FillOrder::rarest_first, chunks);
        for (std::uint64_t i = 0; i < chunks; ++i) {
            const auto chunk = picker.pick(everything());
            REQUIRE(chunk);
            REQUIRE_FALSE(picker.taken(*chunk));
            picker.take(*chunk);
            picker.note_stored();
        }
        CHECK_FALSE(picker.pick(everything()));
    }
}

TEST_CASE("a content of a pebibyte costs only what is touched of it") {
    const std::uint64_t chunks = kContentBytesMax / kChunkBytes;
    ChunkPicker picker(chunks, FillOrder::rarest_first, 1);
    Holdings held;
    for (std::uint64_t i = 0; i < 100; ++i) {
        held.some.insert(ChunkIndex(chunks - 1 - i * 1'000'000));
        picker.gained(ChunkIndex(chunks - 1 - i * 1'000'000));
    }
    for (int i = 0; i < 1000; ++i) {
        const auto chunk = picker.pick(everything());
        REQUIRE(chunk);
        picker.take(*chunk);
        picker.note_stored();
    }
    CHECK(picker.pick(held));
}

TEST_CASE("every pick is one that the naive definition allows") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SeededDice dice(seed);
        const std::uint64_t chunks = 1 + dice.below(150);
        const auto order = dice.below(4) == 0 ? FillOrder::sequential : FillOrder::rarest_first;
        ChunkPicker picker(chunks, order, seed);
        test::NaivePicker naive(chunks, order);
        std::vector<Holdings> peers(4);
        peers[0].all = true;
        for (int step = 0; step < 500; ++step) {
            const ChunkIndex chunk(dice.below(chunks));
            Holdings& peer = peers[1 + dice.below(3)];
            switch (dice.below(5)) {
                case 0:
                    if (peer.some.insert(chunk)) {
                        picker.gained(chunk);
                        naive.gained(chunk.value);
                    }
                    break;
                case 1:
                    if (peer.some.erase(chunk)) {
                        picker.lost(chunk);
                        naive.lost(chunk.value);
                    }
                    break;
                case 2: {
                    const auto begun =
                        dice.below(2) == 0 ? ChunkPicker::Begun::no : ChunkPicker::Begun::yes;
                    picker.put_back(chunk, begun);
                    naive.put_back(chunk.value, begun);
                    break;
                }
                default: {
                    const Holdings& held = peers[dice.below(peers.size())];
                    const auto suggested = dice.below(2) == 0 ? std::nullopt : std::optional(chunk);
                    const auto pick = picker.pick(held, suggested);
                    REQUIRE(naive.legal(pick, held, suggested));
                    if (pick) {
                        picker.take(*pick);
                        naive.take(pick->value);
                        picker.note_stored();
                        naive.note_stored();
                    }
                }
            }
            REQUIRE(picker.wanted() == naive.wanted());
        }
    }
}
