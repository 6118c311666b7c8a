// New versions that lie over the one before: what they cost, and that nobody can tell.

#include <doctest/doctest.h>

#include <deque>

#include "engine/store/content_sweep.hpp"
#include "engine/store/layered_file.hpp"
#include "tests/store/content_fixture.hpp"
#include "tests/store/editing.hpp"
#include "tests/store/faulty_disk.hpp"

using namespace swarmfs;
using namespace swarmfs::store;
using namespace swarmfs::test;

TEST_SUITE_BEGIN("single-threaded");

namespace {

constexpr std::uint64_t kLarge = 8 << 20;

struct Version {
    ContentId id;
    Bytes bytes;
};

// One edit of `before`, published.
Version edit(Home& home, const Version& before, std::uint64_t offset, ByteSpan bytes) {
    Editing editing(home, before.id, before.bytes);
    editing.write(offset, bytes);
    const ContentId id = editing.publish();
    CHECK(id == tree_of(editing.twin).id());
    return {id, editing.twin};
}

Version publish(Home& home, std::uint64_t size, std::uint64_t seed) {
    Bytes bytes = random_bytes(size, seed);
    const ContentId id = home.write(bytes);
    return {id, std::move(bytes)};
}

bool proves_itself(StoredContent& content) {
    const content::TreeShape shape(content.id().size);
    for (ChunkIndex chunk; chunk.value < shape.chunks(); ++chunk) {
        const auto proof = content.chunk_proof(chunk, shape.depth());
        const content::KnownNode root{shape.depth(), content.id().root};
        if (!proof || !content::verify_chunk_proof(shape.size(), chunk, root, *proof)) {
            return false;
        }
    }
    return true;
}

std::uint64_t bytes_on_disk(const Path& path) {
    return SystemDisk().status(path)->allocated_bytes;
}

}  // namespace

TEST_CASE("a small change to a large file costs the change, on the disk and in the totals") {
    FaultyDisk disk;
    Home home(disk);
    home.open();
    const Version first = publish(home, kLarge, 1);
    REQUIRE(home.contents->sync().ok());
    const std::uint64_t stored = home.contents->statistics().stored_bytes;
    const Version second = edit(home, first, 3 * kChunkBytes + 100, random_bytes(4096, 2));
    REQUIRE(home.contents->sync().ok());
    CHECK(bytes_on_disk(home.data_path(second.id)) <= 2 * kLeafBytes);
    CHECK(bytes_on_disk(home.tree_path(second.id)) <= 80'000);
    CHECK(home.contents->statistics().stored_bytes == stored + kLeafBytes);
    CHECK(home.get(second.id)->complete());
    CHECK(home.get(second.id)->base()->id() == first.id);
    CHECK_FALSE(home.get(second.id)->whole_file().ok());
    CHECK(holds(*home.get(first.id), first.bytes));
    CHECK(holds(*home.get(second.id), second.bytes));
    CHECK(proves_itself(*home.get(second.id)));
}

TEST_CASE(
    "whatever is changed, appended and cut, each version is as it was, and few lie over another") {
    FaultyDisk disk;
    for (const std::uint64_t seed : {1, 2, 3}) {
        CAPTURE(seed);
        SeededDice dice(seed);
        Home home(disk);
        home.open();
        std::deque<Version> versions{publish(home, kLarge - dice.below(50'000), seed)};
        for (int round = 0; round < 40; ++round) {
            CAPTURE(round);
            const Version& before = versions[dice.below(8) == 0 ? 0 : versions.size() - 1];
            Editing editing(home, before.id, before.bytes);
            for (std::uint64_t edits = 1 + dice.below(3); edits > 0; --edits) {
                const std::uint64_t size = editing.twin.size();
                switch (dice.below(6)) {
                    case 0: editing.truncate(size - dice.below(100'000)); break;
                    case 1:
                        editing.write(size + dice.below(30'000), random_bytes(70'000, dice.u64()));
                        break;
                    default:
                        editing.write(dice.below(size),
                                      random_bytes(dice.below(60'000), dice.u64()));
                }
            }
            const ContentId id = editing.publish();
            REQUIRE(id == tree_of(editing.twin).id());
            CHECK(layers_below(home.get(id)) <= 16);
            versions.push_back({id, editing.twin});
            if (versions.size() > 6) {
                versions.erase(versions.begin() + 1);
            }
            if (dice.below(4) == 0) {
                home.open();
            }
            for (const Version& version : versions) {
                CHECK(holds(*home.get(version.id), version.bytes));
            }
            CHECK(proves_itself(*home.get(id)));
        }
    }
}

TEST_CASE(
    "what lies over a version that is here in part is here in part, and completed by itself") {
    FaultyDisk disk;
    Home home(disk);
    home.open();
    const Source far(random_bytes(kLarge, 5));
    for (std::uint64_t chunk = 0; chunk < 32; chunk += 2) {
        REQUIRE(far.give_chunk(*home.get(far.id()), ChunkIndex(chunk)).ok());
    }
    Editing editing(home, far.id(), far.bytes());
    editing.write(4 * kChunkBytes + 7, random_bytes(50'000, 6));
    editing.fetch_missing(far);
    const ContentId id = editing.publish();
    const Source now(editing.twin);
    REQUIRE(id == now.id());
    REQUIRE(home.get(id)->base());
    for (int opening = 0; opening < 2; ++opening) {
        CHECK(readable_bytes(*home.get(id), now.bytes()) == home.get(id)->stored_bytes());
        CHECK(home.get(id)->stored_bytes() >= kLarge / 2);
        home.open();
    }
    now.give_all(*home.get(id));
    CHECK(holds(*home.get(id), now.bytes()));
    home.open();
    CHECK(holds(*home.get(id), now.bytes()));
    CHECK(home.get(far.id())->stored_bytes() < kLarge);
}

TEST_CASE("a leaf that rots below is missing above, is fetched there, and never shown") {
    FaultyDisk disk;
    Home home(disk);
    home.open();
    const Version first = publish(home, kLarge, 7);
    const Version second = edit(home, first, 100, random_bytes(10, 8));
    const Source far(second.bytes);
    home.close();
    {
        auto file = disk.open(home.data_path(first.id), Open::write);
        REQUIRE((*file)->write_at(5 * kChunkBytes + 3, random_bytes(1, 9)).ok());
    }
    home.open();
    CHECK(readable_bytes(*home.get(second.id), second.bytes) == kLarge - kLeafBytes);
    CHECK(home.get(second.id)->stored_bytes() == kLarge - kLeafBytes);
    REQUIRE(far.give_chunk(*home.get(second.id), ChunkIndex(5)).ok());
    CHECK(holds(*home.get(second.id), second.bytes));
    home.open();
    CHECK(holds(*home.get(second.id), second.bytes));
    CHECK(home.get(first.id)->stored_bytes() == kLarge - kLeafBytes);
}

TEST_CASE(
    "leaves lost below while they are in use are missing above, also where they were checked") {
    FaultyDisk disk;
    Home home(disk);
    home.open();
    const Version first = publish(home, kLarge, 10);
    const Version second = edit(home, first, 100, random_bytes(10, 11));
    const auto over = home.get(second.id);
    CHECK(holds(*over, second.bytes));
    home.get(first.id);
    std::filesystem::resize_file(home.data_path(first.id), kLarge / 2);
    CHECK_FALSE(try_read(*home.get(first.id), kLarge - 100, 100).ok());
    CHECK(readable_bytes(*over, second.bytes) == kLeafBytes);
    CHECK(over->stored_bytes() == kLeafBytes);
}

TEST_CASE("going back to a version below that is not whole copies, and nothing lies over itself") {
    FaultyDisk disk;
    Home home(disk);
    home.open();
    const Source far(random_bytes(kLarge, 12));
    for (std::uint64_t chunk = 0; chunk < 31; ++chunk) {
        REQUIRE(far.give_chunk(*home.get(far.id()), ChunkIndex(chunk)).ok());
    }
    const Version changed = edit(home, {far.id(), far.bytes()}, 0, random_bytes(kLeafBytes, 13));
    CHECK(home.get(changed.id)->base()->id() == far.id());
    const Version back = edit(home, changed, 0, ByteSpan(far.bytes()).first(kLeafBytes));
    REQUIRE(back.id == far.id());
    CHECK_FALSE(home.get(back.id)->base());
    for (int opening = 0; opening < 2; ++opening) {
        CHECK(readable_bytes(*home.get(back.id), far.bytes()) == 31 * kChunkBytes);
        CHECK(readable_bytes(*home.get(changed.id), changed.bytes) == 31 * kChunkBytes);
        home.open();
    }
}

TEST_CASE("a version stays as long as another lies over it, and goes after that one") {
    FaultyDisk disk;
    Home home(disk);
    home.open();
    const Version first = publish(home, kLarge, 14);
    const Version second = edit(home, first, 100, random_bytes(10, 15));
    CHECK(home.contents->remove(first.id).error().code == Code::busy);
    const std::atomic<bool> go_on = false;
    const auto sweep = [&] {
        ContentSweep sweeper(*home.database, *home.contents);
        const auto swept = sweeper.pass(1, go_on);
        REQUIRE(swept.ok());
        return swept->removed;
    };
    home.open();
    CHECK(holds(*home.get(second.id), second.bytes));
    CHECK(sweep() == 1);  // nobody needs either: what lies above goes first
    CHECK(home.get(second.id)->stored_bytes() == 0);
    CHECK(holds(*home.get(first.id), first.bytes));
    CHECK(sweep() == 1);
    CHECK(home.get(first.id)->stored_bytes() == 0);
    CHECK(home.contents->statistics().stored_bytes == 0);
}

TEST_CASE("when the Database is lost, what lies over another version proves itself all the same") {
    FaultyDisk disk;
    Home home(disk);
    home.open();
    Version version = publish(home, kLarge, 16);
    std::vector<Version> versions{version};
    for (std::uint64_t i = 0; i < 4; ++i) {
        version = edit(home, version, i * (1 << 20), random_bytes(300'000 / (i + 1), 17 + i));
        versions.push_back(version);
    }
    CHECK(layers_below(home.get(version.id)) > 1);
    home.close();
    std::filesystem::remove_all(home.folder / "db");
    home.open();
    for (const Version& one : versions) {
        CHECK(holds(*home.get(one.id), one.bytes));
    }
    home.open();
    CHECK(holds(*home.get(version.id), version.bytes));
}

TEST_CASE("a tree that rotted above or below is made anew from the bytes of both") {
    FaultyDisk disk;
    for (const bool above : {true, false}) {
        CAPTURE(above);
        Home home(disk);
        home.open();
        const Version first = publish(home, kLarge, 21);
        const Version second = edit(home, first, 100, random_bytes(10, 22));
        home.close();
        {
            auto file = disk.open(home.tree_path(above ? second.id : first.id), Open::write);
            REQUIRE((*file)->write_at(0, random_bytes(1000, 23)).ok());
        }
        home.open();
        CHECK(holds(*home.get(second.id), second.bytes));
        CHECK(proves_itself(*home.get(second.id)));
        home.open();
        CHECK(holds(*home.get(second.id), second.bytes));
        CHECK(holds(*home.get(first.id), first.bytes));
    }
}

TEST_SUITE_END();
