#include "engine/store/staging_log.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "engine/core/dice.hpp"
#include "engine/store/key_spaces.hpp"
#include "engine/store/staged_file.hpp"
#include "tests/store/faulty_disk.hpp"
#include "tests/support/scratch_folder.hpp"

namespace swarmfs::store {
namespace {

// The machine's disk, which says of itself how often the machine has started.
class BootedDisk final : public test::FaultyDisk {
public:
    std::string boot() override { return word; }
    std::string word = "first";
};

// One home: what is opened in it, and dies without a word.
struct LoggedHome {
    LoggedHome() {
        REQUIRE(disk.make_folder(home / "db").ok());
        REQUIRE(disk.make_folder(home / "staging").ok());
        open();
    }

    void open() {
        database = std::move(Database::open(disk, home / "db").value());
        log = std::move(StagingLog::open(disk, *database, home / "log").value());
    }
    // As after kill -9: nothing is said, nothing closed. (The objects go, but the log's segments are
    // put back as they were, since an orderly end may remove some.)
    void crash() {
        std::filesystem::copy(home / "log", home / "saved");
        files.clear();
        log.reset();
        database.reset();
        std::filesystem::remove_all(home / "log");
        std::filesystem::rename(home / "saved", home / "log");
        open();
    }
    StagedFile& stage(std::uint64_t number, std::uint64_t base_size = 0) {
        InodeRecord record;
        record.inode = 100 + number;
        record.parent = kRootInode;
        record.name = "file " + std::to_string(number);
        record.content.size = base_size;
        auto made =
            StagedFile::create(disk, home / "staging", number, SwarmId{}, record, log.get());
        REQUIRE(made.ok());
        files.push_back(*std::move(made));
        return *files.back();
    }
    std::optional<StagingRow> row(std::uint64_t number) const {
        const auto bytes = database->reader().get(staging_key(number));
        return bytes ? decode_staging_row(*bytes) : std::nullopt;
    }
    std::size_t segments() const {
        const auto names = const_cast<BootedDisk&>(disk).list(home / "log");
        return names.ok() ? names->size() : 0;
    }

    test::ScratchFolder scratch;
    const Path home = scratch.path();
    BootedDisk disk;
    std::unique_ptr<Database> database;
    std::unique_ptr<StagingLog> log;
    std::vector<std::unique_ptr<StagedFile>> files;
};

Bytes bytes_of(std::size_t count) {
    return Bytes(count, 's');
}

}  // namespace

TEST_CASE("what was written and not closed is in a row after a crash") {
    LoggedHome at;
    StagedFile& file = at.stage(1, 1000);
    REQUIRE(file.write(10, bytes_of(5), 1).ok());
    REQUIRE(file.write(15, bytes_of(5), 2).ok());
    REQUIRE(file.write(2000, bytes_of(1), 3).ok());
    REQUIRE(file.write(12, bytes_of(2), 4).ok());  // there already: not worth a record
    const auto wanted = decode_staging_row(file.encoded_row());
    at.crash();
    const auto row = at.row(1);
    REQUIRE(row);
    CHECK(row->opened.inode == 101);
    CHECK(row->base_limit == 1000);
    CHECK(row->size == 2001);
    CHECK(row->mtime_ns == 3);
    CHECK(row->extents == wanted->extents);
    CHECK(at.log->had_writer(1));
}

TEST_CASE("everything that may become of a staged file is in its row after a crash") {
    SeededDice dice(7);
    LoggedHome at;
    StagedFile* file = &at.stage(1, 50'000);
    for (int round = 0; round < 300; ++round) {
        const std::uint64_t offset = dice.below(60'000);
        const std::uint64_t length = 1 + dice.below(5'000);
        switch (dice.below(7)) {
            case 0: REQUIRE(file->truncate(offset, round).ok()); break;
            case 1:
                REQUIRE(file->zero({offset, length}, StagedFile::Length::grows, round).ok());
                break;
            case 2:
                REQUIRE(file->reserve({offset, length}, StagedFile::Length::grows, round).ok());
                break;
            case 3: file->set_mtime(round); break;
            case 4: REQUIRE(file->fill(offset % 100, bytes_of(10)).ok()); break;
            default: REQUIRE(file->write(offset, bytes_of(length), round).ok()); break;
        }
        if (dice.below(20) == 0) {
            const auto wanted = decode_staging_row(file->encoded_row());
            at.crash();
            const auto row = at.row(1);
            REQUIRE(row);
            CHECK(row->size == wanted->size);
            CHECK(row->base_limit == wanted->base_limit);
            CHECK(row->extents == wanted->extents);
            auto again = StagedFile::recover(at.disk, at.home / "staging", *row, at.log.get());
            REQUIRE(again.ok());
            at.files.push_back(*std::move(again));
            file = at.files.back().get();
        }
    }
}

TEST_CASE("a file whose last writer has closed it had none, until it is written again") {
    LoggedHome at;
    StagedFile& closed = at.stage(1);
    StagedFile& again = at.stage(2);
    REQUIRE(closed.write(0, bytes_of(5), 1).ok());
    closed.note_closed();
    REQUIRE(again.write(0, bytes_of(5), 1).ok());
    again.note_closed();
    REQUIRE(again.write(5, bytes_of(5), 1).ok());
    at.crash();
    CHECK(at.row(1)->size == 5);
    CHECK_FALSE(at.log->had_writer(1));
    CHECK(at.row(2)->size == 10);
    CHECK(at.log->had_writer(2));
}

TEST_CASE("a file that the log has ended is as its row says, or has none") {
    LoggedHome at;
    StagedFile& published = at.stage(1);
    StagedFile& kept = at.stage(2);
    REQUIRE(published.write(0, bytes_of(5), 1).ok());
    published.end_log();
    REQUIRE(kept.write(0, bytes_of(5), 1).ok());
    Changes row;
    row[staging_key(2)] = kept.encoded_row();
    REQUIRE(at.database->commit(std::move(row), Durability::process_crash).ok());
    kept.end_log();
    at.crash();
    CHECK_FALSE(at.row(1));
    CHECK(at.row(2)->size == 5);
    CHECK_FALSE(at.log->had_writer(2));
}

TEST_CASE("what another start of the machine left, or other tables, counts for nothing") {
    LoggedHome at;
    REQUIRE(at.stage(1).write(0, bytes_of(5), 1).ok());
    SUBCASE("another start") {
        at.disk.word = "second";
    }
    SUBCASE("a start that cannot be told from others") {
        at.disk.word = "";
    }
    SUBCASE("the tables were lost") {
        std::filesystem::copy(at.home / "log", at.home / "kept");
        at.files.clear();
        at.log.reset();
        at.database.reset();
        std::filesystem::remove_all(at.home / "db");
        std::filesystem::remove_all(at.home / "log");
        std::filesystem::rename(at.home / "kept", at.home / "log");
        REQUIRE(at.disk.make_folder(at.home / "db").ok());
        at.open();
        CHECK_FALSE(at.row(1));
        return;
    }
    at.crash();
    CHECK_FALSE(at.row(1));
    CHECK(at.segments() == 0);
}

TEST_CASE("a record that is torn ends what is believed, and what was before it stands") {
    LoggedHome at;
    StagedFile& file = at.stage(1);
    REQUIRE(file.write(0, bytes_of(5), 1).ok());
    const auto segment = *std::filesystem::directory_iterator(at.home / "log");
    const auto size = std::filesystem::file_size(segment);
    REQUIRE(file.write(5, bytes_of(5), 1).ok());
    REQUIRE(std::filesystem::file_size(segment) > size);
    SUBCASE("cut short") {
        std::filesystem::resize_file(segment, size + 20);
    }
    SUBCASE("damaged") {
        std::fstream out(segment.path(), std::ios::in | std::ios::out | std::ios::binary);
        out.seekp(static_cast<std::streamoff>(size) + 20);
        out.put('x');
    }
    at.crash();
    CHECK(at.row(1)->size == 5);
}

TEST_CASE("a write that cannot be logged fails, and what was logged stands") {
    LoggedHome at;
    StagedFile& file = at.stage(1);
    REQUIRE(file.write(0, bytes_of(5), 1).ok());
    at.disk.fail_at(1, test::Fault::no_space, true);  // the bytes arrive, their record does not
    const auto written = file.write(5, bytes_of(5), 2);
    REQUIRE_FALSE(written.ok());
    CHECK(written.error().code == Code::no_space);
    at.disk.heal();
    at.crash();
    CHECK(at.row(1)->size == 5);
}

TEST_CASE("segments go when no file needs them, and a file that lives on moves to the newest") {
    LoggedHome at;
    StagedFile& old = at.stage(1, 10);
    REQUIRE(old.write(0, bytes_of(5), 1).ok());
    StagedFile& busy = at.stage(2);
    // Every other byte, so that each write is worth a record.
    constexpr std::uint64_t kWrites = 3 * StagingLog::kSegmentBytes / 49;
    for (std::uint64_t i = 0; i < kWrites; ++i) {
        REQUIRE(busy.write(i % 1000 * 2 + i / 1000 * 4096, bytes_of(1), 1).ok());
        if (i % 1000 == 999) {
            REQUIRE(busy.truncate(0, 1).ok());
        }
    }
    CHECK(at.segments() == 2);  // the one that only `old` needs, and the newest
    REQUIRE(old.write(20, bytes_of(5), 1).ok());
    CHECK(at.segments() == 1);
    at.crash();
    CHECK(at.row(1)->extents == std::vector<Range>{{0, 5}, {20, 5}});
}

}  // namespace swarmfs::store
