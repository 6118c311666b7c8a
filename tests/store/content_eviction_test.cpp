// What is evicted is gone and can be had again; nothing else changes, whoever reads, writes or dies.

#include "engine/store/content_eviction.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "engine/store/content_repair.hpp"
#include "tests/store/content_fixture.hpp"
#include "tests/store/crash_disk.hpp"
#include "tests/store/faulty_disk.hpp"

using namespace swarmfs;
using namespace swarmfs::store;
using namespace swarmfs::test;

namespace {

std::vector<StoredChunk> chunks_of(const ContentId& id,
                                   std::initializer_list<std::uint64_t> which) {
    std::vector<StoredChunk> chunks;
    for (const std::uint64_t chunk : which) {
        chunks.push_back({id, ChunkIndex(chunk)});
    }
    return chunks;
}

Evicted evict(Home& home, const std::vector<StoredChunk>& chunks) {
    const auto evicted = home.contents->evict(chunks);
    REQUIRE_MESSAGE(evicted.ok(), (evicted ? "" : evicted.error().message));
    return *evicted;
}

std::uint64_t room_of(Home& home, const ContentId& id) {
    const auto status = home.disk.status(home.data_path(id));
    return status ? status->allocated_bytes : 0;
}

}  // namespace

TEST_CASE("an evicted chunk is not stored, its room is free, and it can be fetched again") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Source source(random_bytes(5 * kChunkBytes - 100, 1));
    source.give_all(*home.get(source.id()));
    REQUIRE(home.contents->save().ok());
    const std::uint64_t before = room_of(home, source.id());
    CHECK(evict(home, chunks_of(source.id(), {1, 4})).bytes == 2 * kChunkBytes - 100);
    for (int opened = 0; opened < 2; ++opened) {
        const auto content = home.get(source.id());
        CHECK_FALSE(content->complete());
        CHECK(content->stored_bytes() == 3 * kChunkBytes);
        CHECK(content->leaf_mask(ChunkIndex(1)) == 0);
        CHECK(try_read(*content, kChunkBytes, 1).error().code == Code::not_found);
        CHECK(readable_bytes(*content, source.bytes()) == 3 * kChunkBytes);
        CHECK(room_of(home, source.id()) <= before - 2 * kChunkBytes + 4096);
        CHECK(home.contents->repairs().empty());
        home.open();
    }
    source.give_all(*home.get(source.id()));
    CHECK(home.get(source.id())->complete());
    CHECK(holds(*home.get(source.id()), source.bytes()));
}

TEST_CASE("what is owned, held, open as a whole or shared in place is not evicted") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Bytes bytes = random_bytes(3 * kChunkBytes, 2);
    const Source source(bytes);
    std::optional<Hold> hold;
    std::shared_ptr<File> open_whole;
    SUBCASE("owned") {
        home.write(bytes);
    }
    SUBCASE("held") {
        hold = home.contents->hold(source.id());
        source.give_all(*home.get(source.id()));
    }
    SUBCASE("open as a whole") {
        source.give_all(*home.get(source.id()));
        open_whole = home.get(source.id())->whole_file().value();
    }
    SUBCASE("in place") {
        const Path path = home.folder / "shared";
        REQUIRE(disk.open(path, Open::create).value()->write_at(0, bytes).ok());
        auto fresh = home.contents->prepare_in_place(path);
        REQUIRE(fresh.ok());
        REQUIRE(home.contents->keep(std::move(*fresh)).ok());
        REQUIRE(home.contents->set_owned(source.id(), false).ok());
    }
    CHECK(evict(home, chunks_of(source.id(), {0, 1, 2})).bytes == 0);
    CHECK(holds(*home.get(source.id()), bytes));
    if (hold || open_whole) {
        hold.reset();
        open_whole.reset();
        CHECK(evict(home, chunks_of(source.id(), {0, 1, 2})).bytes == bytes.size());
    }
}

TEST_CASE("the files of a content of which all was evicted go when nobody has it open") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Source source(random_bytes(2 * kChunkBytes, 3));
    auto content = home.get(source.id());
    source.give_all(*content);
    const Evicted evicted = evict(home, chunks_of(source.id(), {0, 1}));
    REQUIRE(evicted.emptied == std::vector{source.id()});
    CHECK(home.contents->remove_emptied(source.id()).value() == false);
    content.reset();
    CHECK(home.contents->remove_emptied(source.id()).value() == true);
    CHECK_FALSE(std::filesystem::exists(home.data_path(source.id())));
    CHECK_FALSE(std::filesystem::exists(home.tree_path(source.id())));
    CHECK(home.contents->statistics().contents == 0);
    source.give_all(*home.get(source.id()));
    CHECK(holds(*home.get(source.id()), source.bytes()));
}

TEST_CASE("a small content goes as a whole, unless it was made here") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Source fetched(random_bytes(900, 4));
    fetched.give_all(*home.get(fetched.id()));
    const ContentId own = home.write(random_bytes(900, 5));
    REQUIRE(home.contents->save().ok());
    CHECK(evict(home, chunks_of(fetched.id(), {0})).bytes == 900);
    CHECK(evict(home, chunks_of(own, {0})).bytes == 0);
    CHECK(home.get(fetched.id())->stored_bytes() == 0);
    CHECK(home.get(own)->stored_bytes() == 900);
}

TEST_CASE("the clock of uses tells which chunk was read last, and what came in that may go") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Source source(random_bytes(3 * kChunkBytes, 6));
    const auto content = home.get(source.id());
    source.give_all(*content);
    CHECK(home.contents->taken_in() == 3 * kChunkBytes);
    const ContentEviction eviction(*content);
    CHECK(eviction.last_use(ChunkIndex(0)) < eviction.last_use(ChunkIndex(2)));
    REQUIRE(try_read(*content, 5, 10).ok());
    CHECK(eviction.last_use(ChunkIndex(0)) > eviction.last_use(ChunkIndex(2)));
    CHECK(eviction.stored_near(ChunkIndex(2)) == ChunkIndex(2));
    evict(home, chunks_of(source.id(), {2}));
    CHECK(eviction.stored_near(ChunkIndex(2)) == ChunkIndex(0));
    const Hold hold = home.contents->hold(source.id());
    REQUIRE(source.give_chunk(*content, ChunkIndex(2)).ok());
    CHECK(home.contents->taken_in() == 3 * kChunkBytes);
}

TEST_CASE("verifying finds what rotted behind its check, and drops that alone") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Source source(random_bytes(2 * kChunkBytes, 7));
    const auto content = home.get(source.id());
    source.give_all(*content);
    CHECK(ContentRepair(*content).verify(ChunkIndex(1)).value().right == kChunkBytes);
    REQUIRE(disk.open(home.data_path(source.id()), Open::write)
                .value()
                ->write_at(kChunkBytes + 3 * kLeafBytes, Bytes(10))
                .ok());
    const auto verified = ContentRepair(*content).verify(ChunkIndex(1));
    REQUIRE(verified.ok());
    CHECK(verified->wrong == kLeafBytes);
    CHECK(verified->right == kChunkBytes - kLeafBytes);
    CHECK(content->leaf_mask(ChunkIndex(1)) == 0xFFF7);
    CHECK(home.contents->repairs().size() == 1);
}

TEST_CASE("verifying a small content looks at its row, and writes it anew where it rotted") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Bytes bytes = random_bytes(700, 7);
    const ContentId id = home.write(bytes);
    const auto content = home.get(id);
    CHECK(ContentRepair(*content).verify(ChunkIndex()).value().right == 700);
    REQUIRE(
        home.database
            ->commit({{small_key(id), encode_small(true, Bytes(700))}}, Durability::process_crash)
            .ok());
    CHECK(ContentRepair(*content).verify(ChunkIndex()).value().wrong == 700);
    REQUIRE(home.contents->save().ok());
    CHECK(ContentRepair(*content).verify(ChunkIndex()).value().right == 700);
    home.open();
    CHECK(holds(*home.get(id), bytes));
}

TEST_CASE("whatever call of the disk fails on the way, what is claimed afterwards is there") {
    for (const Fault fault : {Fault::io, Fault::no_space}) {
        for (std::uint64_t nth = 0;; ++nth) {
            CAPTURE(nth);
            FaultyDisk disk;
            Home home(disk);
            home.open();
            const Source source(random_bytes(4 * kChunkBytes, 8));
            source.give_all(*home.get(source.id()));
            REQUIRE(home.contents->save().ok());
            disk.fail_at(nth, fault, true);
            const auto evicted = home.contents->evict(chunks_of(source.id(), {0, 2}));
            const bool met = disk.met();
            CHECK(readable_bytes(*home.get(source.id()), source.bytes()) == 2 * kChunkBytes);
            CHECK(evicted.ok() == !met);
            home.close();
            disk.heal();
            home.open();
            const auto content = home.get(source.id());
            CHECK(readable_bytes(*content, source.bytes()) == content->stored_bytes());
            CHECK(content->stored_bytes() >= 2 * kChunkBytes);
            CHECK(room_of(home, source.id()) <= content->stored_bytes() + kLeafBytes);
            for (const std::string& line : home.contents->repairs()) {
                CHECK_MESSAGE(line.find("no longer matches") == std::string::npos, line);
            }
            if (!met) {
                break;
            }
        }
    }
}

TEST_CASE("a power loss at any moment leaves no claim on what was evicted") {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        CAPTURE(seed);
        SeededDice dice(seed);
        CrashDisk disk(Syncs::work);
        Home home(disk);
        home.open();
        const Source source(random_bytes(4 * kChunkBytes, seed));
        source.give_all(*home.get(source.id()));
        REQUIRE(home.contents->sync().ok());
        evict(home, chunks_of(source.id(), {dice.below(4)}));
        if (dice.below(2) == 0) {
            REQUIRE(home.contents->sync().ok());
        }
        disk.stop_everything();
        home.close();
        disk.lose_power(dice);
        home.open();
        const auto content = home.get(source.id());
        CHECK(content->stored_bytes() == 3 * kChunkBytes);
        CHECK(readable_bytes(*content, source.bytes()) == 3 * kChunkBytes);
        for (const std::string& line : home.contents->repairs()) {
            CHECK_MESSAGE(line.find("no longer matches") == std::string::npos, line);
        }
    }
}

TEST_CASE("readers and writers of what is being evicted never see a hole") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    constexpr std::uint64_t kChunks = 6;
    const Source source(random_bytes(kChunks * kChunkBytes, 9));
    const auto content = home.get(source.id());
    source.give_all(*content);
    std::atomic<bool> over = false;
    std::atomic<std::uint64_t> wrong = 0;
    std::atomic<std::uint64_t> refused = 0;
    const auto read = [&](std::uint64_t seed) {
        SeededDice dice(seed);
        while (!over) {
            const std::uint64_t at = dice.below(source.size() - 100'000);
            const auto got = try_read(*content, at, 100'000);
            if (!got) {
                refused += got.error().code == Code::not_found ? 0 : 1;
            } else if (!std::equal(got->begin(), got->end(),
                                   source.bytes().begin() + static_cast<std::ptrdiff_t>(at))) {
                ++wrong;
            }
        }
    };
    const auto write = [&](std::uint64_t seed) {
        SeededDice dice(seed);
        while (!over) {
            const ChunkIndex chunk(dice.below(kChunks));
            if (!source.give(*content, chunk, static_cast<unsigned>(dice.below(8)), 8).ok()) {
                ++wrong;
            }
        }
    };
    std::vector<std::thread> threads;
    threads.emplace_back(read, 1);
    threads.emplace_back(read, 2);
    threads.emplace_back(write, 3);
    SeededDice dice(4);
    for (int round = 0; round < 300; ++round) {
        const auto evicted = home.contents->evict(
            chunks_of(source.id(), {dice.below(kChunks), dice.below(kChunks)}));
        wrong += evicted.ok() ? 0 : 1;
    }
    over = true;
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(wrong == 0);
    CHECK(refused == 0);
    CHECK(home.contents->repairs().empty());
    CHECK(readable_bytes(*content, source.bytes()) == content->stored_bytes());
    home.open();
    CHECK(readable_bytes(*home.get(source.id()), source.bytes()) ==
          home.get(source.id())->stored_bytes());
    CHECK(home.contents->repairs().empty());
}

// ---- contents that lie over others ----

namespace {

// The second lies over the first: it was changed elsewhere, and followed here.
struct Followed {
    explicit Followed(Home& at) : home(at) {
        older.give_all(*home.get(older.id()));
        Bytes bytes = older.bytes();
        std::fill(bytes.begin() + 9 * kChunkBytes, bytes.begin() + 9 * kChunkBytes + 100, 7);
        fresh.emplace(std::move(bytes));
        for (int round = 0; round < 20; ++round) {
            const auto inherited = home.contents->inherit(fresh->id(), older.id(), 4);
            REQUIRE(inherited.ok());
            for (const LeafIndex leaf : inherited->ask_for) {
                REQUIRE(fresh
                            ->give(*home.get(fresh->id()), chunk_of(leaf),
                                   static_cast<unsigned>(leaf.value % kLeavesPerChunk), 1)
                            .ok());
            }
        }
        fresh->give_all(*home.get(fresh->id()));
        REQUIRE(home.get(fresh->id())->base());
        REQUIRE(home.contents->save().ok());
    }
    Home& home;
    Source older{random_bytes(32 * kChunkBytes, 51)};
    std::optional<Source> fresh;
};

}  // namespace

TEST_CASE("a chunk that others inherited goes from them, too, and no wrong byte is read") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Followed followed(home);
    const auto over = home.get(followed.fresh->id());
    CHECK(holds(*over, followed.fresh->bytes()));
    const StoredChunk chunks[] = {{followed.older.id(), ChunkIndex(3)},
                                  {followed.older.id(), ChunkIndex(9)}};
    const auto evicted = home.contents->evict(chunks);
    REQUIRE(evicted.ok());
    CHECK(evicted->bytes == 2 * kChunkBytes);
    CHECK(over->leaf_mask(ChunkIndex(3)) == 0);
    CHECK(over->leaf_mask(ChunkIndex(9)) == 0xFFFF);  // it has its own
    CHECK(readable_bytes(*over, followed.fresh->bytes()) == over->stored_bytes());
    followed.fresh->give_all(*over);
    CHECK(holds(*over, followed.fresh->bytes()));
    home.open();
    CHECK(holds(*home.get(followed.fresh->id()), followed.fresh->bytes()));
}

TEST_CASE("what lies over another gives up what is its own, and counts as that") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Followed followed(home);
    const auto over = home.get(followed.fresh->id());
    const std::uint64_t own = ContentEviction(*over).bytes_on_disk();
    CHECK(own >= kChunkBytes);
    CHECK(own < 8 * kChunkBytes);
    const StoredChunk chunks[] = {{over->id(), ChunkIndex(3)}, {over->id(), ChunkIndex(9)}};
    const auto evicted = home.contents->evict(chunks);
    REQUIRE(evicted.ok());
    CHECK(evicted->bytes <= own);
    CHECK(over->leaf_mask(ChunkIndex(9)) == 0);
    CHECK(ContentEviction(*over).bytes_on_disk() == own - evicted->bytes);
    CHECK(readable_bytes(*over, followed.fresh->bytes()) == over->stored_bytes());
    CHECK(holds(*home.get(followed.older.id()), followed.older.bytes()));
}

TEST_CASE("nothing goes below what was published here, or is held") {
    SystemDisk disk;
    for (const bool owned : {true, false}) {
        CAPTURE(owned);
        Home home(disk);
        home.open();
        const Followed followed(home);
        std::optional<Hold> hold;
        if (owned) {
            REQUIRE(home.contents->set_owned(followed.fresh->id(), true).ok());
            REQUIRE(home.contents->save().ok());
        } else {
            hold = home.contents->hold(followed.fresh->id());
        }
        CHECK(home.contents->held(followed.older.id()));
        const StoredChunk chunks[] = {{followed.older.id(), ChunkIndex(3)}};
        CHECK(home.contents->evict(chunks)->bytes == 0);
        CHECK(holds(*home.get(followed.fresh->id()), followed.fresh->bytes()));
    }
}
