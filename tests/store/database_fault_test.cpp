// What a Database does when its disk fails, fills up, or loses power.

#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "engine/core/dice.hpp"
#include "engine/store/database.hpp"
#include "tests/store/crash_disk.hpp"
#include "tests/store/faulty_disk.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace swarmfs;
using namespace swarmfs::store;
using namespace swarmfs::test;

namespace {

constexpr Durability kCrash = Durability::process_crash;
constexpr Durability kPower = Durability::power_loss;

DatabaseOptions by_hand() {
    DatabaseOptions options;
    options.flush_after = std::chrono::milliseconds(0);
    options.segment_bytes = 16 << 10;
    return options;
}

Changes numbered(std::uint64_t number) {
    const std::string text = std::to_string(number);
    Changes changes;
    changes[to_bytes(as_bytes("Plast"))] = to_bytes(as_bytes(text));
    changes[to_bytes(as_bytes("P" + text))] = Bytes(number * 37 % 900);
    changes[to_bytes(as_bytes("\x01" + text))] = Bytes(number * 11 % 900);
    return changes;
}

bool holds(const KeyValueReader& reader, std::uint64_t number) {
    const std::string text = std::to_string(number);
    const auto main = reader.get(as_bytes("P" + text));
    const auto aside = reader.get(as_bytes("\x01" + text));
    return main && aside && main->size() == number * 37 % 900 && aside->size() == number * 11 % 900;
}

bool lacks(const KeyValueReader& reader, std::uint64_t number) {
    const std::string text = std::to_string(number);
    return !reader.get(as_bytes("P" + text)) && !reader.get(as_bytes("\x01" + text));
}

// A disk on which LMDB has no room while there is ballast; or none at all.
class FullDisk final : public FaultyDisk {
public:
    explicit FullDisk(Path ballast) : ballast_(std::move(ballast)) {}
    bool is_full = false;
    bool ballast_is_enough = true;

    Result<> commit(lmdb::WriteTransaction& transaction) override {
        const auto ballast = status(ballast_);
        const bool released = ballast && ballast->allocated_bytes == 0;
        if (is_full && !(released && ballast_is_enough)) {
            return disk_error(Code::no_space, "writing tables.mdb: No space left on device");
        }
        return FaultyDisk::commit(transaction);
    }
    Result<std::uint64_t> free_bytes(const Path& path) override {
        return is_full ? Result<std::uint64_t>(std::uint64_t{0}) : FaultyDisk::free_bytes(path);
    }

private:
    const Path ballast_;
};

}  // namespace

TEST_CASE(
    "whichever persistence call fails, and however: a clean error, and nothing acknowledged is "
    "lost") {
    struct Manner {
        Fault fault;
        bool lasting;
    };
    for (const Manner manner :
         {Manner{Fault::io, false}, Manner{Fault::io, true}, Manner{Fault::no_space, false},
          Manner{Fault::no_space, true}, Manner{Fault::short_write, false},
          Manner{Fault::short_write, true}}) {
        bool met = true;
        for (std::uint64_t nth = 0; met; ++nth) {
            const ScratchFolder folder(Medium::memory);
            FaultyDisk disk;
            disk.fail_at(nth, manner.fault, manner.lasting);
            std::vector<std::uint64_t> acknowledged;
            std::uint64_t refused_first = 0;
            for (std::uint64_t n = 1; n <= 20;) {
                auto database = Database::open(disk, folder / "db", by_hand());
                if (!database) {
                    CHECK(disk.met());
                    CHECK((database.error().code == Code::io ||
                           database.error().code == Code::no_space));
                    disk.heal();
                    continue;
                }
                for (const std::uint64_t stop = n + 7; n < stop && n <= 20; ++n) {
                    const auto committed =
                        (*database)->commit(numbered(n), n % 3 == 0 ? kPower : kCrash);
                    if (committed) {
                        acknowledged.push_back(n);
                        // Rule 4: a failure of the disk that is no full disk is final.
                        CHECK_FALSE((*database)->failure());
                    } else if (refused_first == 0) {
                        refused_first = n;
                        CHECK(disk.met());
                    }
                    if (n % 4 == 0) {
                        [[maybe_unused]] const auto flushed = (*database)->flush();
                    }
                }
            }
            met = disk.met();
            disk.heal();
            auto database = Database::open(disk, folder / "db", by_hand());
            REQUIRE_MESSAGE(database.ok(), database.error().message);
            for (const std::uint64_t n : acknowledged) {
                CHECK_MESSAGE(holds((*database)->reader(), n), "call " << nth << ", batch " << n);
            }
            for (std::uint64_t n = 1; n <= 20; ++n) {  // whole or not at all
                CHECK((holds((*database)->reader(), n) || lacks((*database)->reader(), n)));
            }
        }
    }
}

TEST_CASE("a failed sync is never retried into success") {
    const ScratchFolder folder(Medium::memory);
    FaultyDisk disk;
    auto database = std::move(Database::open(disk, folder / "db", by_hand())).value();
    REQUIRE(database->commit(numbered(1), kPower).ok());
    disk.before_sync = [&] { disk.fail_at(0, Fault::io, false); };
    CHECK_FALSE(database->commit(numbered(2), kPower).ok());
    disk.before_sync = nullptr;
    CHECK_FALSE(database->commit(numbered(3), kPower).ok());
    CHECK_FALSE(database->commit(numbered(4), kCrash).ok());
    CHECK_FALSE(database->sync().ok());
    CHECK_FALSE(database->flush().ok());
    REQUIRE(database->failure());
    CHECK(database->failure()->code == Code::io);
    CHECK(holds(database->reader(), 1));  // reads go on
    database.reset();
    database = std::move(Database::open(disk, folder / "db", by_hand())).value();
    CHECK(holds(database->reader(), 1));
    CHECK(lacks(database->reader(), 3));
    CHECK(lacks(database->reader(), 4));
}

TEST_CASE("a disk too full for LMDB leaves changes in the journal until there is room") {
    const ScratchFolder folder(Medium::memory);
    FaultyDisk disk;
    DatabaseOptions options = by_hand();
    options.unwritten_bytes_max = 64 << 10;
    auto database = std::move(Database::open(disk, folder / "db", options)).value();
    std::uint64_t n = 1;
    for (; n < 10; ++n) {
        REQUIRE(database->commit(numbered(n), kCrash).ok());
    }
    disk.fail_at(0, Fault::no_space, true);
    const auto flushed = database->flush();
    REQUIRE_FALSE(flushed.ok());
    CHECK(flushed.error().code == Code::no_space);
    CHECK_FALSE(database->failure());
    disk.heal();
    for (; n < 20; ++n) {
        REQUIRE(database->commit(numbered(n), kCrash).ok());
    }
    REQUIRE(database->flush().ok());
    for (std::uint64_t each = 1; each < n; ++each) {
        CHECK(holds(database->reader(), each));
    }
}

TEST_CASE(
    "a Database that was closed or killed on a full disk opens on one, and keeps its ballast") {
    const ScratchFolder folder(Medium::memory);
    SystemDisk disk;
    DatabaseOptions options = by_hand();
    options.ballast_bytes = 64 << 10;
    const auto ballast_bytes = [&] {
        return disk.status(folder / "db" / "ballast")->allocated_bytes;
    };
    {
        auto database = std::move(Database::open(disk, folder / "db", options)).value();
        CHECK(ballast_bytes() == options.ballast_bytes);
        REQUIRE(database->commit(numbered(1), kCrash).ok());
    }
    CHECK(ballast_bytes() == options.ballast_bytes);
    for (const bool enough : {true, false}) {
        CAPTURE(enough);
        FullDisk full(folder / "db" / "ballast");
        full.is_full = true;
        full.ballast_is_enough = enough;
        const auto opened = Database::open(full, folder / "db", options);
        CHECK(opened.ok() == enough);
        CHECK(ballast_bytes() == 0);
        if (!enough) {
            CHECK(opened.error().code == Code::no_space);
            CHECK(opened.error().message.find("free at least") != std::string::npos);
        }
    }
    auto database = std::move(Database::open(disk, folder / "db", options)).value();
    CHECK(ballast_bytes() == options.ballast_bytes);
    CHECK(holds(database->reader(), 1));
}

TEST_CASE("one sync serves everyone who waits for one") {
    const ScratchFolder folder(Medium::memory);
    FaultyDisk disk;
    const auto database = std::move(Database::open(disk, folder / "db", by_hand())).value();
    constexpr std::uint64_t kWriters = 8;
    const std::uint64_t syncs_before = disk.syncs();
    const std::uint64_t writes_before = disk.calls();
    // The first sync goes through only when every writer has appended its record.
    disk.before_sync = [&] {
        while (disk.calls() < writes_before + kWriters) {
            std::this_thread::yield();
        }
    };
    std::vector<std::thread> writers;
    for (std::uint64_t n = 1; n <= kWriters; ++n) {
        writers.emplace_back([&, n] { CHECK(database->commit(numbered(n), kPower).ok()); });
    }
    for (auto& writer : writers) {
        writer.join();
    }
    disk.before_sync = nullptr;
    CHECK(disk.syncs() - syncs_before <= 2);
}

namespace {

struct Survival {
    int lost = 0;  // acknowledged with power_loss, and gone
    int torn = 0;  // there in part
};

Survival survive_power_losses(Syncs syncs) {
    Survival survival;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        const ScratchFolder folder(Medium::memory);
        CrashDisk disk(syncs);
        SeededDice dice(seed);
        std::uint64_t n = 0;
        for (int round = 0; round < 4; ++round) {
            auto opened = Database::open(disk, folder / "db", by_hand());
            REQUIRE_MESSAGE(opened.ok(), (opened ? "" : opened.error().message));
            auto database = std::move(opened).value();
            std::uint64_t safe = n;
            const std::uint64_t until = n + 1 + dice.below(25);
            while (n < until) {
                const bool power = dice.below(3) == 0;
                ++n;
                REQUIRE(database->commit(numbered(n), power ? kPower : kCrash).ok());
                safe = power ? n : safe;
                if (dice.below(10) == 0) {
                    REQUIRE(database->flush().ok());
                    safe = n;
                }
                if (dice.below(10) == 0) {
                    REQUIRE(database->sync().ok());
                    safe = n;
                }
            }
            disk.stop_everything();
            database.reset();
            disk.lose_power(dice);

            auto again = Database::open(disk, folder / "db", by_hand());
            REQUIRE_MESSAGE(again.ok(), (again ? "" : again.error().message));
            const auto last = (*again)->reader().get(as_bytes("Plast"));
            const std::uint64_t found = last ? std::stoull(std::string(as_text(*last))) : 0;
            survival.lost += found < safe ? 1 : 0;
            for (std::uint64_t each = 1; each <= n; ++each) {
                const bool right = each <= found ? holds((*again)->reader(), each)
                                                 : lacks((*again)->reader(), each);
                survival.torn += right ? 0 : 1;
            }
            n = found;
        }
    }
    return survival;
}

}  // namespace

TEST_CASE("what was acknowledged as safe survives power loss, and batches are never seen in part") {
    const Survival survival = survive_power_losses(Syncs::work);
    CHECK(survival.lost == 0);
    CHECK(survival.torn == 0);
}

TEST_CASE("the power loss test bites: with syncs ignored, acknowledged batches are lost" *
          doctest::test_suite("single-threaded")) {
    const Survival survival = survive_power_losses(Syncs::are_ignored);
    CHECK(survival.lost > 0);
    CHECK(survival.torn == 0);  // checksums, not syncs, keep batches whole
}

TEST_CASE("a torn end of the journal is cut off and reported") {
    const ScratchFolder folder(Medium::memory);
    CrashDisk disk(Syncs::work);
    {
        auto database = std::move(Database::open(disk, folder / "db", by_hand())).value();
        REQUIRE(database->commit(numbered(1), kCrash).ok());
        REQUIRE(database->commit(numbered(2), kCrash).ok());
        disk.stop_everything();
    }
    const Path journal = folder / "db" / "journal-00000000.log";
    {
        std::fstream file(journal, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(180);  // inside the second record
        file.write("torn", 4);
    }
    SystemDisk plain;
    auto database = std::move(Database::open(plain, folder / "db", by_hand())).value();
    CHECK(database->report().repaired.size() == 1);
    CHECK(lacks(database->reader(), 2));
    REQUIRE(database->commit(numbered(2), kCrash).ok());
    CHECK(holds(database->reader(), 2));
}

TEST_CASE("a table file that was removed or replaced is noticed, not taken for an empty one") {
    const ScratchFolder folder(Medium::memory);
    SystemDisk disk;
    const Path main = folder / "db" / "tables.mdb";
    const Path aside = folder / "db" / "small.mdb";
    const auto run = [&](std::uint64_t number) {
        auto database = std::move(Database::open(disk, folder / "db", by_hand())).value();
        REQUIRE(database->commit(numbered(number), kCrash).ok());
    };
    run(1);
    std::filesystem::copy_file(main, folder / "old tables");
    run(2);
    SUBCASE("tables.mdb removed") {
        std::filesystem::remove(main);
    }
    SUBCASE("tables.mdb emptied") {
        std::filesystem::resize_file(main, 0);
    }
    SUBCASE("small.mdb removed") {
        std::filesystem::remove(aside);
    }
    SUBCASE("tables.mdb from an old copy") {
        std::filesystem::copy_file(folder / "old tables", main,
                                   std::filesystem::copy_options::overwrite_existing);
    }
    SUBCASE("tables.mdb overwritten") {
        std::ofstream(main, std::ios::trunc) << "not a table";
    }
    const auto again = Database::open(disk, folder / "db", by_hand());
    REQUIRE_FALSE(again.ok());
    CHECK(again.error().code == Code::corrupt);
    CHECK(again.error().message.find("away") != std::string::npos);
}

namespace {

// A home as kill -9 leaves it: three changes acknowledged, in the journal alone.
void leave_in_journal(const Path& folder) {
    CrashDisk disk(Syncs::work);
    auto database = std::move(Database::open(disk, folder, by_hand())).value();
    for (std::uint64_t n = 1; n <= 3; ++n) {
        REQUIRE(database->commit(numbered(n), kPower).ok());
    }
    disk.stop_everything();
}

void overwrite(const Path& file, std::streamoff offset, const Bytes& bytes) {
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(offset);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
}

Bytes bytes_of(const Path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

TEST_CASE("a journal of another version is refused and left as it is") {
    const ScratchFolder folder(Medium::memory);
    leave_in_journal(folder / "db");
    const Path journal = folder / "db" / "journal-00000000.log";
    const Bytes right = bytes_of(journal);
    overwrite(journal, 8, {0, 0, 0, 2});
    const Bytes other = bytes_of(journal);
    SystemDisk disk;
    const auto refused = Database::open(disk, folder / "db", by_hand());
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == Code::corrupt);
    CHECK(refused.error().message.find("another version") != std::string::npos);
    CHECK(bytes_of(journal) == other);
    overwrite(journal, 0, right);
    const auto database = std::move(Database::open(disk, folder / "db", by_hand())).value();
    CHECK(holds(database->reader(), 3));
}

TEST_CASE("below a damaged header, records that prove themselves count, and it is reported") {
    for (const std::streamoff at : {0, 13, 20, 37}) {
        const ScratchFolder folder(Medium::memory);
        leave_in_journal(folder / "db");
        overwrite(folder / "db" / "journal-00000000.log", at, {0xa5});
        SystemDisk disk;
        const auto database = std::move(Database::open(disk, folder / "db", by_hand())).value();
        CHECK(database->report().repaired.size() == 1);
        for (std::uint64_t n = 1; n <= 3; ++n) {
            CHECK(holds(database->reader(), n));
        }
    }
}

TEST_CASE("a journal file that proves nothing is reported and kept, not used again") {
    const Bytes noise(4096, 0x5a);
    for (const Bytes& page : {noise, Bytes(64)}) {
        const ScratchFolder folder(Medium::memory);
        leave_in_journal(folder / "db");
        const Path journal = folder / "db" / "journal-00000000.log";
        overwrite(journal, 0, page);
        const Bytes damaged = bytes_of(journal);
        SystemDisk disk;
        for (std::uint64_t n = 4; n <= 6; ++n) {
            const auto database = std::move(Database::open(disk, folder / "db", by_hand())).value();
            CHECK(database->report().repaired.size() == (n == 4 ? 1 : 0));
            REQUIRE(database->commit(numbered(n), kCrash).ok());
        }
        CHECK(bytes_of(journal.string() + ".damaged-1") == damaged);
    }
}
