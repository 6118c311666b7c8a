#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tests/node/members.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using test::join_all;
using test::random_text;
using test::TestNode;

bool shows(TestNode& node, const std::string& name) {
    return node.volume()->lookup(kRootInode, name).ok();
}

bool shows_size(TestNode& node, const std::string& name, std::uint64_t size) {
    const auto found = node.volume()->lookup(kRootInode, name);
    return found.ok() && found->size == size;
}

}  // namespace

TEST_CASE("what one member writes the other reads") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    for (const std::size_t size : {1UL, 16'384UL, 16'385UL, 262'143UL, 262'145UL, 3'000'000UL}) {
        const std::string name = "file-" + std::to_string(size);
        const std::string text = random_text(size, size);
        alice.write(name, text);
        REQUIRE(bob.eventually([&] { return shows_size(bob, name, size); }));
        const auto read = bob.read(name);
        REQUIRE(read.ok());
        CHECK(*read == text);
    }
    const json shown = bob.ask("status", json::object()).at("swarms").at(0);
    CHECK(shown.at("stored_bytes") == shown.at("bytes"));  // at once
    CHECK(bob.ask("peers", json::object()).at("peers").size() == 1);
}

TEST_CASE("a change of a published file keeps its inode here and is a new one there") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    alice.write("file", "first");
    REQUIRE(bob.eventually([&] { return shows_size(bob, "file", 5); }));
    const auto here = alice.volume()->lookup(kRootInode, "file").value().inode;
    const auto there = bob.volume()->lookup(kRootInode, "file").value().inode;
    alice.write("file", "second!");
    REQUIRE(bob.eventually([&] { return shows_size(bob, "file", 7); }));
    CHECK(alice.volume()->lookup(kRootInode, "file").value().inode == here);
    CHECK(bob.volume()->lookup(kRootInode, "file").value().inode != there);
    CHECK(bob.read("file").value() == "second!");
}

TEST_CASE("an overwrite in the middle of a file that is not here fetches it for the new version") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    std::string text = random_text(1'000'000, 5);
    alice.write("file", text);
    REQUIRE(bob.eventually([&] { return shows_size(bob, "file", text.size()); }));
    const auto tree = bob.volume();
    const auto inode = tree->lookup(kRootInode, "file").value().inode;
    const FileHandle handle = tree->open(inode, Access::read_write).value();
    REQUIRE(tree->write(handle, 500'000, as_bytes("changed")).ok());
    REQUIRE(tree->close_write(handle).ok());
    tree->release(handle);
    text.replace(500'000, 7, "changed");
    CHECK(bob.read("file").value() == text);
    REQUIRE(alice.eventually([&] {
        const auto read = alice.read("file");
        CHECK_MESSAGE(read.ok(), (read.ok() ? "" : read.error().message));
        return read.ok() && *read == text;
    }));
}

TEST_CASE("names come, move and go on both members") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    const auto tree = alice.volume();
    const auto folder = tree->make_directory(kRootInode, "folder", 0755);
    REQUIRE(folder.ok());
    REQUIRE(tree->make_symlink(folder->inode, "link", "../elsewhere").ok());
    alice.write("file", "text");
    REQUIRE(bob.eventually([&] { return shows(bob, "folder") && shows_size(bob, "file", 4); }));
    const auto there = bob.volume()->lookup(kRootInode, "folder").value().inode;
    const auto link = bob.volume()->lookup(there, "link");
    REQUIRE(link.ok());
    CHECK(bob.volume()->read_link(link->inode).value() == "../elsewhere");

    REQUIRE(tree->rename(kRootInode, "file", folder->inode, "moved", RenameRule::replace).ok());
    REQUIRE(bob.eventually([&] { return bob.volume()->lookup(there, "moved").ok(); }));
    CHECK_FALSE(shows(bob, "file"));
    CHECK(tree->remove_directory(kRootInode, "folder").error().code == Code::not_empty);
    REQUIRE(tree->remove_file(folder->inode, "moved").ok());
    REQUIRE(tree->remove_file(folder->inode, "link").ok());
    REQUIRE(tree->remove_directory(kRootInode, "folder").ok());
    REQUIRE(bob.eventually([&] { return !shows(bob, "folder"); }));
}

TEST_CASE("a read-only member reads, and every change it tries is refused") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob}, "read");
    alice.write("file", "text");
    REQUIRE(bob.eventually([&] { return shows_size(bob, "file", 4); }));
    CHECK(bob.read("file").value() == "text");
    const auto tree = bob.volume();
    CHECK(tree->read_only());
    const auto inode = tree->lookup(kRootInode, "file").value().inode;
    AttributeChanges cut;
    cut.size = 1;
    CHECK(tree->make_directory(kRootInode, "x", 0755).error().code == Code::read_only);
    CHECK(tree->create(kRootInode, "x", 0644).error().code == Code::read_only);
    CHECK(tree->open(inode, Access::write).error().code == Code::read_only);
    CHECK(tree->set_attributes(inode, cut).error().code == Code::read_only);
    CHECK(tree->remove_file(kRootInode, "file").error().code == Code::read_only);
}

TEST_CASE("what was written is there after a restart, and arrives when the other comes back") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    alice.write("before", "text");
    REQUIRE(bob.eventually([&] { return shows_size(bob, "before", 4); }));
    bob.stop();
    alice.write("meanwhile", "more text");
    alice.stop();
    bob.start();
    CHECK(shows(bob, "before"));
    const auto unread = bob.read("before", std::chrono::seconds(5));
    CHECK_FALSE(unread.ok());  // it was never fetched, and nobody is there
    alice.start();
    CHECK(alice.read("meanwhile").value() == "more text");
}

TEST_CASE("a shared folder is published in place and follows what happens in it") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    const auto folder = alice.folder("folder");
    std::filesystem::create_directories(folder / "below");
    std::ofstream(folder / "below/file") << random_text(100'000, 1);
    std::filesystem::create_symlink("below/file", folder / "link");
    const json shared = alice.ask("share", {{"name", "team"}, {"paths", {folder.string()}}});
    CHECK(shared.at("files") == 1);
    const auto resolves = [&](TestNode& node, const std::string& path) {
        return node.call("list", {{"name", "team"}, {"path", path}}).ok();
    };
    REQUIRE(bob.eventually([&] { return resolves(bob, "folder/below/file"); }));
    std::ofstream(folder / "second") << "more";
    REQUIRE(bob.eventually([&] { return resolves(bob, "folder/second"); }));
    std::filesystem::remove(folder / "second");
    REQUIRE(bob.eventually([&] { return !resolves(bob, "folder/second"); }));

    const auto out = bob.folder("out");
    const json got =
        bob.ask("download", {{"name", "team"}, {"path", "folder"}, {"out", out.string()}});
    CHECK(got.at("files") == 1);
    CHECK(got.at("fetched_bytes") == 100'000);
    CHECK(std::filesystem::file_size(out / "below/file") == 100'000);
    CHECK(std::filesystem::read_symlink(out / "link") == "below/file");
    const json again =
        bob.ask("download", {{"name", "team"}, {"path", "folder"}, {"out", out.string()}});
    CHECK(again.at("fetched_bytes") == 0);
}

TEST_CASE("a download never leaves its directory, whatever links are in the way") {
    TestNode alice;
    alice.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    const auto tree = alice.volume();
    const auto folder = tree->make_directory(kRootInode, "folder", 0755).value().inode;
    const auto below = tree->make_directory(folder, "below", 0755).value().inode;
    const auto created = tree->create(below, "file", 0644).value();
    REQUIRE(tree->write(created.handle, 0, as_bytes("text")).ok());
    REQUIRE(tree->close_write(created.handle).ok());
    tree->release(created.handle);
    REQUIRE(alice.eventually([&] {
        return alice.ask("list", {{"path", "folder/below"}})["entries"][0]["size"] == 4;
    }));
    const auto outside = alice.folder("outside");
    const auto out = alice.folder("out");
    std::filesystem::create_directories(outside);
    std::filesystem::create_directories(out);
    std::filesystem::create_directory_symlink(outside, out / "below");
    alice.ask("download", {{"path", "folder"}, {"out", out.string()}});
    CHECK(std::filesystem::is_empty(outside));
    CHECK(std::filesystem::file_size(out / "below/file") == 4);
}

TEST_CASE("two members that write one name at once both keep what they wrote") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    alice.write("file", "base");
    REQUIRE(bob.eventually([&] { return shows_size(bob, "file", 4); }));
    bob.stop();
    alice.write("file", "by alice");
    alice.stop();
    bob.start();
    bob.write("file", "by bob");
    alice.start();
    const auto count = [](TestNode& node) {
        return node.volume()->list(kRootInode, "", 10).value().size();
    };
    REQUIRE(alice.eventually([&] { return count(alice) == 2; }));
    REQUIRE(bob.eventually([&] { return count(bob) == 2; }));
    CHECK(alice.volume()->list(kRootInode, "", 10).value()[1].name ==
          bob.volume()->list(kRootInode, "", 10).value()[1].name);
}

TEST_CASE("bad parameters are refused with words") {
    TestNode alice;
    CHECK(alice.call("create", {{"name", "No Good"}}).error().code == Code::invalid);
    CHECK(alice.call("join", {{"invite", "swarmfs1:AAAA"}}).error().code == Code::invalid);
    CHECK(alice.call("join", {{"invite", "swarmfs9:AAAA"}}).error().code == Code::invalid);
    CHECK(alice.call("list", {{"name", "team"}}).error().code == Code::not_found);
    alice.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    CHECK(alice.call("create", {{"name", "team"}}).error().code == Code::exists);
    CHECK(alice.call("invite", {{"role", "king"}}).error().code == Code::invalid);
    CHECK(alice.call("invite", {{"expires_s", 0}}).error().code == Code::invalid);
    CHECK(alice.call("list", {{"path", "nothing"}}).error().code == Code::not_found);
    CHECK(alice.call("share", {{"paths", {alice.folder("home").string()}}}).error().code ==
          Code::invalid);
    CHECK(alice.call("share", {{"paths", {"/nowhere"}}}).error().code == Code::not_found);
    const json status = alice.ask("status", json::object());
    CHECK(status.at("swarms").size() == 1);
    alice.ask("leave", {{"name", "team"}});
    CHECK(alice.ask("status", json::object()).at("swarms").empty());
}

TEST_CASE("a download fetches anew what the disk has damaged") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    const std::string text = random_text(2'000'000, 11);
    alice.write("file", text);
    REQUIRE(bob.eventually([&] { return shows_size(bob, "file", text.size()); }));
    const std::string out = bob.folder("out").string();
    const json download = {{"name", "team"}, {"path", "file"}, {"out", out}};
    CHECK(bob.ask("download", download).at("fetched_bytes") == text.size());
    CHECK(bob.ask("download", download).at("fetched_bytes") == 0);
    bob.stop();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(bob.folder("home"))) {
        if (entry.path().extension() == ".data") {
            std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(1'000'000);
            file << "damaged";
        }
    }
    bob.start();
    REQUIRE(bob.eventually([&] { return !bob.ask("peers", json::object()).at("peers").empty(); }));
    CHECK(bob.ask("download", download).at("fetched_bytes") == kLeafBytes);
    std::ifstream in(out, std::ios::binary);
    CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == text);
}

}  // namespace swarmfs::node
