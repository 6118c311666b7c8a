// What was deleted or replaced is listed and comes back, between nodes of one process.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "tests/node/members.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using test::join_all;
using test::random_text;
using test::TestNode;

bool has_name(TestNode& node, const std::string& name) {
    return node.volume()->lookup(kRootInode, name).ok();
}

void remove(TestNode& node, const std::string& name) {
    REQUIRE(node.volume()->remove_file(kRootInode, name).ok());
}

// Until it is published.
void write(TestNode& node, const std::string& name, const std::string& text) {
    node.write(name, text);
    REQUIRE(node.eventually([&] {
        const auto found = node.node().member("").value()->tree().view().names.resolve(name);
        return found.ok() && found->dot && found->content.size == text.size();
    }));
}

// What can be restored, by path and version.
std::map<std::pair<std::string, int>, json> restorable(TestNode& node,
                                                       const std::string& path = "") {
    std::map<std::pair<std::string, int>, json> found;
    const json answer = node.ask("restorable", {{"path", path}});
    for (const json& one : answer.at("versions")) {
        found[{one.at("path"), one.at("version")}] = one;
    }
    return found;
}

Code refusal(TestNode& node, const json& params) {
    const auto answer = node.call("restore", params);
    REQUIRE_FALSE(answer.ok());
    return answer.error().code;
}

std::string node_of(TestNode& node) {
    return node.ask("status", json::object()).at("node");
}

}  // namespace

TEST_CASE("a deleted file is listed by every member, and comes back from whoever restores it") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    const std::string text = random_text(600'000, 1);
    write(alice, "file", text);
    write(alice, "small", "a few bytes");
    REQUIRE(bob.eventually([&] { return has_name(bob, "file") && has_name(bob, "small"); }));
    CHECK(restorable(bob).empty());
    remove(bob, "file");
    REQUIRE(alice.eventually([&] { return !has_name(alice, "file"); }));
    const auto found = restorable(alice);
    REQUIRE(found.size() == 1);
    const json& one = found.at({"file", 1});
    CHECK(one.at("by") == node_of(bob));
    CHECK(one.at("author") == node_of(alice));
    CHECK(one.at("deleted") == true);
    CHECK(one.at("size") == text.size());
    CHECK(one.at("stored_bytes") == text.size());
    CHECK(one.at("until_ms").get<std::uint64_t>() - one.at("at_ms").get<std::uint64_t>() ==
          7ULL * 24 * 3600 * 1000);
    CHECK(restorable(bob).at({"file", 1}).at("stored_bytes") == 0);
    CHECK(restorable(bob, "fil").empty());

    // Bob has none of it: it is fetched, and is his to keep from then on.
    const json restored = bob.ask("restore", {{"path", "/file"}});
    CHECK(restored.at("files") == 1);
    CHECK(restored.at("bytes") == text.size());
    REQUIRE(alice.eventually([&] { return has_name(alice, "file"); }));
    CHECK(restorable(alice).empty());
    CHECK(refusal(bob, {{"path", "file"}}) == Code::not_found);
    CHECK(bob.call("evict", {{"path", "file"}}).error().code == Code::permission);
    alice.stop();
    CHECK(bob.read("file").value() == text);
    CHECK(bob.node()
              .member("")
              .value()
              ->tree()
              .view()
              .names.resolve("file")
              ->dot->author.node.hex() == node_of(bob));
}

TEST_CASE(
    "older versions are numbered from the newest on, and those that say the same count once") {
    TestNode alice;
    join_all(alice, {});
    for (const char* text : {"one", "second", "third version", "the last"}) {
        write(alice, "file", text);
    }
    const auto volume = alice.volume();
    AttributeChanges mode;
    mode.mode = 0600;
    REQUIRE(volume->set_attributes(volume->lookup(kRootInode, "file")->inode, mode).ok());
    auto found = restorable(alice);
    CHECK(found.size() == 3);  // the mode alone is no version that could be missed
    CHECK(found.at({"file", 1}).at("size") == 13);
    CHECK(found.at({"file", 3}).at("size") == 3);
    CHECK(found.at({"file", 1}).at("deleted") == false);
    remove(alice, "file");
    found = restorable(alice);
    CHECK(found.size() == 4);
    CHECK(found.at({"file", 1}).at("size") == 8);
    alice.ask("restore", {{"path", "file"}, {"version", 4}, {"as", "a/b/oldest"}});
    const auto a = volume->lookup(kRootInode, "a").value();
    const auto b = volume->lookup(a.inode, "b").value();
    CHECK(volume->lookup(b.inode, "oldest")->size == 3);
    CHECK(refusal(alice, {{"path", "file"}, {"version", 5}}) == Code::not_found);
    CHECK(refusal(alice, {{"path", "file"}, {"as", "a/b"}}) == Code::exists);
    CHECK(refusal(alice, {{"path", "file"}, {"as", "a/b/oldest/c"}}) == Code::not_directory);
    CHECK(refusal(alice, {{"path", "file"}, {"as", "a/../b"}}) == Code::invalid);
    alice.ask("restore", {{"path", "file"}});
    CHECK(alice.read("file").value() == "the last");
    CHECK(volume->lookup(kRootInode, "file")->mode == 0600);
    CHECK(refusal(alice, {{"path", "file"}}) == Code::exists);
    CHECK(alice.ask("restorable", {{"count", 1}}).at("more") == true);
}

TEST_CASE(
    "of a directory that stands comes back what is gone, and nothing that stands is touched") {
    TestNode alice;
    join_all(alice, {});
    const auto volume = alice.volume();
    const Inode folder = volume->make_directory(kRootInode, "folder", 0755)->inode;
    for (const char* name : {"kept", "gone", "changed"}) {
        const auto created = volume->create(folder, name, 0644).value();
        REQUIRE(volume->write(created.handle, 0, as_bytes(std::string(name) + " before")).ok());
        REQUIRE(volume->close_write(created.handle).ok());
        volume->release(created.handle);
    }
    const auto published = [&](const std::string& path) {
        const auto found = alice.node().member("").value()->tree().view().names.resolve(path);
        return found.ok() && found->dot.has_value();
    };
    REQUIRE(alice.eventually([&] {
        return published("folder/kept") && published("folder/gone") && published("folder/changed");
    }));
    REQUIRE(volume->remove_file(folder, "gone").ok());
    REQUIRE(volume->remove_file(folder, "changed").ok());
    const auto created = volume->create(folder, "changed", 0644).value();
    REQUIRE(volume->write(created.handle, 0, as_bytes("after")).ok());
    REQUIRE(volume->close_write(created.handle).ok());
    volume->release(created.handle);
    REQUIRE(alice.eventually([&] { return published("folder/changed"); }));
    const json restored = alice.ask("restore", {{"path", "folder"}});
    CHECK(restored.at("restored") == json::array({{{"path", "folder/gone"}, {"bytes", 11}}}));
    CHECK(volume->lookup(folder, "gone")->size == 11);
    CHECK(volume->lookup(folder, "changed")->size == 5);
    // Beside it, as it was: the directory itself is no older version of anything.
    CHECK(refusal(alice, {{"path", "folder"}}) == Code::not_found);
}

}  // namespace swarmfs::node
