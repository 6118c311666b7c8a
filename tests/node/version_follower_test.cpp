// Large files that others change: what a new version shares with the one that is here is not fetched.
#include <doctest/doctest.h>

#include "engine/node/version_follower.hpp"
#include "tests/node/members.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using test::join_all;
using test::random_text;
using test::TestNode;

constexpr std::size_t kFilmBytes = 12 << 20;

void overwrite(TestNode& node, const std::string& name, std::uint64_t offset,
               const std::string& text) {
    const auto tree = node.volume();
    const FileHandle handle =
        tree->open(tree->lookup(kRootInode, name)->inode, Access::write).value();
    REQUIRE(tree->write(handle, offset, as_bytes(text)).ok());
    REQUIRE(tree->close_write(handle).ok());
    tree->release(handle);
}

ContentId content_at(TestNode& node, const std::string& name) {
    const auto names = node.node().members().front()->tree().view();
    const auto record = names.names.lookup(store::kRootInode, name);
    return record.ok() ? record->content : ContentId{};
}

std::uint64_t stored_at(TestNode& node, const ContentId& content) {
    return (*node.node().members().front()->contents().open(content))->stored_bytes();
}

std::uint64_t received_at(TestNode& node) {
    std::uint64_t received = 0;
    for (const auto& peer : node.node().members().front()->swarm().peers()) {
        received += peer.bytes_received;
    }
    return received;
}

// Both have the file; the first changed it, and the second knows.
struct Changed {
    Changed() { join_all(alice, {&bob}); }
    void publish() {
        alice.write("film", text);
        REQUIRE(bob.eventually([&] { return bob.read("film").ok(); }));
        REQUIRE(*bob.read("film") == text);
        received = received_at(bob);
        before = content_at(bob, "film");
    }
    void wait_for_news() {
        REQUIRE(bob.eventually([&] {
            return content_at(bob, "film") != before &&
                   content_at(bob, "film") == content_at(alice, "film");
        }));
    }

    TestNode alice;
    TestNode bob;
    std::string text = random_text(kFilmBytes, 1);
    ContentId before;
    std::uint64_t received = 0;
};

}  // namespace

TEST_CASE("a change to a large file reaches who has the version before as the change alone") {
    Changed film;
    film.publish();
    for (std::uint64_t version = 0; version < 3; ++version) {
        const std::uint64_t offset = (3 + version) * 1'000'000;
        film.text.replace(offset, 7, "changed");
        overwrite(film.alice, "film", offset, "changed");
        film.wait_for_news();
        const ContentId now = content_at(film.bob, "film");
        CHECK(film.bob.eventually(
            [&] { return stored_at(film.bob, now) >= kFilmBytes - 2 * kChunkBytes; }));
        CHECK(*film.bob.read("film") == film.text);
        CHECK(received_at(film.bob) - film.received <= 1 << 20);
        film.received = received_at(film.bob);
        film.before = now;
    }
    film.bob.stop();
    film.bob.start();
    CHECK(*film.bob.read("film") == film.text);
}

TEST_CASE(
    "a file that is written anew costs a bounded number of leaves, and is fetched when read") {
    Changed film;
    film.publish();
    film.text = random_text(kFilmBytes, 2);
    film.alice.write("film", film.text);
    film.wait_for_news();
    const ContentId now = content_at(film.bob, "film");
    const std::uint64_t most = (VersionFollower::kLeavesFree + 8) * kLeafBytes;
    CHECK(film.bob.eventually([&] { return stored_at(film.bob, now) > 0; }));
    CHECK(received_at(film.bob) - film.received <= most);
    CHECK(*film.bob.read("film") == film.text);
}

TEST_CASE("whoever has little of the version before, or a small file, waits to be asked") {
    Changed film;
    film.alice.write("film", film.text);
    REQUIRE(film.bob.eventually([&] { return content_at(film.bob, "film").size == kFilmBytes; }));
    film.before = content_at(film.bob, "film");
    overwrite(film.alice, "film", 5, "changed");
    film.text.replace(5, 7, "changed");
    film.wait_for_news();
    CHECK(received_at(film.bob) == 0);
    CHECK(*film.bob.read("film") == film.text);
}

TEST_CASE("a version is followed again while the one before it is still being followed") {
    Changed film;
    film.publish();
    for (std::uint64_t version = 0; version < 12; ++version) {
        const std::string mark = "version " + std::to_string(version) + ";";
        film.text.replace(version * 900'000, mark.size(), mark);
        overwrite(film.alice, "film", version * 900'000, mark);
    }
    film.wait_for_news();
    CHECK(film.bob.eventually([&] {
        const auto read = film.bob.read("film");
        return read.ok() && *read == film.text;
    }));
}

}  // namespace swarmfs::node
