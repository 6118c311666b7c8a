// What opening a home finds and puts right, and what a kill may cost.

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "engine/core/clock.hpp"
#include "engine/store/content_rows.hpp"
#include "tests/store/content_fixture.hpp"
#include "tests/store/faulty_disk.hpp"

using namespace swarmfs;
using namespace swarmfs::store;
using namespace swarmfs::test;

namespace {

// Ends as a kill does: nothing is saved on the way out.
template <class Work>
void in_a_killed_process(const Work& work) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        work();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(status == 0);
}

}  // namespace

TEST_CASE(
    "leaves whose bits were not saved before a kill are believed when they prove themselves") {
    FaultyDisk disk;
    Home home(disk);
    const Source source(random_bytes(40 * kChunkBytes + 9000, 1));
    const Source lost(random_bytes(3 * kChunkBytes, 2));
    const Source alone(random_bytes(9000, 3));  // one leaf: it needs no tree
    in_a_killed_process([&] {
        home.open();
        const auto content = home.get(source.id());
        REQUIRE(source.give(*content, ChunkIndex(7), 2, 9).ok());
        REQUIRE(source.give_chunk(*content, ChunkIndex(40)).ok());
        lost.give_all(*home.get(lost.id()));
        alone.give_all(*home.get(alone.id()));
        REQUIRE((*disk.open(home.data_path(source.id()), Open::write))
                    ->write_at(7 * kChunkBytes + 3 * kLeafBytes, as_bytes("rot"))
                    .ok());
        std::filesystem::remove(home.tree_path(lost.id()));
    });
    home.open();
    const auto content = home.get(source.id());
    CHECK(content->leaf_mask(ChunkIndex(7)) == 0b111'1111'0100);
    CHECK(content->leaf_mask(ChunkIndex(40)) == 1);
    CHECK(content->stored_bytes() == 8 * kLeafBytes + 9000);
    CHECK(readable_bytes(*content, source.bytes()) == content->stored_bytes());
    CHECK(home.get(alone.id())->complete());
    CHECK_FALSE(std::filesystem::exists(home.data_path(lost.id())));
    CHECK(home.contents->repairs().empty());
    source.give_all(*content);
    home.open();
    CHECK(holds(*home.get(source.id()), source.bytes()));
}

TEST_CASE("bits are saved after so many bytes, however long the saver may wait") {
    FaultyDisk disk;
    Home home(disk);
    home.store_options.save_after = std::chrono::hours(1);
    home.open();
    const Source source(random_bytes(48 * kChunkBytes, 4));
    const auto content = home.get(source.id());
    const auto saved = [&] {
        const auto row = home.database->reader().get(record_key(source.id()));
        const auto record = row ? decode_content_record(*row) : std::nullopt;
        return record ? record->stored_bytes : 0;
    };
    constexpr std::uint64_t kBefore = 31;  // chunks: less than 8 MiB
    for (std::uint64_t chunk = 0; chunk < kBefore; ++chunk) {
        REQUIRE(source.give_chunk(*content, ChunkIndex(chunk)).ok());
    }
    CHECK(saved() == 0);
    for (std::uint64_t chunk = kBefore; chunk < 48; ++chunk) {
        REQUIRE(source.give_chunk(*content, ChunkIndex(chunk)).ok());
    }
    const SystemClock clock;
    const auto until = clock.now() + std::chrono::seconds(60);
    while (saved() < kBefore * kChunkBytes && clock.now() < until) {
        std::this_thread::yield();
    }
    CHECK(saved() > kBefore * kChunkBytes);
}

TEST_CASE("staging files without a row go at open, and a row that cannot be read keeps its own") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Path staging = home.folder / "staging";
    REQUIRE(disk.make_folder(staging).ok());
    const auto make = [&](const std::string& name) {
        REQUIRE((*disk.open(staging / name, Open::create))->write_at(0, as_bytes("x")).ok());
    };
    make("5");
    make("6");
    make("90");
    make("notes");
    const Bytes newer{99, 1, 2};  // of a version that is not known
    REQUIRE(home.database
                ->commit(Changes{{staging_key(6), newer}, {staging_key(90), newer}},
                         Durability::process_crash)
                .ok());
    home.open();
    CHECK_FALSE(std::filesystem::exists(staging / "5"));
    CHECK(std::filesystem::exists(staging / "6"));
    CHECK(std::filesystem::exists(staging / "90"));
    CHECK(std::filesystem::exists(staging / "notes"));
    CHECK(home.contents->next_staging_number() > 90);
}

TEST_CASE("when the tables are lost, what was written and not published is set aside for people") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Path staging = home.folder / "staging";
    REQUIRE(disk.make_folder(staging).ok());
    const auto lose_tables = [&] {
        home.close();
        std::filesystem::rename(home.folder / "db", home.folder / "db.away");
        home.open();
        std::filesystem::remove_all(home.folder / "db.away");
    };
    REQUIRE((*disk.open(staging / "7", Open::create))->write_at(0, as_bytes("first")).ok());
    REQUIRE(disk.open(staging / "8", Open::create).ok());  // nothing was written to it
    lose_tables();
    CHECK_FALSE(home.contents->repairs().empty());
    CHECK_FALSE(std::filesystem::exists(staging / "7"));
    CHECK_FALSE(std::filesystem::exists(staging / "8"));
    CHECK(home.contents->next_staging_number() > 7);
    for (int again = 0; again < 2; ++again) {
        CHECK(std::filesystem::file_size(staging / "7.lost") == 5);
        CHECK_FALSE(std::filesystem::exists(staging / "8.lost"));
        home.open();
    }
    lose_tables();
    CHECK(home.contents->repairs().empty());
    CHECK(home.contents->next_staging_number() > 7);  // "7.lost" is never written over
}

TEST_CASE("one unreadable sector costs its leaf, not the start of the node") {
    FaultyDisk disk;
    for (const bool tree_too : {false, true}) {
        Home home(disk);
        home.open();
        const Bytes bytes = random_bytes(5 * kChunkBytes, 5);
        const ContentId id = home.write(bytes);
        home.close();
        if (tree_too) {  // nothing but the bytes could prove it now
            std::filesystem::remove(home.tree_path(id));
        } else {
            std::filesystem::remove_all(home.folder / "db");
        }
        disk.spoil(".data", 2 * kChunkBytes + 3 * kLeafBytes + 17);
        const auto opened = home.try_open();
        REQUIRE_MESSAGE(opened.ok(), (opened ? "" : opened.error().message));
        const auto content = home.contents->open(id);
        REQUIRE_MESSAGE(content.ok(), (content ? "" : content.error().message));
        CHECK((*content)->stored_bytes() == (tree_too ? 0 : bytes.size() - kLeafBytes));
        CHECK_FALSE(home.contents->repairs().empty());
        disk.heal();
        CHECK(readable_bytes(**content, bytes) == (*content)->stored_bytes());
    }
}

TEST_CASE("what another version wrote of a content is refused, not taken for nothing") {
    SystemDisk disk;
    Home home(disk);
    home.open();
    const Bytes bytes = random_bytes(2 * kChunkBytes, 11);
    const ContentId id = home.write(bytes);
    REQUIRE(home.contents->save().ok());
    const Bytes key = record_key(id);
    const Bytes record = *home.database->reader().get(key);
    Bytes other = record;
    SUBCASE("its record: the content cannot be opened") {
        other[0] = 2;
        REQUIRE(home.database->commit({{key, other}}, Durability::process_crash).ok());
        home.open();
        CHECK(home.contents->open(id).error().code == Code::corrupt);
        REQUIRE(home.database->commit({{key, record}}, Durability::process_crash).ok());
        CHECK(holds(*home.get(id), bytes));
    }
    SUBCASE("the state of the store: nothing can") {
        Bytes state = *home.database->reader().get(state_key());
        home.contents.reset();
        state[0] = 2;
        REQUIRE(home.database->commit({{state_key(), state}}, Durability::process_crash).ok());
        const auto opened = home.try_open();
        REQUIRE_FALSE(opened.ok());
        CHECK(opened.error().code == Code::corrupt);
    }
    SUBCASE("a record that is merely damaged is made anew from the files, and reported") {
        other.pop_back();
        REQUIRE(home.database->commit({{key, other}}, Durability::process_crash).ok());
        home.open();
        CHECK(holds(*home.get(id), bytes));
        CHECK(home.contents->repairs().size() == 1);
        home.open();
        CHECK(decode_content_record(*home.database->reader().get(key))->complete);
    }
}
