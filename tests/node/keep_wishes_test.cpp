// What programs ask about keeping files, through attributes: pin, prefetch, evict.
#include <doctest/doctest.h>

#include <future>

#include "tests/node/lone_volume.hpp"
#include "tests/node/members.hpp"

namespace swarmfs::node {
namespace {

using test::join_all;
using test::random_text;
using test::TestNode;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

Inode inode_of(TestNode& node, const std::string& path) {
    Inode inode = kRootInode;
    for (std::size_t at = 0; at < path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        const auto found = node.volume()->lookup(inode, path.substr(at, end - at));
        if (!found.ok()) {
            return 0;
        }
        inode = found->inode;
        at = end + 1;
    }
    return inode;
}

std::uint64_t stored(TestNode& node, const std::string& path) {
    const auto found = node.volume()->attributes(inode_of(node, path));
    return found.ok() ? found->stored_bytes : 0;
}

// "-" for none.
std::string get(TestNode& node, const std::string& path, const std::string& name) {
    std::promise<std::string> answer;
    node.volume()->extended_attributes().get(
        inode_of(node, path), "swarmfs." + name, [&](const Result<std::optional<Bytes>>& value) {
            answer.set_value(!value.ok() ? std::string(name_of(value.error().code))
                             : *value    ? std::string(as_text(**value))
                                         : "-");
        });
    return answer.get_future().get();
}

// "done", "none" where there is nothing to remove, or the error's code.
std::string outcome(const Result<bool>& changed) {
    return !changed.ok() ? std::string(name_of(changed.error().code)) : *changed ? "done" : "none";
}

std::string set(TestNode& node, const std::string& path, const std::string& name,
                const std::string& value) {
    return outcome(node.volume()->extended_attributes().set(inode_of(node, path), "swarmfs." + name,
                                                            as_bytes(value), AttributeRule::set));
}

std::string remove(TestNode& node, const std::string& path, const std::string& name) {
    return outcome(
        node.volume()->extended_attributes().remove(inode_of(node, path), "swarmfs." + name));
}

// In `album`, which is made.
void write_in_album(TestNode& node, const std::string& name, const std::string& text) {
    const auto volume = node.volume();
    Inode album = inode_of(node, "album");
    if (album == 0) {
        album = volume->make_directory(kRootInode, "album", 0755).value().inode;
    }
    const auto created = volume->create(album, name, 0644).value();
    REQUIRE(volume->write(created.handle, 0, as_bytes(text)).ok());
    REQUIRE(volume->close_write(created.handle).ok());
    volume->release(created.handle);
}

bool shows(TestNode& node, const std::string& path, std::uint64_t size) {
    const auto found = node.volume()->attributes(inode_of(node, path));
    return found.ok() && found->size == size;
}

}  // namespace

TEST_CASE("an attribute pins a file or a directory, says so, and unpins it") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    const std::string text = random_text(kMiB, 1);
    write_in_album(alice, "one", text);
    alice.write("other", text + "other");
    REQUIRE(bob.eventually([&] { return shows(bob, "album/one", text.size()); }));
    REQUIRE(bob.eventually([&] { return shows(bob, "other", text.size() + 5); }));
    CHECK(get(bob, "album/one", "pin") == "-");
    CHECK(get(bob, "album/one", "pinned") == "0");
    CHECK(remove(bob, "album", "pin") == "none");
    CHECK(set(bob, "album", "pin", "yes") == name_of(Code::invalid));
    CHECK(set(bob, "album", "pin", "1") == "done");
    CHECK(get(bob, "album", "pin") == "1");
    CHECK(get(bob, "album", "pinned") == "1");
    CHECK(get(bob, "album/one", "pin") == "-");
    CHECK(get(bob, "album/one", "pinned") == "1");
    CHECK(get(bob, "other", "pinned") == "0");
    CHECK(bob.eventually([&] { return stored(bob, "album/one") == text.size(); }));
    CHECK(stored(bob, "other") == 0);
    // It is pinned with the directory, and that alone can be taken back.
    CHECK(set(bob, "album/one", "pin", "0") == name_of(Code::invalid));
    CHECK(remove(bob, "album/one", "pin") == "none");
    CHECK(set(bob, "album/one", "pin", "1") == "done");
    CHECK(set(bob, "album/one", "pin", "0") == "done");
    CHECK(get(bob, "album/one", "pin") == "-");
    CHECK(set(bob, "album/one", "pinned", "1") == name_of(Code::permission));
    CHECK(remove(bob, "album", "pin") == "done");
    CHECK(get(bob, "album/one", "pinned") == "0");
    CHECK(set(bob, "other", "pin", "0") == "done");
    CHECK(bob.volume()->extended_attributes().names(inode_of(bob, "album"))->empty());
}

TEST_CASE("what is ordered ahead is fetched in the background, and what is evicted goes") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    const std::string text = random_text(2 * kMiB + 5, 2);
    write_in_album(alice, "one", text);
    write_in_album(alice, "two", "a few bytes");
    alice.write("other", text + "other");
    REQUIRE(bob.eventually([&] { return shows(bob, "album/two", 11); }));
    REQUIRE(bob.eventually([&] { return shows(bob, "other", text.size() + 5); }));
    CHECK(set(bob, "album", "prefetch", "0") == name_of(Code::invalid));
    CHECK(set(bob, "album", "prefetch", "1") == "done");
    CHECK(get(bob, "album", "prefetch") == "-");
    CHECK(remove(bob, "album", "prefetch") == "none");
    REQUIRE(bob.eventually([&] { return stored(bob, "album/one") == text.size(); }));
    REQUIRE(bob.eventually([&] { return stored(bob, "album/two") == 11; }));
    CHECK(stored(bob, "other") == 0);
    CHECK(set(bob, "other", "prefetch", "1") == "done");
    REQUIRE(bob.eventually([&] { return stored(bob, "other") == text.size() + 5; }));

    CHECK(set(bob, "other", "pin", "1") == "done");
    CHECK(set(bob, "other", "evict", "1") == name_of(Code::busy));
    CHECK(set(alice, "other", "evict", "1") == name_of(Code::permission));
    CHECK(set(bob, "", "evict", "1") == "done");  // the root: all but what is pinned
    CHECK(bob.eventually([&] { return stored(bob, "album/one") == 0; }));
    CHECK(bob.eventually([&] { return stored(bob, "album/two") == 0; }));
    CHECK(stored(bob, "other") == text.size() + 5);
    CHECK(set(bob, "other", "pin", "0") == "done");
    // Until it is let go of, it is busy.
    CHECK(bob.eventually([&] { return set(bob, "other", "evict", "1") == "done"; }));
    CHECK(bob.eventually([&] { return stored(bob, "other") == 0; }));
    CHECK(bob.read("other").value() == text + "other");
}

TEST_CASE(
    "what is fetched ahead ends where the cache has no more room, and evicts none of itself") {
    TestNode alice;
    TestNode bob(80, {8 * kMiB, {0, 0}});
    join_all(alice, {&bob});
    const std::string text = random_text(4 * kMiB, 3);
    write_in_album(alice, "1", text);
    write_in_album(alice, "2", text + "2");
    write_in_album(alice, "3", text + "3");
    REQUIRE(bob.eventually([&] { return shows(bob, "album/3", text.size() + 1); }));
    CHECK(set(bob, "album", "prefetch", "1") == "done");
    // Three quarters of the limit are 6 MiB.
    CHECK(bob.eventually([&] { return stored(bob, "album/1") == text.size(); }));
    CHECK(bob.eventually([&] { return stored(bob, "album/2") == 2 * kMiB; }));
    CHECK(stored(bob, "album/3") == 0);
}

TEST_CASE("a volume without a member takes no wishes, and a file without a name none either") {
    test::LoneVolume at;
    const Inode file = at.make_file("file", "text");
    FileAttributes& attributes = at.volume->extended_attributes();
    CHECK(outcome(attributes.set(file, "swarmfs.pin", as_bytes("1"), AttributeRule::set)) ==
          name_of(Code::unsupported));
    TestNode node;
    node.ask("create", {{"name", "team"}, {"trackers", nlohmann::json::array()}});
    node.write("file", "text");
    const auto volume = node.volume();
    const Inode inode = inode_of(node, "file");
    const FileHandle handle = volume->open(inode, Access::read).value();
    REQUIRE(volume->remove_file(kRootInode, "file").ok());
    CHECK(outcome(volume->extended_attributes().set(inode, "swarmfs.pin", as_bytes("1"),
                                                    AttributeRule::set)) ==
          name_of(Code::unsupported));
    volume->release(handle);
}

}  // namespace swarmfs::node
