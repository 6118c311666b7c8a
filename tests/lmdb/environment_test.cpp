#include "engine/lmdb/environment.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <fstream>
#include <map>
#include <thread>

#include "engine/core/dice.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace swarmfs;
using namespace swarmfs::lmdb;
using swarmfs::test::ScratchFolder;

namespace {

std::unique_ptr<Environment> opened(const std::filesystem::path& file, Options options = {}) {
    auto environment = Environment::open(file, options);
    REQUIRE_MESSAGE(environment.ok(), (environment ? "" : environment.error().message));
    return std::move(environment).value();
}

void put(Environment& environment, std::string_view key, ByteSpan value) {
    auto transaction = environment.begin_write();
    REQUIRE(transaction.ok());
    transaction->put(as_bytes(key), value);
    REQUIRE(transaction->commit().ok());
}

void fill(Environment& environment, int from, int to, std::size_t value_bytes) {
    auto transaction = environment.begin_write();
    REQUIRE(transaction.ok());
    for (int i = from; i < to; ++i) {
        transaction->put(as_bytes("key " + std::to_string(i)),
                         Bytes(value_bytes, static_cast<std::uint8_t>(i)));
    }
    const auto committed = transaction->commit();
    REQUIRE_MESSAGE(committed.ok(), (committed ? "" : committed.error().message));
}

std::string get(const Environment& environment, std::string_view key) {
    const auto transaction = environment.begin_read();
    REQUIRE(transaction.ok());
    const auto value = transaction->get(as_bytes(key));
    CHECK_FALSE(transaction->failed());
    return value ? std::string(as_text(*value)) : "<absent>";
}

void overwrite(const std::filesystem::path& file, std::uint64_t offset, ByteSpan bytes) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

TEST_CASE("what was committed is there after closing and opening, the rest is not") {
    const ScratchFolder folder;
    {
        const auto environment = opened(folder / "t.mdb");
        put(*environment, "kept", as_bytes("yes"));
        auto lost = environment->begin_write();
        REQUIRE(lost.ok());
        lost->put(as_bytes("dropped"), as_bytes("no"));
        CHECK(as_text(lost->get(as_bytes("dropped")).value()) == "no");
    }
    const auto environment = opened(folder / "t.mdb");
    CHECK(get(*environment, "kept") == "yes");
    CHECK(get(*environment, "dropped") == "<absent>");
}

TEST_CASE(
    "a scan visits the keys of a prefix in order, from where it is told, until it is stopped") {
    const ScratchFolder folder;
    const auto environment = opened(folder / "t.mdb");
    for (const char* key : {"a", "b1", "b2", "b3", "c"}) {
        put(*environment, key, as_bytes(key));
    }
    const auto transaction = environment->begin_read();
    REQUIRE(transaction.ok());
    const auto scanned = [&](std::string_view prefix, std::string_view from, std::size_t most) {
        std::string seen;
        transaction->scan(as_bytes(prefix), as_bytes(from), [&](ByteSpan key, ByteSpan value) {
            CHECK(as_text(key) == as_text(value));
            seen += std::string(as_text(key)) + " ";
            return --most > 0;
        });
        return seen;
    };
    CHECK(scanned("b", "", 9) == "b1 b2 b3 ");
    CHECK(scanned("b", "b1x", 9) == "b2 b3 ");
    CHECK(scanned("b", "a", 2) == "b1 b2 ");
    CHECK(scanned("", "", 9) == "a b1 b2 b3 c ");
    CHECK(scanned("b", "c", 9).empty());
    CHECK(scanned("x", "", 9).empty());
}

TEST_CASE("the map grows in the middle of a transaction without losing any of its changes") {
    const ScratchFolder folder;
    Options options;
    options.map_bytes_at_start = 256 << 10;
    const auto environment = opened(folder / "t.mdb", options);
    fill(*environment, 0, 2000, 3000);
    CHECK(environment->map_bytes() >= 6'000'000);
    const auto transaction = environment->begin_read();
    int seen = 0;
    transaction->scan({}, {}, [&](ByteSpan, ByteSpan value) {
        ++seen;
        return value.size() == 3000;
    });
    CHECK(seen == 2000);
}

TEST_CASE("a map that may not grow further refuses with no_space, and what was there stays") {
    const ScratchFolder folder;
    Options options;
    options.map_bytes_at_start = 256 << 10;
    options.map_bytes_max = 512 << 10;
    const auto environment = opened(folder / "t.mdb", options);
    put(*environment, "first", as_bytes("kept"));
    auto transaction = environment->begin_write();
    for (int i = 0; i < 1000; ++i) {
        transaction->put(as_bytes("big " + std::to_string(i)), Bytes(2000));
    }
    CHECK(transaction->failed());
    const auto committed = transaction->commit();
    REQUIRE_FALSE(committed.ok());
    CHECK(committed.error().code == Code::no_space);
    CHECK(get(*environment, "first") == "kept");
    put(*environment, "later", as_bytes("fits"));
    CHECK(get(*environment, "later") == "fits");
}

TEST_CASE("two readers keep the state they began with while a writer commits and grows the map") {
    const ScratchFolder folder;
    Options options;
    options.map_bytes_at_start = 256 << 10;
    const auto environment = opened(folder / "t.mdb", options);
    put(*environment, "round", as_bytes("0"));
    std::atomic<bool> stop = false;
    std::atomic<int> torn = 0;
    std::atomic<int> reads = 0;
    const auto reader = [&] {
        while (!stop) {
            const auto transaction = environment->begin_read();
            if (!transaction) {
                ++torn;
                continue;
            }
            const auto round = transaction->get(as_bytes("round"));
            const auto same = transaction->get(as_bytes("same round"));
            torn += round && same && *round != *same ? 1 : 0;
            torn += transaction->failed() ? 1 : 0;
            ++reads;
        }
    };
    std::thread first(reader);
    std::thread second(reader);
    for (int round = 1; round <= 60 || reads < 200; ++round) {
        auto transaction = environment->begin_write();
        REQUIRE(transaction.ok());
        const std::string text = std::to_string(round);
        transaction->put(as_bytes("round"), as_bytes(text));
        transaction->put(as_bytes("bulk " + text), Bytes(round <= 60 ? 40'000 : 10));
        transaction->put(as_bytes("same round"), as_bytes(text));
        const auto committed = transaction->commit();
        CHECK_MESSAGE(committed.ok(), (committed ? "" : committed.error().message));
    }
    stop = true;
    first.join();
    second.join();
    CHECK(torn == 0);
    CHECK(environment->map_bytes() > options.map_bytes_at_start);
}

TEST_CASE("a file open in this process is not opened twice") {
    const ScratchFolder folder;
    {
        const auto environment = opened(folder / "t.mdb");
        const auto second = Environment::open(folder / "t.mdb");
        REQUIRE_FALSE(second.ok());
        CHECK(second.error().code == Code::busy);
    }
    CHECK(Environment::open(folder / "t.mdb").ok());
}

TEST_CASE("the slots of readers that died are freed at open") {
    const ScratchFolder folder;
    opened(folder / "t.mdb");
    // A slot is stale only while the lock file lives on, so a second process keeps it in use.
    int to_child[2];
    int from_child[2];
    REQUIRE(::pipe(to_child) == 0);
    REQUIRE(::pipe(from_child) == 0);
    const pid_t holder = ::fork();
    REQUIRE(holder >= 0);
    if (holder == 0) {
        ::close(to_child[1]);  // so that the parent's death or close is seen
        const auto environment = Environment::open(folder / "t.mdb");
        const auto reader = (*environment)->begin_read();
        [[maybe_unused]] auto said = ::write(from_child[1], "r", 1);
        char byte = 0;
        said = ::read(to_child[0], &byte, 1);
        ::_exit(0);
    }
    char ready = 0;
    REQUIRE(::read(from_child[0], &ready, 1) == 1);
    const pid_t victim = ::fork();
    if (victim == 0) {
        const auto environment = Environment::open(folder / "t.mdb");
        const auto reader = (*environment)->begin_read();
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ::waitpid(victim, &status, 0);
    const auto environment = opened(folder / "t.mdb");
    CHECK(environment->stale_readers_at_open() == 1);
    ::close(to_child[1]);
    ::waitpid(holder, &status, 0);
    for (const int end : {to_child[0], from_child[0], from_child[1]}) {
        ::close(end);
    }
}

TEST_CASE("a damaged file is refused as corrupt, with its name and the next step, never a crash") {
    const ScratchFolder folder;
    const auto file = folder / "t.mdb";
    {
        const auto environment = opened(file);
        fill(*environment, 0, 3000, 100);
        fill(*environment, 3000, 3010, 20'000);  // overflow pages
    }
    const auto bytes = std::filesystem::file_size(file);
    const auto refused = [&](const std::string& how) {
        const auto again = Environment::open(file);
        REQUIRE_MESSAGE(!again.ok(), how);
        CHECK_MESSAGE(again.error().code == Code::corrupt, how);
        CHECK(again.error().message.find(file.string()) != std::string::npos);
        CHECK(again.error().message.find("move it away") != std::string::npos);
    };
    SUBCASE("not a table file at all") {
        overwrite(file, 0, Bytes(8192, 0x5A));
        refused("garbage");
    }
    SUBCASE("a text") {
        std::ofstream(file, std::ios::trunc) << "hello";
        refused("text");
    }
    SUBCASE("cut in half") {
        std::filesystem::resize_file(file, bytes / 2);
        refused("half");
    }
    SUBCASE("cut to its headers") {
        std::filesystem::resize_file(file, 8192);
        refused("headers");
    }
    SUBCASE("cut inside its headers") {
        std::filesystem::resize_file(file, 5000);
        refused("inside the headers");
    }
    SUBCASE("headers in each other's place") {
        Bytes pages(2 * 4096);
        std::ifstream(file, std::ios::binary)
            .read(reinterpret_cast<char*>(pages.data()),
                  static_cast<std::streamsize>(pages.size()));
        std::rotate(pages.begin(), pages.begin() + 4096, pages.end());
        overwrite(file, 0, pages);
        refused("swapped");
    }
    SUBCASE("a tree with another order of keys") {
        for (const std::size_t header : {0, 4096}) {
            overwrite(file, header + 16 + 24 + 48 + 4, Bytes(1, 0x02));  // flags of the entries
        }
        refused("another order");
    }
    SUBCASE("zeros or noise in the middle") {
        Bytes noise(bytes / 2);
        SeededDice(7).fill(noise);
        overwrite(file, bytes / 4, noise);
        refused("noise");
    }
}

namespace {

enum class Outcome { refused, used, crashed };

// Opens, reads through and writes as a node does, in a process of its own.
Outcome try_to_use(const std::filesystem::path& file) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        Options options;
        options.sync = Sync::on_request;
        const auto environment = Environment::open(file, options);
        if (!environment) {
            ::_exit(environment.error().code == Code::corrupt ? 1 : 2);
        }
        std::size_t total = 0;
        if (const auto reading = (*environment)->begin_read()) {
            reading->scan({}, {}, [&](ByteSpan key, ByteSpan value) {
                total += key.size() + value.size();
                return true;
            });
        }
        for (int round = 0; round < 3; ++round) {  // later ones use what earlier ones freed
            auto writing = (*environment)->begin_write();
            if (!writing) {
                break;
            }
            for (int i = 0; i < 40; ++i) {
                writing->put(as_bytes("key " + std::to_string(i * 10)), Bytes(300));
            }
            writing->put(as_bytes("large"), Bytes(30'000));
            writing->erase(as_bytes("key 401"));
            [[maybe_unused]] const auto committed = writing->commit();
        }
        ::_exit(total < std::filesystem::file_size(file) * 2 ? 0 : 2);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
        return Outcome::crashed;
    }
    return WEXITSTATUS(status) == 0 ? Outcome::used : Outcome::refused;
}

// A file with free pages of several transactions in lists of several lengths.
void make_well_used(const std::filesystem::path& file) {
    const auto environment = opened(file);
    fill(*environment, 0, 400, 200);
    fill(*environment, 400, 403, 9000);
    for (int round = 0; round < 4; ++round) {
        fill(*environment, round * 50, round * 50 + 120,
             150 + 40 * static_cast<std::size_t>(round));
    }
    auto transaction = environment->begin_write();
    REQUIRE(transaction.ok());
    for (int i = 100; i < 300; ++i) {
        transaction->erase(as_bytes("key " + std::to_string(i)));
    }
    REQUIRE(transaction->commit().ok());
}

}  // namespace

TEST_CASE("one flipped page never crashes: the file is refused, or opens, is read and written") {
    const ScratchFolder folder;
    const auto file = folder / "t.mdb";
    make_well_used(file);
    REQUIRE(try_to_use(file) == Outcome::used);
    std::filesystem::remove(file);
    make_well_used(file);
    const auto good = folder / "good";
    std::filesystem::copy_file(file, good);
    SeededDice dice(11);
    const auto bytes = std::filesystem::file_size(file);
    int refused = 0;
    for (int round = 0; round < 300; ++round) {
        CAPTURE(round);
        std::filesystem::copy_file(good, file, std::filesystem::copy_options::overwrite_existing);
        Bytes noise(1 + dice.below(24));
        dice.fill(noise);
        overwrite(file, dice.below(bytes), noise);
        const Outcome outcome = try_to_use(file);
        CHECK(outcome != Outcome::crashed);
        refused += outcome == Outcome::refused ? 1 : 0;
    }
    CHECK(refused > 0);
    CHECK(refused < 300);
}

TEST_CASE("a damaged list of free pages is refused before the first write can follow it") {
    const ScratchFolder folder;
    const auto file = folder / "t.mdb";
    make_well_used(file);
    const auto good = folder / "good";
    std::filesystem::copy_file(file, good);
    // Lists stand in leaf pages under 8-byte keys that are small numbers: found by their look.
    Bytes bytes(std::filesystem::file_size(file));
    std::ifstream(file, std::ios::binary)
        .read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    const auto number = [&](std::size_t at) {
        std::uint64_t value = 0;
        std::memcpy(&value, bytes.data() + at, sizeof(value));
        return value;
    };
    std::vector<std::size_t> lists;
    for (std::size_t at = 8192; at + 32 < bytes.size(); at += 2) {
        const std::uint64_t count = number(at + 8);
        const std::uint64_t last = bytes.size() / 4096;
        if (number(at) > 0 && number(at) < 16 && count > 2 && count < 400 &&
            at + 16 + 8 * count <= bytes.size() && number(at + 16) < last &&
            number(at + 24) < number(at + 16) && number(at + 24) > 1) {
            lists.push_back(at + 8);
        }
    }
    REQUIRE_FALSE(lists.empty());
    int refused = 0;
    for (const std::size_t list : lists) {
        for (const std::uint64_t wrong :
             {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 20, std::uint64_t{1} << 40,
              ~std::uint64_t{0}}) {
            for (const std::size_t index : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
                CAPTURE(list);
                CAPTURE(wrong);
                CAPTURE(index);
                std::filesystem::copy_file(good, file,
                                           std::filesystem::copy_options::overwrite_existing);
                Bytes value(8);
                std::memcpy(value.data(), &wrong, sizeof(wrong));
                overwrite(file, list + 8 * index, value);
                const Outcome outcome = try_to_use(file);
                CHECK(outcome != Outcome::crashed);
                refused += outcome == Outcome::refused ? 1 : 0;
            }
        }
    }
    CHECK(refused > 10);  // a page of an old version is looked at by nobody
}

TEST_CASE("a file that may not grow on disk fails the commit and keeps what was committed") {
    const ScratchFolder folder;
    const auto file = folder / "t.mdb";
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::signal(SIGXFSZ, SIG_IGN);
        auto environment = Environment::open(file);
        auto small = (*environment)->begin_write();
        small->put(as_bytes("small"), as_bytes("kept"));
        bool right = small->commit().ok();
        const rlimit limit{1 << 20, 1 << 20};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        auto large = (*environment)->begin_write();
        large->put(as_bytes("large"), Bytes(4 << 20));
        right = right && !large->commit().ok();
        auto later = (*environment)->begin_write();
        later->put(as_bytes("later"), as_bytes("fits"));
        right = right && later->commit().ok();
        ::_exit(right ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
    const auto environment = opened(file);
    CHECK(get(*environment, "small") == "kept");
    CHECK(get(*environment, "large") == "<absent>");
    CHECK(get(*environment, "later") == "fits");
}
