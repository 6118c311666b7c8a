#include <doctest/doctest.h>

#include <future>

#include "engine/node/sibling_window.hpp"
#include "tests/node/members.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using test::join_all;
using test::TestNode;

std::string name_of(std::size_t number) {
    return (number < 10 ? "f0" : "f") + std::to_string(number);
}

std::string text_of(const std::string& directory, std::size_t number) {
    return "what " + directory + " says in number " + std::to_string(number);
}

// Publishes `tree/<directory>/f00` and so on, and waits until the other shows all of them.
void share_files(TestNode& giver, TestNode& reader, const std::vector<std::string>& directories,
                 std::size_t count) {
    const auto root = giver.folder("tree");
    for (const std::string& directory : directories) {
        for (std::size_t i = 0; i < count; ++i) {
            test::put(root / directory / name_of(i), text_of(directory, i));
        }
    }
    giver.ask("share", {{"name", "team"}, {"paths", {root.string()}}});
    const std::size_t files = directories.size() * count;
    REQUIRE(reader.eventually([&] {
        std::size_t there = 0;
        for (const std::string& directory : directories) {
            const auto listed =
                reader.call("list", {{"name", "team"}, {"path", "tree/" + directory}});
            there += listed.ok() ? listed->at("entries").size() : 0;
        }
        return there == files;
    }));
}

struct Directory {
    Directory(TestNode& node, std::string called) : volume(node.volume()), name(std::move(called)) {
        const auto tree = volume->lookup(kRootInode, "tree");
        inode = volume->lookup(tree->inode, name)->inode;
    }
    bool stored(std::size_t number) const {
        const auto found = volume->lookup(inode, name_of(number));
        REQUIRE(found.ok());
        return found->stored_bytes == found->size;
    }
    std::size_t stored_count(std::size_t count) const {
        std::size_t stored_files = 0;
        for (std::size_t i = 0; i < count; ++i) {
            stored_files += stored(i) ? 1 : 0;
        }
        return stored_files;
    }
    void read(std::size_t number) const {
        const auto file = volume->lookup(inode, name_of(number));
        REQUIRE(file.ok());
        const auto handle = volume->open(file->inode, Access::read);
        REQUIRE(handle.ok());
        std::promise<std::string> answer;
        volume->read(*handle, 0, 128 * 1024, std::chrono::seconds(20), [&](Result<ByteSpan> bytes) {
            answer.set_value(bytes.ok() ? std::string(as_text(*bytes)) : bytes.error().message);
        });
        CHECK(answer.get_future().get() == text_of(name, number));
        volume->release(*handle);
    }

    std::shared_ptr<Volume> volume;
    std::string name;
    Inode inode = 0;
};

}  // namespace

TEST_CASE("reading a directory in order fetches what follows, and a single read nothing else") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    constexpr std::size_t kCount = 60;
    share_files(alice, bob, {"alone", "ordered", "scattered"}, kCount);
    const Directory alone(bob, "alone");
    const Directory ordered(bob, "ordered");
    const Directory scattered(bob, "scattered");
    alone.read(20);
    for (const std::size_t number : {50U, 3U, 41U, 12U, 30U}) {
        scattered.read(number);
    }
    ordered.read(5);
    ordered.read(6);
    // Without another read. What those before it had asked for would have come by then.
    constexpr std::size_t kAhead = SiblingWindow::kFirstWindow;
    REQUIRE(bob.eventually([&] { return ordered.stored_count(kCount) == 2 + kAhead; }));
    CHECK(ordered.stored(5));
    CHECK(ordered.stored(6 + kAhead));
    CHECK(alone.stored_count(kCount) == 1);
    CHECK(scattered.stored_count(kCount) == 5);

    // Reads of what came ahead keep it going, to the end and into the next directory.
    for (std::size_t number = 7; number < kCount; ++number) {
        REQUIRE(bob.eventually([&] { return ordered.stored(number); }));
        ordered.read(number);
    }
    CHECK(bob.eventually([&] { return scattered.stored(0); }));
    CHECK(alone.stored_count(kCount) == 1);
}

TEST_CASE("files whose holder has gone are asked for again by whoever reads them") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    constexpr std::size_t kCount = 40;
    share_files(alice, bob, {"ordered"}, kCount);
    const Directory ordered(bob, "ordered");
    ordered.read(0);
    alice.stop();
    alice.start();
    for (std::size_t number = 1; number < kCount; ++number) {
        ordered.read(number);
    }
    CHECK(ordered.stored_count(kCount) == kCount);
}

}  // namespace swarmfs::node
