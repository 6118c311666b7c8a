// What a new version shares with one that is here is taken over: found with few leaves, and right.

#include <doctest/doctest.h>

#include "engine/store/layered_file.hpp"
#include "tests/store/content_fixture.hpp"
#include "tests/store/faulty_disk.hpp"

using namespace swarmfs;
using namespace swarmfs::store;
using namespace swarmfs::test;

TEST_SUITE_BEGIN("single-threaded");

namespace {

constexpr std::uint64_t kVersionBytes = 16 << 20;

// Fetches the leaves that would tell more, as long as there are any. Returns: how many bytes that was.
std::uint64_t follow(Home& home, const Source& fresh, const ContentId& older) {
    std::uint64_t fetched = 0;
    for (int round = 0; round < 100; ++round) {
        const auto inherited = home.contents->inherit(fresh.id(), older, 4);
        REQUIRE_MESSAGE(inherited.ok(), (inherited ? "" : inherited.error().message));
        CHECK(inherited->ask_for.size() <= 4);
        if (inherited->ask_for.empty()) {
            return fetched;
        }
        for (const LeafIndex leaf : inherited->ask_for) {
            REQUIRE(fresh
                        .give(*home.get(fresh.id()), chunk_of(leaf),
                              static_cast<unsigned>(leaf.value % kLeavesPerChunk), 1)
                        .ok());
            fetched += leaf_bytes(fresh.size(), leaf);
        }
    }
    FAIL("there is no end to it");
    return fetched;
}

Bytes with(Bytes bytes, std::uint64_t offset, ByteSpan change) {
    std::copy(change.begin(), change.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    return bytes;
}

}  // namespace

TEST_CASE("one chunk that changed is all that is left to fetch, after a leaf for each level") {
    FaultyDisk disk;
    Home home(disk);
    home.open();
    const Bytes before = random_bytes(kVersionBytes, 1);
    const ContentId older = home.write(before);
    const Source fresh(with(before, 37 * kChunkBytes + 5, random_bytes(10, 2)));
    CHECK(follow(home, fresh, older) <= 7 * kLeafBytes);
    const auto content = home.get(fresh.id());
    CHECK(content->stored_bytes() >= kVersionBytes - kChunkBytes);
    CHECK(content->leaf_mask(ChunkIndex(37)) != 0xFFFF);
    CHECK(readable_bytes(*content, fresh.bytes()) == content->stored_bytes());
    REQUIRE(fresh.give_chunk(*content, ChunkIndex(37)).ok());
    CHECK(holds(*content, fresh.bytes()));
    home.open();
    CHECK(holds(*home.get(fresh.id()), fresh.bytes()));
    CHECK(holds(*home.get(older), before));
    CHECK(home.get(fresh.id())->base()->id() == older);
}

TEST_CASE("whatever changed, what is taken over is right, and serves others with its proofs") {
    FaultyDisk disk;
    SeededDice dice(3);
    for (int round = 0; round < 30; ++round) {
        CAPTURE(round);
        Home home(disk);
        home.open();
        const Source older(random_bytes(kVersionBytes / 2 - dice.below(100'000), dice.u64()));
        const std::uint64_t share = dice.below(3);  // of it that is here, in halves
        for (std::uint64_t chunk = 0; chunk < chunk_count(older.size()); ++chunk) {
            if (share == 2 || (share == 1 && dice.below(2) == 0)) {
                REQUIRE(older.give_chunk(*home.get(older.id()), ChunkIndex(chunk)).ok());
            }
        }
        Bytes bytes = older.bytes();
        if (dice.below(3) == 0) {
            bytes.resize(bytes.size() - dice.below(1'000'000));
        } else if (dice.below(2) == 0) {
            const Bytes more = random_bytes(1 + dice.below(1'000'000), dice.u64());
            bytes.insert(bytes.end(), more.begin(), more.end());
        }
        for (std::uint64_t edits = dice.below(4); edits > 0; --edits) {
            const std::uint64_t length = 1 + dice.below(100'000);
            bytes = with(std::move(bytes), dice.below(bytes.size() - length),
                         random_bytes(length, dice.u64()));
        }
        const Source fresh(std::move(bytes));
        follow(home, fresh, older.id());
        for (int opening = 0; opening < 2; ++opening) {
            const auto content = home.get(fresh.id());
            CHECK(readable_bytes(*content, fresh.bytes()) == content->stored_bytes());
            for (ChunkIndex chunk; chunk.value < chunk_count(fresh.size()); ++chunk) {
                if (content->leaf_mask(chunk) == 0) {
                    continue;
                }
                const content::TreeShape shape(fresh.size());
                const auto proof = content->chunk_proof(chunk, shape.depth());
                REQUIRE_MESSAGE(proof.ok(), (proof ? "" : proof.error().message));
                CHECK(content::verify_chunk_proof(shape.size(), chunk,
                                                  {shape.depth(), fresh.id().root}, *proof));
            }
            home.open();
        }
        fresh.give_all(*home.get(fresh.id()));
        CHECK(holds(*home.get(fresh.id()), fresh.bytes()));
    }
}

TEST_CASE("a file that others change again and again is followed without piling up versions") {
    FaultyDisk disk;
    Home home(disk);
    home.open();
    SeededDice dice(4);
    Bytes bytes = random_bytes(kVersionBytes, 5);
    ContentId before = home.write(bytes);
    for (int version = 0; version < 40; ++version) {
        CAPTURE(version);
        bytes = with(std::move(bytes), dice.below(kVersionBytes - 5000),
                     random_bytes(5000, dice.u64()));
        const Source fresh(bytes);
        CHECK(follow(home, fresh, before) <= 40 * kLeafBytes);
        const auto content = home.get(fresh.id());
        CHECK(content->stored_bytes() >= kVersionBytes - 2 * kChunkBytes);
        fresh.give_all(*content);
        REQUIRE(holds(*content, bytes));
        CHECK(layers_below(content) <= 8);
        before = fresh.id();
    }
}

TEST_CASE("what has nothing in common, is small, is whole or is shared in place inherits nothing") {
    FaultyDisk disk;
    Home home(disk);
    home.open();
    const ContentId older = home.write(random_bytes(kVersionBytes, 6));
    const Source other(random_bytes(kVersionBytes, 7));
    const auto asked = home.contents->inherit(other.id(), older, 3);
    REQUIRE(asked.ok());
    CHECK(asked->bytes == 0);
    CHECK(asked->ask_for.size() == 1);  // a root says nothing of what is below it
    const Source note(random_bytes(1000, 8));
    CHECK(home.contents->inherit(note.id(), older, 3)->ask_for.empty());
    CHECK(home.contents->inherit(older, other.id(), 3)->ask_for.empty());
    CHECK(home.contents->inherit(older, older, 3)->ask_for.empty());
    CHECK_FALSE(home.get(other.id())->base());
}

TEST_CASE("a disk that fails while an older version is taken over costs nothing that was there") {
    for (std::uint64_t nth = 0; nth < 20; ++nth) {
        CAPTURE(nth);
        FaultyDisk disk;
        Home home(disk);
        home.open();
        const Bytes before = random_bytes(kVersionBytes / 2, 9);
        const ContentId older = home.write(before);
        const Source fresh(with(before, 5, random_bytes(10, 10)));
        REQUIRE(fresh.give(*home.get(fresh.id()), ChunkIndex(20), 3, 1).ok());
        disk.fail_at(nth, Fault::no_space, true);
        const auto inherited = home.contents->inherit(fresh.id(), older, 3);
        [[maybe_unused]] const auto saved = home.contents->save();
        disk.heal();
        CHECK((inherited.ok() || inherited.error().code == Code::no_space));
        home.open();
        const auto content = home.get(fresh.id());
        CHECK(readable_bytes(*content, fresh.bytes()) == content->stored_bytes());
        CHECK(holds(*home.get(older), before));
    }
}

TEST_SUITE_END();
