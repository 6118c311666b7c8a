// The cache, pins, eviction by hand and verification, between nodes of one process.

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "engine/node/pins.hpp"
#include "tests/node/members.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using test::join_all;
using test::random_text;
using test::TestNode;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

std::uint64_t stored(TestNode& node, const std::string& name) {
    const auto found = node.volume()->lookup(kRootInode, name);
    return found.ok() ? found->stored_bytes : 0;
}

bool shows(TestNode& node, const std::string& name, std::uint64_t size) {
    const auto found = node.volume()->lookup(kRootInode, name);
    return found.ok() && found->size == size;
}

// Bytes of the disk that the contents of a node take.
std::uint64_t room_of_contents(TestNode& node) {
    std::uint64_t blocks = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(node.folder("home") / "content")) {
        struct stat status {};
        if (::stat(entry.path().c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
            blocks += static_cast<std::uint64_t>(status.st_blocks);
        }
    }
    return blocks * 512;
}

Result<std::string> read_at(Volume& volume, FileHandle handle, std::uint64_t offset,
                            std::size_t length) {
    std::promise<Result<std::string>> answer;
    volume.read(handle, offset, length, std::chrono::seconds(20), [&](Result<ByteSpan> bytes) {
        answer.set_value(bytes.ok() ? Result<std::string>(std::string(as_text(*bytes)))
                                    : Result<std::string>(bytes.error()));
    });
    return answer.get_future().get();
}

// Reads a file in order, in pieces, as a program does. Returns: what it read; the most room that
// contents took on the way.
std::pair<std::string, std::uint64_t> read_in_order(TestNode& node, const std::string& name) {
    constexpr std::size_t kPiece = 128 * 1024;
    const auto volume = node.volume();
    const Attributes file = volume->lookup(kRootInode, name).value();
    const FileHandle handle = volume->open(file.inode, Access::read).value();
    std::string text;
    std::uint64_t most = 0;
    while (text.size() < file.size) {
        const auto piece = read_at(*volume, handle, text.size(), kPiece);
        REQUIRE_MESSAGE(piece.ok(), (piece.ok() ? "" : piece.error().message));
        text += *piece;
        if (text.size() % kMiB == 0) {
            most = std::max(most, room_of_contents(node));
        }
    }
    volume->release(handle);
    return {text, most};
}

std::string root_of(TestNode& node, const std::string& name) {
    const auto volume = node.volume();
    std::promise<std::string> root;
    volume->extended_attributes().get(
        volume->lookup(kRootInode, name)->inode, "swarmfs.root",
        [&](const Result<std::optional<Bytes>>& value) {
            root.set_value(value.ok() && *value ? std::string(as_text(**value)) : std::string());
        });
    return root.get_future().get();
}

json of_cache(TestNode& node) {
    return node.ask("status", json::object()).at("cache");
}

Code refusal(TestNode& node, const std::string& method, const std::string& path) {
    const auto answer = node.call(method, {{"path", path}});
    REQUIRE_FALSE(answer.ok());
    return answer.error().code;
}

}  // namespace

TEST_CASE("a reader's cache stays within its limit, and what is read is right, also again") {
    TestNode alice;
    TestNode bob(80, {8 * kMiB, {0, 0}});
    join_all(alice, {&bob});
    const std::string text = random_text(40 * kMiB, 1);
    alice.write("file", text);
    REQUIRE(bob.eventually([&] { return shows(bob, "file", text.size()); }));
    for (int again = 0; again < 2; ++again) {
        const auto [read, most] = read_in_order(bob, "file");
        CHECK(read == text);
        // What is under way on each of two links, and the tree, which is a 256th.
        CHECK(most <= 8 * kMiB + 4 * kChunkBytes + text.size() / 128);
        CHECK(of_cache(bob).at("bytes").get<std::uint64_t>() <= 8 * kMiB);
    }
    CHECK(of_cache(bob).at("evicted_bytes").get<std::uint64_t>() > 50 * kMiB);
    CHECK(stored(alice, "file") == text.size());
}

TEST_CASE("without anybody else who keeps it nothing goes, and reading goes on over the limit") {
    TestNode alice;
    TestNode bob(80, {4 * kMiB, {0, 0}});
    join_all(alice, {&bob});
    const std::string text = random_text(3 * kMiB, 2);
    alice.write("one", text);
    REQUIRE(bob.eventually([&] { return shows(bob, "one", text.size()); }));
    CHECK(read_in_order(bob, "one").first == text);
    alice.stop();
    CHECK(refusal(bob, "evict", "one") == Code::unavailable);
    CHECK(stored(bob, "one") == text.size());
}

TEST_CASE("evicting gives a file back that its author has, and says why it keeps another") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    const std::string text = random_text(2 * kMiB + 5, 3);
    alice.write("file", text);
    alice.write("small", "a few bytes");
    bob.write("own", text + "own");
    REQUIRE(bob.eventually([&] { return shows(bob, "file", text.size()); }));
    REQUIRE(bob.eventually([&] { return shows(bob, "small", 11); }));
    CHECK(bob.read("file").value() == text);
    CHECK(bob.read("small").value() == "a few bytes");
    CHECK(stored(bob, "file") == text.size());
    const json evicted = bob.ask("evict", {{"path", "/file"}});
    CHECK(evicted.at("bytes") == text.size());
    CHECK(evicted.at("files") == 1);
    CHECK(stored(bob, "file") == 0);
    CHECK(bob.ask("evict", {{"path", "small"}}).at("bytes") == 11);
    CHECK(bob.read("file").value() == text);
    CHECK(bob.read("small").value() == "a few bytes");
    CHECK(refusal(bob, "evict", "own") == Code::permission);
    CHECK(refusal(bob, "evict", "nothing") == Code::not_found);
    CHECK(refusal(alice, "evict", "file") == Code::permission);
    bob.ask("pin", {{"path", "file"}});
    CHECK(refusal(bob, "evict", "file") == Code::busy);
    CHECK(bob.eventually([&] {  // the small one, once whoever brought it has let go of it
        const auto some = bob.call("evict", {{"path", ""}});
        return some.ok() && some->at("files") == 1 && some->at("kept_files") == 2;
    }));
    bob.ask("unpin", {{"path", "file"}});
    REQUIRE(bob.eventually([&] { return bob.call("evict", {{"path", "file"}}).ok(); }));
    CHECK(stored(bob, "file") == 0);
}

TEST_CASE("a file followed through its versions goes with what lies below it and no file shows") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    std::string text = random_text(12 * kMiB, 4);
    alice.write("film", text);
    REQUIRE(bob.eventually([&] { return shows(bob, "film", text.size()); }));
    CHECK(read_in_order(bob, "film").first == text);
    for (std::size_t version = 0; version < 3; ++version) {
        const std::string mark = "version " + std::to_string(version);
        text.replace(version * 3 * kMiB + 5, mark.size(), mark);
        const auto volume = alice.volume();
        const FileHandle handle =
            volume->open(volume->lookup(kRootInode, "film")->inode, Access::write).value();
        REQUIRE(volume->write(handle, version * 3 * kMiB + 5, as_bytes(mark)).ok());
        REQUIRE(volume->close_write(handle).ok());
        volume->release(handle);
        REQUIRE(bob.eventually([&] {
            const auto read = bob.read("film");
            return read.ok() && *read == text;
        }));
    }
    CHECK(bob.eventually([&] {
        (void)bob.call("evict", {{"path", "film"}});
        return stored(bob, "film") == 0;
    }));
    CHECK(bob.read("film").value() == text);
}

TEST_CASE("a limited cache follows a file through its versions, and stays within its limit") {
    TestNode alice;
    TestNode bob(80, {32 * kMiB, {0, 0}});
    join_all(alice, {&bob});
    std::string text = random_text(11 * kMiB, 30);
    alice.write("film", text);
    REQUIRE(bob.eventually([&] { return shows(bob, "film", text.size()); }));
    CHECK(read_in_order(bob, "film").first == text);
    const auto within = [&] {
        CHECK(of_cache(bob).at("bytes").get<std::uint64_t>() <= 32 * kMiB);
        CHECK(room_of_contents(bob) <= 33 * kMiB + 6 * 42 * kMiB / 128);
    };
    for (std::size_t version = 0; version < 5; ++version) {
        const std::string mark = random_text(700 * 1024, 40 + version);
        const std::size_t at = version * kMiB + 5;
        text.replace(at, mark.size(), mark);
        const auto volume = alice.volume();
        const FileHandle handle =
            volume->open(volume->lookup(kRootInode, "film")->inode, Access::write).value();
        REQUIRE(volume->write(handle, at, as_bytes(mark)).ok());
        REQUIRE(volume->close_write(handle).ok());
        volume->release(handle);
        REQUIRE(bob.eventually([&] {  // before anybody reads it
            return root_of(bob, "film") == root_of(alice, "film") && stored(bob, "film") > 8 * kMiB;
        }));
        within();
        CHECK(read_in_order(bob, "film").first == text);
        within();
    }
    // Another file needs all of the room: what lies below goes as well.
    const std::string other = random_text(31 * kMiB, 31);
    alice.write("other", other);
    REQUIRE(bob.eventually([&] { return shows(bob, "other", other.size()); }));
    for (int again = 0; again < 2; ++again) {
        CHECK(read_in_order(bob, "other").first == other);
        within();
    }
    CHECK(stored(bob, "film") < 6 * kMiB);
    CHECK(read_in_order(bob, "film").first == text);
}

TEST_CASE("versions that were replaced go first, at once, and not from under who reads one here") {
    TestNode alice;
    TestNode bob(80, {8 * kMiB, {0, 0}});
    join_all(alice, {&bob});
    const std::string other = random_text(kMiB, 8);
    alice.write("other", other);
    std::string text = random_text(3 * kMiB, 9);
    alice.write("log", text);
    REQUIRE(bob.eventually([&] { return shows(bob, "other", other.size()); }));
    REQUIRE(bob.eventually([&] { return shows(bob, "log", text.size()); }));
    const auto volume = bob.volume();
    const FileHandle old =
        volume->open(volume->lookup(kRootInode, "log")->inode, Access::read).value();
    const std::string first = text;
    CHECK(read_in_order(bob, "other").first == other);
    CHECK(read_in_order(bob, "log").first == text);
    for (std::uint64_t version = 0; version < 6; ++version) {
        text = random_text(3 * kMiB, 10 + version);
        alice.write("log", text);
        REQUIRE(bob.eventually([&] {
            const auto read = bob.read("log");
            return read.ok() && *read == text;
        }));
        CHECK(of_cache(bob).at("bytes").get<std::uint64_t>() <= 8 * kMiB);
        CHECK(room_of_contents(bob) <= 8 * kMiB + 4 * kChunkBytes + 7 * text.size() / 128);
    }
    // Used before all of those, and here whole: a version that was replaced went before it.
    CHECK(stored(bob, "other") == other.size());
    CHECK(of_cache(bob).at("evicted_bytes").get<std::uint64_t>() >= 9 * kMiB);
    CHECK(read_at(*volume, old, 0, 128 * 1024).value() == first.substr(0, 128 * 1024));
    volume->release(old);
}

TEST_CASE("a replaced version that is read here stays while nobody who published it is there") {
    TestNode alice;
    TestNode bob(80, {4 * kMiB, {0, 0}});
    TestNode carol;
    join_all(alice, {&bob, &carol});
    const std::string first = random_text(3 * kMiB, 20);
    alice.write("film", first);
    REQUIRE(bob.eventually([&] { return shows(bob, "film", first.size()); }));
    REQUIRE(carol.eventually([&] { return shows(carol, "film", first.size()); }));
    const auto volume = bob.volume();
    const FileHandle old =
        volume->open(volume->lookup(kRootInode, "film")->inode, Access::read).value();
    CHECK(read_in_order(bob, "film").first == first);
    alice.stop();
    const std::string second = random_text(3 * kMiB + 1, 21);
    carol.write("film", second);
    REQUIRE(bob.eventually([&] { return shows(bob, "film", second.size()); }));
    CHECK(read_in_order(bob, "film").first == second);
    // Of both there is room for one, and the second can be had from Carol.
    REQUIRE(
        bob.eventually([&] { return of_cache(bob).at("bytes").get<std::uint64_t>() <= 4 * kMiB; }));
    for (std::size_t at = 0; at < first.size(); at += 128 * 1024) {
        CHECK(read_at(*volume, old, at, 128 * 1024).value() == first.substr(at, 128 * 1024));
    }
    volume->release(old);
    // Nobody reads it any more: it goes before anything that a name shows.
    const std::string third = random_text(2 * kMiB, 22);
    carol.write("more", third);
    REQUIRE(bob.eventually([&] { return shows(bob, "more", third.size()); }));
    CHECK(read_in_order(bob, "more").first == third);
    CHECK(bob.eventually([&] { return room_of_contents(bob) <= 4 * kMiB + 4 * kChunkBytes; }));
}

TEST_CASE("what is pinned is fetched whole, also what comes later, across restarts, and stays") {
    TestNode alice;
    TestNode bob(80, {4 * kMiB, {0, 0}});
    join_all(alice, {&bob});
    const std::string text = random_text(6 * kMiB, 4);
    alice.write("kept", text);
    REQUIRE(bob.eventually([&] { return shows(bob, "kept", text.size()); }));
    bob.ask("pin", {{"path", "/"}});
    const auto all_here = [&](const std::string& name, std::uint64_t size) {
        return bob.eventually([&] { return shows(bob, name, size) && stored(bob, name) == size; });
    };
    REQUIRE(all_here("kept", text.size()));
    alice.write("later", text + "later");
    REQUIRE(all_here("later", text.size() + 5));
    bob.stop();
    alice.write("meanwhile", text + "meanwhile");
    bob.start();
    REQUIRE(all_here("meanwhile", text.size() + 9));
    CHECK(stored(bob, "kept") == text.size());  // beyond the limit: it is no cache
    const json pinned = bob.ask("status", json::object()).at("swarms").at(0).at("pinned");
    CHECK(pinned.at("paths") == json::array({""}));
    CHECK(of_cache(bob).at("evicted_bytes") == 0);
}

TEST_CASE("verifying finds what rotted, and what is pinned is whole again afterwards") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    const std::string text = random_text(2 * kMiB, 5);
    alice.write("file", text);
    REQUIRE(bob.eventually([&] { return shows(bob, "file", text.size()); }));
    bob.ask("pin", {{"path", "file"}});
    REQUIRE(bob.eventually([&] { return stored(bob, "file") == text.size(); }));
    json verified = bob.ask("verify", {{"path", ""}});
    CHECK(verified.at("files") == 1);
    CHECK(verified.at("bytes") == text.size());
    CHECK(verified.at("wrong_files") == 0);
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(bob.folder("home") / "content")) {
        if (entry.path().extension() == ".data") {
            std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(5 * 16'384);
            file.write("rot", 3);
        }
    }
    verified = bob.ask("verify", {{"path", "file"}});
    CHECK(verified.at("wrong_files") == 1);
    CHECK(verified.at("wrong_bytes") == 16'384);
    CHECK(verified.at("wrong") == json::array({"file"}));
    REQUIRE(bob.eventually([&] { return stored(bob, "file") == text.size(); }));
    CHECK(bob.ask("verify", {{"path", "file"}}).at("wrong_files") == 0);
    CHECK(bob.read("file").value() == text);
}

TEST_CASE("a pin of a directory covers what is in it, and only that, until it is taken back") {
    test::ScratchFolder folder;
    store::SystemDisk disk;
    SwarmId swarm;
    swarm.bytes.fill(3);
    for (int opened = 0; opened < 2; ++opened) {
        const auto database = store::Database::open(disk, folder / "db").value();
        Pins pins(*database);
        if (opened == 0) {
            REQUIRE(pins.set(swarm, "photos/raw", true).ok());
            REQUIRE(pins.set(swarm, "photos/one", true).ok());
            REQUIRE(pins.set(swarm, "photos/one", false).ok());
        }
        CHECK(pins.covering(swarm, "photos/raw/a/b") == "photos/raw");
        CHECK(pins.covering(swarm, "photos/raw") == "photos/raw");
        CHECK_FALSE(pins.covering(swarm, "photos/rawer").has_value());
        CHECK_FALSE(pins.covering(swarm, "photos/one").has_value());
        CHECK_FALSE(pins.covering(SwarmId(), "photos/raw").has_value());
        CHECK(pins.all(swarm) == std::vector<std::string>{"photos/raw"});
        CHECK(pins.any(swarm));
        CHECK_FALSE(pins.any(SwarmId()));
    }
}

}  // namespace swarmfs::node
