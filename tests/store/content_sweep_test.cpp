// Which contents are removed because nothing needs them, and who wins against a removal.

#include "engine/store/content_sweep.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "engine/core/clock.hpp"
#include "engine/core/wire.hpp"
#include "engine/store/content_rows.hpp"
#include "engine/store/key_spaces.hpp"
#include "tests/store/content_fixture.hpp"
#include "tests/store/faulty_disk.hpp"

using namespace swarmfs;
using namespace swarmfs::store;
using namespace swarmfs::test;

namespace {

constexpr Durability kCrash = Durability::process_crash;
const std::atomic<bool> kGoOn = false;

// Where a swarm has its inodes.
Bytes inode_row_key(Inode inode, std::uint8_t swarm = 7) {
    Bytes key = key_of(KeySpace::namespace_);
    key.resize(kSwarmPrefixBytes, swarm);
    const Bytes rest = inode_key(inode);
    key.insert(key.end(), rest.begin(), rest.end());
    return key;
}

Bytes inode_row(const ContentId& content) {
    InodeRecord record;
    record.parent = kRootInode;
    record.name = "name";
    record.content = content;
    return encode_record(record);
}

void name(Home& home, Inode inode, const ContentId& content) {
    REQUIRE(home.database->commit({{inode_row_key(inode), inode_row(content)}}, kCrash).ok());
}

void unname(Home& home, Inode inode) {
    REQUIRE(home.database->commit({{inode_row_key(inode), std::nullopt}}, kCrash).ok());
}

std::uint64_t sweep(Home& home, std::size_t at_once = ContentSweep::kAtOnce) {
    ContentSweep sweep(*home.database, *home.contents, at_once);
    std::uint64_t removed = 0;
    for (;;) {
        const auto swept = sweep.pass(SystemClock().wall_ms(), kGoOn);
        REQUIRE_MESSAGE(swept.ok(), (swept ? "" : swept.error().message));
        removed += swept->removed;
        if (swept->round_ended) {
            return removed;
        }
    }
}

bool is_stored(Home& home, const ContentId& id) {
    return home.get(id)->stored_bytes() > 0;
}

std::size_t content_files(Home& home) {
    std::size_t count = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(home.folder / "content")) {
        count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
}

}  // namespace

TEST_CASE(
    "what no name, no file being written and nobody holds goes, small or large, and its files") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    std::vector<ContentId> named;
    std::vector<ContentId> nobodys;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        const ContentId id = home.write(random_bytes(seed % 2 == 0 ? 900 : 300'000, seed));
        (seed % 5 == 0 ? named : nobodys).push_back(id);
        if (seed % 5 == 0) {
            name(home, 10 + seed, id);
        }
    }
    StagingRow row;
    row.number = 1;
    row.base = nobodys.back();
    named.push_back(nobodys.back());
    nobodys.pop_back();
    REQUIRE(home.database->commit({{staging_key(1), encode_staging_row(row)}}, kCrash).ok());
    SUBCASE("in one pass") {
        CHECK(sweep(home) == nobodys.size());
    }
    SUBCASE("a few at a time") {
        CHECK(sweep(home, 3) == nobodys.size());
    }
    for (int opened = 0; opened < 2; ++opened) {
        for (const ContentId& id : nobodys) {
            CHECK_FALSE(is_stored(home, id));
        }
        for (const ContentId& id : named) {
            CHECK(is_stored(home, id));
        }
        CHECK(content_files(home) == 2 * 5);  // bytes and tree of the large ones that are needed
        CHECK(home.contents->statistics().contents == named.size());
        home.open();
    }
}

TEST_CASE("what somebody has open stays until it is let go of") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Bytes bytes = random_bytes(300'000, 1);
    const ContentId id = home.write(bytes);
    name(home, 10, id);
    auto held = home.get(id);
    unname(home, 10);
    ContentSweep sweep(*home.database, *home.contents);
    auto swept = sweep.pass(0, kGoOn);
    REQUIRE(swept.ok());
    CHECK(swept->in_use == 1);
    CHECK(holds(*held, bytes));
    CHECK(sweep.due());
    held.reset();
    swept = sweep.pass(0, kGoOn);
    REQUIRE(swept.ok());
    CHECK(swept->removed == 1);
    CHECK_FALSE(std::filesystem::exists(home.data_path(id)));
}

TEST_CASE("a row that cannot be read may need anything, so nothing is removed") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const ContentId id = home.write(random_bytes(300'000, 1));
    Bytes other = inode_row(id);
    other[0] = 2;
    Bytes key;
    SUBCASE("a name") {
        key = inode_row_key(10);
    }
    SUBCASE("a file being written") {
        key = staging_key(3);
    }
    REQUIRE(home.database->commit({{key, other}}, kCrash).ok());
    ContentSweep sweep(*home.database, *home.contents);
    const auto swept = sweep.pass(0, kGoOn);
    REQUIRE_FALSE(swept.ok());
    CHECK(swept.error().code == Code::corrupt);
    CHECK(is_stored(home, id));
    REQUIRE(home.database->commit({{key, std::nullopt}}, kCrash).ok());
    CHECK(sweep.due());
    CHECK(sweep.pass(0, kGoOn)->removed == 1);
}

TEST_CASE("what was found when the tables were lost waits seven days for its names") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const ContentId id = home.write(random_bytes(300'000, 1));
    home.close();
    std::filesystem::remove_all(home.folder / "db");
    home.open();
    ContentSweep sweep(*home.database, *home.contents);
    const std::uint64_t now = SystemClock().wall_ms();
    CHECK(sweep.pass(now, kGoOn)->removed == 0);
    CHECK(is_stored(home, id));
    SUBCASE("seven days later") {
        CHECK(sweep.pass(now + ContentSweep::kFoundKeptMs + 1000, kGoOn)->removed == 1);
    }
    SUBCASE("no swarm is left that could name it") {
        REQUIRE(sweep.forget_found().ok());
        CHECK(sweep.pass(now, kGoOn)->removed == 1);
    }
}

TEST_CASE("a content that is named while others are removed is whole, whoever was first") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    std::vector<Bytes> texts;
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
        texts.push_back(random_bytes(seed % 2 == 0 ? 2'000 : 200'000, seed));
    }
    std::atomic<bool> over = false;
    std::uint64_t removed = 0;
    std::thread sweeper([&] {
        ContentSweep sweep(*home.database, *home.contents, 2);
        while (!over) {
            const auto swept = sweep.pass(0, kGoOn);
            if (!swept.ok()) {
                std::abort();
            }
            removed += swept->removed;
        }
    });
    // Names and content in one batch, as a publication has them; then the name goes again.
    for (Inode round = 0; round < 400; ++round) {
        CAPTURE(round);
        const Bytes& text = texts[round % texts.size()];
        auto writer = home.contents->begin_writer();
        REQUIRE(writer.append(text).ok());
        auto fresh = writer.finish();
        REQUIRE(fresh.ok());
        const ContentId id = fresh->id();
        {
            Batch batch = home.database->begin();
            ContentLedger ledger(batch);
            REQUIRE(home.contents->record(ledger, *fresh).ok());
            batch.put(inode_row_key(10 + round), inode_row(id));
            REQUIRE(home.database->commit(std::move(batch), kCrash).ok());
        }
        REQUIRE(home.contents->place(*std::move(fresh)).ok());
        CHECK(holds(*home.get(id), text));
        if (round >= 2) {
            unname(home, 10 + round - 2);
        }
    }
    over = true;
    sweeper.join();
    CHECK(removed > 0);
    CHECK(home.contents->repairs().empty());
    home.open();
    sweep(home);
    CHECK(home.contents->statistics().contents == 2);
}

TEST_CASE("a kill anywhere in a sweep costs nothing that is needed, and the next one ends it") {
    bool met = true;
    for (std::uint64_t nth = 0; met; ++nth) {
        CAPTURE(nth);
        FaultyDisk disk;
        Home home(disk);
        home.open();
        const Bytes kept = random_bytes(300'000, 1);
        const ContentId needed = home.write(kept);
        name(home, 10, needed);
        for (std::uint64_t seed = 2; seed < 6; ++seed) {
            home.write(random_bytes(seed == 5 ? 900 : 300'000, seed));
        }
        REQUIRE(home.contents->save().ok());
        disk.fail_at(nth, Fault::io, true);
        {
            ContentSweep sweep(*home.database, *home.contents);
            (void)sweep.pass(0, kGoOn).ok();
        }
        met = disk.met();
        home.close();  // saves nothing, as the disk has failed
        disk.heal();
        home.open();
        CHECK(holds(*home.get(needed), kept));
        sweep(home);
        CHECK(home.contents->statistics().contents == 1);
        CHECK(content_files(home) == 2);
    }
}
