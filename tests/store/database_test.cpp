#include "engine/store/database.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "engine/core/clock.hpp"
#include "engine/core/dice.hpp"
#include "engine/store/journal_format.hpp"
#include "tests/store/faulty_disk.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace swarmfs;
using namespace swarmfs::store;
using swarmfs::test::Fault;
using swarmfs::test::FaultyDisk;
using swarmfs::test::ScratchFolder;

namespace {

constexpr Durability kCrash = Durability::process_crash;
constexpr Durability kPower = Durability::power_loss;

DatabaseOptions by_hand() {
    DatabaseOptions options;
    options.flush_after = std::chrono::milliseconds(0);
    options.segment_bytes = 64 << 10;
    return options;
}

std::unique_ptr<Database> opened(Disk& disk, const Path& folder,
                                 const DatabaseOptions& options = by_hand()) {
    auto database = Database::open(disk, folder, options);
    REQUIRE_MESSAGE(database.ok(), (database ? "" : database.error().message));
    return std::move(database).value();
}

void put(Database& database, std::string_view key, std::string_view value,
         Durability durability = kCrash) {
    Batch batch = database.begin();
    batch.put(as_bytes(key), as_bytes(value));
    const auto committed = database.commit(std::move(batch), durability);
    REQUIRE_MESSAGE(committed.ok(), (committed ? "" : committed.error().message));
}

std::string get(const KeyValueReader& reader, std::string_view key) {
    const auto value = reader.get(as_bytes(key));
    return value ? std::string(as_text(*value)) : "<absent>";
}

using Contents = std::vector<std::pair<std::string, std::string>>;

Contents scanned(const KeyValueReader& reader, std::string_view prefix, std::string_view from = "",
                 std::size_t most = 1u << 30) {
    Contents found;
    reader.scan(as_bytes(prefix), as_bytes(from), [&](ByteSpan key, ByteSpan value) {
        found.emplace_back(as_text(key), as_text(value));
        return found.size() < most;
    });
    return found;
}

}  // namespace

TEST_CASE("a batch sees its own changes at once, others see them together after the commit") {
    const ScratchFolder folder;
    SystemDisk disk;
    const auto database = opened(disk, folder / "db");
    put(*database, "a", "old");
    Batch batch = database->begin();
    batch.put(as_bytes("a"), as_bytes("new"));
    batch.put(as_bytes("b"), as_bytes("too"));
    CHECK(get(batch, "a") == "new");
    CHECK(get(database->reader(), "a") == "old");
    CHECK(get(database->reader(), "b") == "<absent>");
    REQUIRE(database->commit(std::move(batch), kCrash).ok());
    CHECK(get(database->reader(), "a") == "new");
    CHECK(get(database->reader(), "b") == "too");
}

TEST_CASE("a batch that is dropped changes nothing and lets the next one begin") {
    const ScratchFolder folder;
    SystemDisk disk;
    const auto database = opened(disk, folder / "db");
    {
        Batch batch = database->begin();
        batch.put(as_bytes("a"), as_bytes("never"));
    }
    put(*database, "b", "kept");
    CHECK(get(database->reader(), "a") == "<absent>");
}

TEST_CASE(
    "reading through batch, memtables and LMDB is reading one map, whatever is flushed when") {
    const ScratchFolder folder;
    SystemDisk disk;
    SeededDice dice(42);
    auto database = opened(disk, folder / "db");
    MemoryKeyValue twin;
    const auto random_key = [&] {
        return "P" + std::string(1 + dice.below(2), static_cast<char>('a' + dice.below(3))) +
               std::to_string(dice.below(60));
    };
    for (int round = 0; round < 300; ++round) {
        Batch batch = database->begin();
        for (std::uint64_t change = dice.below(12); change > 0; --change) {
            const std::string key = random_key();
            if (dice.below(3) == 0) {
                batch.erase(as_bytes(key));
                twin.erase(as_bytes(key));
            } else {
                const std::string value(dice.below(300), static_cast<char>('0' + round % 10));
                batch.put(as_bytes(key), as_bytes(value));
                twin.put(as_bytes(key), as_bytes(value));
            }
        }
        const std::string prefix = dice.below(2) == 0 ? "P" : random_key().substr(0, 2);
        const std::string from = dice.below(2) == 0 ? "" : random_key();
        const std::size_t most = dice.below(3) == 0 ? 1 + dice.below(40) : 1u << 30;
        CHECK(scanned(batch, prefix, from, most) == scanned(twin, prefix, from, most));
        CHECK(get(batch, random_key()).size() <= 300);
        CHECK_FALSE(batch.failed());
        REQUIRE(database->commit(std::move(batch), kCrash).ok());
        CHECK(scanned(database->reader(), prefix, from) == scanned(twin, prefix, from));
        if (dice.below(10) == 0) {
            REQUIRE(database->flush().ok());
        }
        if (dice.below(40) == 0) {
            database.reset();
            database = opened(disk, folder / "db");
        }
    }
    CHECK(scanned(database->reader(), "P") == scanned(twin, "P"));
    CHECK_FALSE(database->reader().failed());
}

TEST_CASE("a visitor may write to the batch it scans, and read through it") {
    const ScratchFolder folder;
    SystemDisk disk;
    const auto database = opened(disk, folder / "db");
    Batch batch = database->begin();
    for (int i = 0; i < 100; ++i) {
        batch.put(as_bytes("k" + std::to_string(100 + i)), as_bytes("v"));
    }
    int seen = 0;
    batch.scan(as_bytes("k"), {}, [&](ByteSpan key, ByteSpan) {
        batch.erase(key);
        ++seen;
        return !batch.get(key);
    });
    CHECK(seen == 100);
    CHECK(scanned(batch, "k").empty());
    REQUIRE(database->commit(std::move(batch), kCrash).ok());
    CHECK(scanned(database->reader(), "k").empty());
}

TEST_CASE("small contents are kept in a file of their own and read like everything else") {
    const ScratchFolder folder;
    SystemDisk disk;
    {
        const auto database = opened(disk, folder / "db");
        put(*database, "\x01small", std::string(3000, 's'));
        put(*database, "Pname", "x");
        REQUIRE(database->flush().ok());
        put(*database, "\x01tiny", "t");
    }
    const auto database = opened(disk, folder / "db");
    CHECK(get(database->reader(), "\x01small") == std::string(3000, 's'));
    CHECK(scanned(database->reader(), "\x01").size() == 2);
    CHECK(scanned(database->reader(), "P").size() == 1);
}

TEST_CASE("what kill -9 interrupts is replayed: every acknowledged batch is there, and whole") {
    const ScratchFolder folder;
    SystemDisk disk;
    SeededDice dice(9);
    std::uint64_t acknowledged = 0;
    for (int round = 0; round < 25; ++round) {
        int told[2];
        REQUIRE(::pipe(told) == 0);
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            DatabaseOptions options = by_hand();
            options.flush_bytes = 16 << 10;
            auto database = Database::open(disk, folder / "db", options);
            for (std::uint64_t n = acknowledged + 1;; ++n) {
                Batch batch = (*database)->begin();
                const std::string number = std::to_string(n);
                batch.put(as_bytes("Pone"), as_bytes(number));
                batch.put(as_bytes("\x01two"), as_bytes(number));
                batch.put(as_bytes("P" + number), Bytes(n % 700));
                if (!(*database)->commit(std::move(batch), n % 7 == 0 ? kPower : kCrash) ||
                    ::write(told[1], &n, sizeof(n)) != sizeof(n)) {
                    ::_exit(1);
                }
            }
        }
        ::close(told[1]);
        std::uint64_t until = acknowledged + 1 + dice.below(200);
        std::uint64_t n = acknowledged;
        while (n < until && ::read(told[0], &n, sizeof(n)) == sizeof(n)) {
        }
        ::kill(child, SIGKILL);
        while (::read(told[0], &n, sizeof(n)) == sizeof(n)) {
        }
        ::close(told[0]);
        int status = 0;
        ::waitpid(child, &status, 0);
        CHECK(WIFSIGNALED(status));

        const auto database = opened(disk, folder / "db");
        const std::string found = get(database->reader(), "Pone");
        CHECK(get(database->reader(), "\x01two") == found);
        // The last one may be there without having been acknowledged, never the other way round.
        CHECK(std::stoull(found) >= n);
        CHECK(std::stoull(found) <= n + 1);
        acknowledged = std::stoull(found);
        for (std::uint64_t each = acknowledged > 300 ? acknowledged - 300 : 1; each <= acknowledged;
             ++each) {
            CHECK(get(database->reader(), "P" + std::to_string(each)).size() == each % 700);
        }
    }
}

TEST_CASE("a full disk fails the commit, changes nothing, and later commits succeed") {
    Fault fault = Fault::none;
    SUBCASE("nothing written") {
        fault = Fault::no_space;
    }
    SUBCASE("half written") {
        fault = Fault::short_write;
    }
    const ScratchFolder folder;
    FaultyDisk disk;
    {
        const auto database = opened(disk, folder / "db");
        put(*database, "a", "1");
        disk.fail_at(0, fault, false);
        const auto refused = database->commit(Changes{{Bytes{'b'}, Bytes{'2'}}}, kCrash);
        REQUIRE_FALSE(refused.ok());
        CHECK(refused.error().code == Code::no_space);
        CHECK(get(database->reader(), "b") == "<absent>");
        CHECK_FALSE(database->failure());
        put(*database, "c", "3", kPower);
    }
    const auto database = opened(disk, folder / "db");
    CHECK(get(database->reader(), "a") == "1");
    CHECK(get(database->reader(), "b") == "<absent>");
    CHECK(get(database->reader(), "c") == "3");
}

TEST_CASE("one batch takes what the largest publication changes, and survives a kill whole" *
          doctest::test_suite("single-threaded")) {
    constexpr std::uint64_t kEntries = std::uint64_t{1} << 18;  // catalog::kPublicationEntriesMax
    constexpr std::size_t kEntryBytes = 340;                    // an ordinary one, in one row here
    static_assert(kBatchBytesMax / kEntries >= 1190, "with names as long as can be");
    const ScratchFolder folder(test::Medium::memory);
    SystemDisk disk;
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const auto database = opened(disk, folder.path());
        Batch batch = database->begin();
        for (std::uint64_t i = 0; i < kEntries; ++i) {
            batch.put(as_bytes("Pentry " + std::to_string(i)), Bytes(kEntryBytes - 24));
        }
        ::_exit(database->commit(std::move(batch), kCrash).ok() ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(status == 0);
    const auto database = opened(disk, folder.path());
    CHECK(database->report().replayed_batches == 1);
    std::uint64_t found = 0;
    database->reader().scan(as_bytes("P"), {}, [&](ByteSpan, ByteSpan) { return ++found > 0; });
    CHECK(found == kEntries);
}
