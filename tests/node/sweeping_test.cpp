// Contents that no name refers to any more: what goes, what can still be undone, and what leaving
// and a full disk make of it.

#include <doctest/doctest.h>

#include <filesystem>

#include "engine/node/sweeper.hpp"
#include "engine/store/key_spaces.hpp"
#include "tests/node/lone_volume.hpp"
#include "tests/node/members.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using test::join_all;
using test::LoneVolume;
using test::TestNode;

std::string text_of(std::size_t size, char letter) {
    return std::string(size, letter);
}

std::size_t content_files(const std::filesystem::path& home) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(home / "content")) {
        count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
}

std::uint64_t contents_of(TestNode& node) {
    return node.ask("status", json::object()).at("store").at("contents").get<std::uint64_t>();
}

std::uint64_t swept(Sweeper& sweeper) {
    const auto removed = sweeper.sweep_all();
    REQUIRE_MESSAGE(removed.ok(), (removed.ok() ? "" : removed.error().message));
    return *removed;
}

}  // namespace

TEST_CASE("what was published here stays as long as it can be undone, and no longer") {
    LoneVolume lone;
    Sweeper sweeper(*lone.database, *lone.contents, lone.clock);
    lone.make_file("file", text_of(100'000, 'a'));
    const auto handle = lone.open_to_write("file");
    lone.write(handle, 0, text_of(100'000, 'b'));
    lone.close(handle);
    lone.make_file("other", text_of(100'000, 'c'));
    REQUIRE(lone.tree->seal().ok());
    REQUIRE(lone.contents->statistics().contents == 3);
    REQUIRE(lone.volume->remove_file(kRootInode, "file").ok());
    REQUIRE(lone.tree->seal().ok());
    CHECK(swept(sweeper) == 0);
    CHECK(lone.contents->statistics().contents == 3);
    lone.clock.advance(std::chrono::hours(24 * 8));
    REQUIRE(lone.tree->compact(1000).ok());
    CHECK(swept(sweeper) == 2);
    CHECK(lone.contents->statistics().contents == 1);
    CHECK(lone.read("other") == text_of(100'000, 'c'));
}

TEST_CASE("a content is needed while a name shows it or another one lies over it") {
    LoneVolume lone;
    Sweeper sweeper(*lone.database, *lone.contents, lone.clock);
    const auto content_of = [&](const std::string& name) {
        return lone.tree->view().names.resolve(name)->content;
    };
    const auto change = [&](const std::string& name) {
        const auto handle = lone.open_to_write(name);
        lone.write(handle, 5, "change");
        lone.close(handle);
        lone.jobs.drain();
    };
    const std::string text = text_of(100'000, 'a');
    lone.make_file("file", text);
    const ContentId first = content_of("file");
    CHECK(sweeper.needs(first));
    change("file");
    CHECK_FALSE(sweeper.needs(first));
    CHECK(sweeper.needs(content_of("file")));
    lone.make_file("again", text);
    CHECK(sweeper.needs(first));
    REQUIRE(lone.volume->remove_file(kRootInode, "again").ok());
    CHECK_FALSE(sweeper.needs(first));
    lone.make_file("large", text_of(8'000'000, 'b'));
    const ContentId below = content_of("large");
    change("large");
    REQUIRE(content_of("large") != below);
    CHECK(sweeper.needs(below));
}

TEST_CASE("what was merely fetched goes when its name does, and comes again under another") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    const std::string text = text_of(600'000, 'f');
    alice.write("file", text);
    REQUIRE(bob.eventually([&] { return bob.volume()->lookup(kRootInode, "file").ok(); }));
    REQUIRE(*bob.read("file") == text);
    CHECK(swept(bob.node().sweeper()) == 0);
    REQUIRE(bob.volume()->remove_file(kRootInode, "file").ok());
    // The swarm lets go of it in a moment of its own.
    REQUIRE(bob.eventually([&] {
        (void)swept(bob.node().sweeper());
        return contents_of(bob) == 0;
    }));
    CHECK(content_files(bob.folder("home")) == 0);
    alice.write("again", text);
    REQUIRE(bob.eventually([&] { return bob.volume()->lookup(kRootInode, "again").ok(); }));
    CHECK(*bob.read("again") == text);
}

TEST_CASE(
    "leaving takes along what the swarm named once, and what a crash left of it goes at a start") {
    TestNode node;
    node.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    const SwarmId swarm = node.node().members()[0]->membership().swarm;
    for (std::uint64_t version = 1; version <= 3; ++version) {
        node.write("file", text_of(300'000, static_cast<char>('a' + version)));
        REQUIRE(node.eventually([&] { return contents_of(node) == version; }));
    }
    REQUIRE(node.volume()->remove_file(kRootInode, "file").ok());
    SUBCASE("leaving") {
        node.ask("leave", {{"name", "team"}});
    }
    SUBCASE("a start after a kill that came right after it had begun") {
        Bytes key = store::key_of(store::KeySpace::node, 'l');
        key.insert(key.end(), swarm.bytes.begin(), swarm.bytes.end());
        REQUIRE(node.node()
                    .members()[0]
                    ->database()
                    .commit({{key, Bytes()}}, store::Durability::power_loss)
                    .ok());
        node.stop();
        node.start();
        CHECK(node.ask("status", json::object()).at("swarms").empty());
        (void)swept(node.node().sweeper());
    }
    CHECK(contents_of(node) == 0);
    CHECK(content_files(node.folder("home")) == 0);
}

TEST_CASE("a write that meets a full disk is tried again once something was removed") {
    LoneVolume lone;
    lone.make_file("file", "old");
    const auto handle = lone.open_to_write("file");
    int asked = 0;
    SUBCASE("there was something") {
        lone.make_room = [&] {
            lone.disk.fill(false);
            return ++asked > 0;
        };
        lone.disk.fill(true);
        lone.write(handle, 0, "new");
        lone.close(handle);
        CHECK(lone.read("file") == "new");
    }
    SUBCASE("there was nothing") {
        lone.make_room = [&] { return ++asked == 0; };
        lone.disk.fill(true);
        const auto written = lone.volume->write(handle, 0, as_bytes("new"));
        REQUIRE_FALSE(written.ok());
        CHECK(written.error().code == Code::no_space);
        lone.disk.fill(false);
        lone.close(handle);
        CHECK(lone.read("file") == "old");
    }
    CHECK(asked == 1);
}

}  // namespace swarmfs::node
