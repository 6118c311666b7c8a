// A node whose home was restored from a backup, with the file system's own inodes and times.
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/node/members.hpp"

namespace swarmfs::node {
namespace {

using test::join_all;
using test::TestNode;

bool shows(TestNode& node, const std::string& name) {
    return node.volume()->lookup(kRootInode, name).ok();
}

enum class Restoring { into_a_new_place, over_what_is_there };

void copy_home(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::filesystem::copy(from, to,
                          std::filesystem::copy_options::recursive |
                              std::filesystem::copy_options::overwrite_existing);
}

std::size_t histories(TestNode& node) {
    return node.node().members().at(0)->tree().view().catalog.vector().size();
}

}  // namespace

TEST_CASE("a member that starts many times, also in vain, goes on with the history it has") {
    TestNode alice;
    join_all(alice, {});
    for (const char* name : {"first", "second", "third"}) {
        alice.write(name, "text");
        alice.stop();  // signed by now
        {
            Surroundings surroundings;
            Settings settings;
            settings.home = alice.folder("home").string();
            settings.listen = "127.0.0.1:nowhere";
            CHECK_FALSE(
                RunningNode::open(settings, surroundings.clock(), surroundings.dice()).ok());
        }
        alice.start();
        CHECK(histories(alice) == 1);
        CHECK(shows(alice, name));
    }
}

TEST_CASE("a member whose home was restored loses nothing it published before or after") {
    for (const Restoring how : {Restoring::into_a_new_place, Restoring::over_what_is_there}) {
        TestNode alice;
        TestNode bob;
        join_all(alice, {&bob});
        alice.write("first", "text");
        REQUIRE(bob.eventually([&] { return shows(bob, "first"); }));
        alice.stop();
        const auto backup = alice.folder("backup");
        copy_home(alice.folder("home"), backup);
        alice.start();
        alice.write("second", "more");
        REQUIRE(bob.eventually([&] { return shows(bob, "second"); }));
        alice.stop();
        bob.stop();  // nobody is there to tell

        if (how == Restoring::into_a_new_place) {
            std::filesystem::remove_all(alice.folder("home"));
        }
        copy_home(backup, alice.folder("home"));
        alice.start();
        CHECK_FALSE(shows(alice, "second"));
        alice.write("other", "else");
        alice.stop();  // signed by now
        alice.start();
        alice.write("last", "of all");
        bob.start();
        REQUIRE(bob.eventually([&] { return shows(bob, "other") && shows(bob, "last"); }));
        REQUIRE(alice.eventually([&] { return shows(alice, "second"); }));
        CHECK(shows(bob, "second"));
        CHECK(alice.read("other").value() == "else");
    }
}

}  // namespace swarmfs::node
