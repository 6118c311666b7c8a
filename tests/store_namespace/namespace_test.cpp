#include "engine/store/namespace.hpp"

#include <doctest/doctest.h>

#include "tests/store_namespace/pair.hpp"

namespace swarmfs::store {
using namespace testing;

TEST_CASE("names appear with their attributes, here and at another member") {
    Pair p;
    REQUIRE(p.alice.make_directory("d").ok());
    REQUIRE(p.alice.save("d/f", 1).ok());
    REQUIRE(p.alice.make_symlink("d/l", "../x").ok());
    CHECK(p.alice.tree() == std::map<std::string, std::string>{
                                {"d", "directory"}, {"d/f", "file 1001"}, {"d/l", "-> ../x"}});
    p.exchange();
    const auto record = p.bob.names().resolve("d/f");
    REQUIRE(record.ok());
    CHECK(record->mode == 0644);
    CHECK(record->mtime_ns == 1);
    CHECK(*p.bob.names().path_of(*record) == "d/f");
}

TEST_CASE(
    "a file that was created is shown here at once and to nobody else until it is published") {
    Pair p;
    const auto record = p.alice.create("f");
    REQUIRE(record.ok());
    CHECK(p.alice.names().unpublished() == std::vector<Inode>{record->inode});
    p.alice.seal();
    p.bob.pull(p.alice);
    CHECK(p.bob.tree().empty());
    REQUIRE(p.alice.publish(*record, 1).ok());
    CHECK(p.alice.names().unpublished().empty());
    p.exchange();
    CHECK(p.alice.inode_at("f") == record->inode);
}

TEST_CASE("mistakes are answered as POSIX does") {
    Swarm swarm;
    Home home(swarm, 1);
    REQUIRE(home.make_directory("d").ok());
    REQUIRE(home.save("d/f", 1).ok());
    REQUIRE(home.save("f", 2).ok());
    CHECK(home.make_directory("d").error().code == Code::exists);
    CHECK(home.create("f").error().code == Code::exists);
    CHECK(home.make_symlink("f", "x").error().code == Code::exists);
    CHECK(home.create("f/x").error().code == Code::not_directory);
    CHECK(home.create("none/x").error().code == Code::not_found);
    CHECK(home.remove("d").error().code == Code::is_directory);
    CHECK(home.remove("none").error().code == Code::not_found);
    CHECK(home.remove_directory("f").error().code == Code::not_directory);
    CHECK(home.remove_directory("d").error().code == Code::not_empty);
    CHECK(home.rename("f", "d").error().code == Code::is_directory);
    CHECK(home.rename("d", "f").error().code == Code::not_directory);
    CHECK(home.rename("none", "x").error().code == Code::not_found);
    CHECK(home.rename("f", "d/f", Renaming::keep_existing).error().code == Code::exists);
    CHECK(home.rename("f", "x", Renaming::exchange).error().code == Code::not_found);
    REQUIRE(home.make_directory("d/e").ok());
    CHECK(home.rename("d", "d/e/d").error().code == Code::invalid);
    REQUIRE(home.make_directory("e").ok());
    CHECK(home.rename("e", "d").error().code == Code::not_empty);
    CHECK(home.make_directory(std::string(256, 'x')).error().code == Code::name_too_long);
    CHECK(home.change([&](Namespace& n) { return n.create_file(kRootInode, "..", 0644); })
              .error()
              .code == Code::invalid);
}

TEST_CASE("a local write keeps its inode, and a version from another member is a new one") {
    Pair p;
    REQUIRE(p.alice.save("f", 1).ok());
    p.exchange();
    const Inode at_alice = p.alice.inode_at("f");
    const Inode at_bob = p.bob.inode_at("f");
    REQUIRE(p.alice.save("f", 2).ok());
    p.exchange();
    CHECK(p.alice.inode_at("f") == at_alice);
    CHECK(p.bob.inode_at("f") != at_bob);
    REQUIRE_FALSE(p.bob.pulled.empty());
    CHECK(p.bob.pulled.back().name == "f");
}

TEST_CASE("new attributes of the same content keep the inode everywhere") {
    Pair p;
    REQUIRE(p.alice.save("f", 1).ok());
    p.exchange();
    const Inode at_bob = p.bob.inode_at("f");
    REQUIRE(
        p.alice
            .change([&](Namespace& n) { return n.set_attributes(p.alice.inode_at("f"), 0600, 77); })
            .ok());
    p.exchange();
    CHECK(p.bob.inode_at("f") == at_bob);
    CHECK(p.bob.names().resolve("f")->mode == 0600);
    CHECK(p.bob.names().resolve("f")->mtime_ns == 77);
}

TEST_CASE("publishing a file that keeps its name changes its attributes alone") {
    Swarm swarm;
    Home home(swarm, 1);
    const auto created = home.create("f");
    REQUIRE(created.ok());
    REQUIRE(home.publish(*created, 1).ok());
    REQUIRE(home.changes.size() == 1);
    CHECK(home.changes[0].name.empty());
    CHECK(home.changes[0].inode == created->inode);
}

TEST_CASE("what comes, goes and moves sets the time of its directory, until one is given") {
    Pair p;
    const auto time_of = [](const Home& home, std::string_view path) {
        return home.names().resolve(path)->mtime_ns;
    };
    const auto later = [&p] { return static_cast<std::int64_t>(++p.alice.now_ms) * 1'000'000; };
    REQUIRE(p.alice.make_directory("d").ok());
    REQUIRE(p.alice.make_directory("e").ok());

    std::int64_t now = later();
    const auto file = p.alice.create("d/f");
    REQUIRE(file.ok());
    CHECK(time_of(p.alice, "d") == now);
    now = later();
    REQUIRE(p.alice.make_directory("d/below").ok());
    CHECK(time_of(p.alice, "d") == now);
    now = later();
    REQUIRE(p.alice.rename("d/f", "e/f").ok());
    CHECK(time_of(p.alice, "d") == now);
    CHECK(time_of(p.alice, "e") == now);
    now = later();
    REQUIRE(p.alice.remove("e/f").ok());
    CHECK(time_of(p.alice, "e") == now);
    now = later();
    REQUIRE(p.alice.remove_directory("d/below").ok());
    CHECK(time_of(p.alice, "d") == now);

    // cp -a gives a directory its time after the last file was closed; it is published later.
    const auto copied = p.alice.create("d/copied");
    REQUIRE(copied.ok());
    const Inode directory = p.alice.inode_at("d");
    REQUIRE(p.alice.change([&](Namespace& n) { return n.set_attributes(directory, {}, 77); }).ok());
    later();
    REQUIRE(p.alice.publish(*copied, 1).ok());
    CHECK(time_of(p.alice, "d") == 77);
    p.exchange();
    CHECK(time_of(p.bob, "d") == 77);
    REQUIRE(p.bob.save("d/another", 2).ok());
    p.exchange();
    CHECK(time_of(p.alice, "d") == 77);
}

TEST_CASE("set-uid and set-gid do not travel") {
    Pair p;
    REQUIRE(p.alice.save("f", 1).ok());
    REQUIRE(p.alice
                .change([&](Namespace& n) {
                    return n.set_attributes(p.alice.inode_at("f"), 06755, {});
                })
                .ok());
    CHECK(p.alice.names().resolve("f")->mode == 0755);
}

TEST_CASE("a renamed tree keeps every inode here, and is never half visible there") {
    Pair p;
    REQUIRE(p.alice.make_directory("d").ok());
    REQUIRE(p.alice.make_directory("d/e").ok());
    REQUIRE(p.alice.save("d/e/f", 1).ok());
    p.exchange();
    const auto unpublished = p.alice.create("d/new");
    const Inode file = p.alice.inode_at("d/e/f");
    REQUIRE(p.alice.rename("d", "x").ok());
    CHECK(p.alice.inode_at("x/e/f") == file);
    CHECK(p.alice.inode_at("x/new") == unpublished->inode);
    p.alice.seal();
    CHECK(p.alice.messages_for(p.bob.replica().vector()).size() == 2);
    REQUIRE(p.alice.publish(*unpublished, 5).ok());
    p.exchange();
    CHECK(p.bob.tree() == std::map<std::string, std::string>{{"x", "directory"},
                                                             {"x/e", "directory"},
                                                             {"x/e/f", "file 1001"},
                                                             {"x/new", "file 1005"}});
}

TEST_CASE("two names change places") {
    Pair p;
    REQUIRE(p.alice.make_directory("d").ok());
    REQUIRE(p.alice.save("d/f", 1).ok());
    REQUIRE(p.alice.save("f", 2).ok());
    const Inode d = p.alice.inode_at("d");
    const Inode f = p.alice.inode_at("f");
    REQUIRE(p.alice.rename("d", "f", Renaming::exchange).ok());
    CHECK(p.alice.inode_at("f") == d);
    CHECK(p.alice.inode_at("d") == f);
    p.exchange();
    CHECK(p.bob.tree() == std::map<std::string, std::string>{
                              {"d", "file 1002"}, {"f", "directory"}, {"f/f", "file 1001"}});
}

TEST_CASE("both sides of a conflict are shown, and either can be removed") {
    for (const bool remove_copy : {true, false}) {
        CAPTURE(remove_copy);
        Pair p;
        REQUIRE(p.alice.save("f", 1).ok());
        p.exchange();
        REQUIRE(p.alice.save("f", 2).ok());
        p.bob.now_ms += 1000;
        REQUIRE(p.bob.save("f", 3).ok());
        p.exchange();
        const std::string copy = p.copy_of("f", p.alice);
        CHECK(p.alice.tree() ==
              std::map<std::string, std::string>{{"f", "file 1003"}, {copy, "file 1002"}});
        REQUIRE(p.bob.remove(remove_copy ? copy : "f").ok());
        p.exchange();
        CHECK(p.alice.tree() == (remove_copy
                                     ? std::map<std::string, std::string>{{"f", "file 1003"}}
                                     : std::map<std::string, std::string>{{copy, "file 1002"}}));
    }
}

TEST_CASE("a directory that was removed comes back with what somebody put into it") {
    Pair p;
    REQUIRE(p.alice.make_directory("d").ok());
    REQUIRE(p.alice.save("d/old", 1).ok());
    p.exchange();
    REQUIRE(p.alice.remove("d/old").ok());
    REQUIRE(p.alice.remove_directory("d").ok());
    REQUIRE(p.bob.save("d/new", 2).ok());
    p.exchange();
    CHECK(p.alice.tree() ==
          std::map<std::string, std::string>{{"d", "directory"}, {"d/new", "file 1002"}});
    REQUIRE(p.alice.remove("d/new").ok());
    p.exchange();
    CHECK(p.alice.tree().empty());
}

TEST_CASE(
    "a directory that is there only for what lives in it is the same to all, whatever it was") {
    Pair p;
    const auto made = p.alice.make_directory("d");
    REQUIRE(made.ok());
    REQUIRE(
        p.alice.change([&](Namespace& n) { return n.set_attributes(made->inode, 0700, {}); }).ok());
    p.exchange();
    REQUIRE(p.alice.remove_directory("d").ok());
    REQUIRE(p.bob.save("d/new", 1).ok());
    p.exchange();
    // Alice makes it anew, bob had it all the time.
    CHECK(p.alice.modes() == p.bob.modes());
    CHECK(p.bob.names().resolve("d")->mode == 0755);
    CHECK_FALSE(p.bob.names().resolve("d")->dot);
    REQUIRE(p.bob.remove("d/new").ok());
    p.exchange();
    CHECK(p.alice.tree().empty());
}

TEST_CASE(
    "a file written where another member made a directory meanwhile leaves what lives in that") {
    Pair p;
    const auto opened = p.alice.create("d");
    REQUIRE(opened.ok());
    REQUIRE(p.bob.make_directory("d").ok());
    REQUIRE(p.bob.save("d/kept", 1).ok());
    p.exchange();
    REQUIRE(p.alice.publish(*opened, 2).ok());
    p.exchange();
    const std::string copy = p.copy_of("d", p.bob);
    CHECK(p.alice.tree() == std::map<std::string, std::string>{
                                {"d", "directory"}, {"d/kept", "file 1001"}, {copy, "file 1002"}});
}

TEST_CASE("a conflict copy that is changed becomes a file of its name, and the conflict ends") {
    Pair p;
    REQUIRE(p.alice.save("f", 1).ok());
    p.exchange();
    REQUIRE(p.alice.save("f", 2).ok());
    p.bob.now_ms += 1000;
    REQUIRE(p.bob.save("f", 3).ok());
    p.exchange();
    const std::string copy = p.copy_of("f", p.alice);
    const Inode inode = p.bob.inode_at(copy);
    REQUIRE(p.bob.save(copy, 4).ok());
    CHECK(p.bob.inode_at(copy) == inode);
    p.exchange();
    CHECK(p.alice.tree() ==
          std::map<std::string, std::string>{{copy, "file 1004"}, {"f", "file 1003"}});
    CHECK(p.alice.replica().view("f").beside.empty());
}

TEST_CASE("thousands of names are listed in pages, in order") {
    Swarm swarm;
    Home home(swarm, 1);
    REQUIRE(home.make_directory("d").ok());
    constexpr std::size_t kNames = 2000;  // the pages below do not care
    const Inode parent = home.inode_at("d");
    REQUIRE(home.change([&](Namespace& n) -> Result<> {
                    for (std::size_t i = 0; i < kNames; ++i) {
                        SWARM_CHECK(n.create_file(parent, std::to_string(i), 0644));
                    }
                    return done();
                })
                .ok());
    std::size_t seen = 0;
    std::string after;
    for (;;) {
        const auto page = home.names().list(parent, after, 100);
        for (const InodeRecord& record : page) {
            CHECK(after < record.name);
            after = record.name;
            ++seen;
        }
        if (page.size() < 100) {
            break;
        }
    }
    CHECK(seen == kNames);
    CHECK(home.names().sums().files == kNames);
}

}  // namespace swarmfs::store
