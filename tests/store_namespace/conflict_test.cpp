// Changes next to a conflict: only what somebody meant to replace is replaced.
#include <doctest/doctest.h>

#include <functional>

#include "tests/store_namespace/pair.hpp"

namespace swarmfs::store {
using namespace testing;

TEST_CASE("changing one version of a conflict leaves the other where it is") {
    using Change = std::function<Result<>(Home&)>;
    const std::map<std::string, Change> ways = {
        {"chmod",
         [](Home& home) {
             return home.change([&](Namespace& n) -> Result<> {
                 SWARM_CHECK(n.set_attributes(home.inode_at("d/f"), 0600, {}));
                 return done();
             });
         }},
        {"write",
         [](Home& home) -> Result<> {
             SWARM_CHECK(home.save("d/f", 9));
             return done();
         }},
        {"rename over it",
         [](Home& home) -> Result<> {
             SWARM_CHECK(home.save("other", 8));
             return home.rename("other", "d/f");
         }},
        {"rename it", [](Home& home) { return home.rename("d/f", "moved"); }},
        {"exchange",
         [](Home& home) -> Result<> {
             SWARM_CHECK(home.save("other", 8));
             return home.rename("other", "d/f", Renaming::exchange);
         }},
        {"share again",
         [](Home& home) -> Result<> {
             catalog::Entry entry = catalog::testing::file_entry("d/f", 7);
             const auto before = catalog::testing::file_entry("d/f", 3).content;
             return home.change([&](Namespace& n) -> Result<> {
                 SWARM_CHECK(n.put_path(
                     entry, [&](const catalog::Entry& shown) { return shown.content == before; }));
                 return done();
             });
         }},
    };
    for (const auto& [name, way] : ways) {
        CAPTURE(name);
        Pair p;
        REQUIRE(p.alice.make_directory("d").ok());
        REQUIRE(p.alice.save("d/f", 1).ok());
        p.exchange();
        REQUIRE(p.alice.save("d/f", 2).ok());
        p.bob.now_ms += 1000;
        REQUIRE(p.bob.save("d/f", 3).ok());
        p.exchange();
        const std::string copy = p.copy_of("d/f", p.alice);
        REQUIRE_FALSE(copy.empty());
        REQUIRE(way(p.bob).ok());
        p.exchange();
        CHECK(p.alice.tree()[copy] == "file 1002");
    }
}

TEST_CASE("a directory with a conflict in it moves and goes as one") {
    Pair p;
    REQUIRE(p.alice.make_directory("d").ok());
    REQUIRE(p.alice.save("d/f", 1).ok());
    p.exchange();
    REQUIRE(p.alice.save("d/f", 2).ok());
    p.bob.now_ms += 1000;
    REQUIRE(p.bob.save("d/f", 3).ok());
    p.exchange();
    const std::string copy = p.copy_of("d/f", p.alice);
    REQUIRE_FALSE(copy.empty());
    REQUIRE(p.alice.rename("d", "e").ok());
    p.exchange();
    const std::string moved = "e" + copy.substr(1);
    CHECK(p.bob.tree() == std::map<std::string, std::string>{
                              {"e", "directory"}, {"e/f", "file 1003"}, {moved, "file 1002"}});
    REQUIRE(p.bob.remove("e/f").ok());
    REQUIRE(p.bob.remove(moved).ok());
    REQUIRE(p.bob.remove_directory("e").ok());
    p.exchange();
    CHECK(p.alice.tree().empty());
}

TEST_CASE("removing a conflict copy does not contradict who edits the other version meanwhile") {
    Pair p;
    REQUIRE(p.alice.save("f", 1).ok());
    p.exchange();
    REQUIRE(p.alice.save("f", 2).ok());
    p.bob.now_ms += 1000;
    REQUIRE(p.bob.save("f", 3).ok());
    p.exchange();
    REQUIRE(p.alice.remove(p.copy_of("f", p.alice)).ok());
    REQUIRE(p.bob.save("f", 5).ok());
    p.exchange();
    CHECK(p.alice.tree()["f"] == "file 1005");
    for (const auto& [path, what] : p.alice.tree()) {
        CHECK(what != "file 1003");  // what bob has written over
    }
}

TEST_CASE("what is written over a file that somebody else has changed or removed is kept") {
    for (const bool removed : {false, true}) {
        CAPTURE(removed);
        Pair p;
        REQUIRE(p.alice.make_directory("d").ok());
        REQUIRE(p.alice.save("d/f", 1).ok());
        p.exchange();
        const auto opened = p.bob.names().resolve("d/f");
        if (removed) {
            REQUIRE(p.alice.remove("d/f").ok());
            REQUIRE(p.alice.remove_directory("d").ok());
        } else {
            REQUIRE(p.alice.save("d/f", 2).ok());
        }
        p.exchange();
        p.bob.now_ms += 1000;
        REQUIRE(p.bob.publish(*opened, 3).ok());
        p.exchange();
        CHECK(p.alice.tree()["d/f"] == "file 1003");
        if (!removed) {
            const std::string copy = p.copy_of("d/f", p.alice);
            CHECK(p.alice.tree()[copy] == "file 1002");
        }
    }
}

TEST_CASE("a directory kept only for a file that nobody knows of goes with that file") {
    for (const bool moved : {false, true}) {
        CAPTURE(moved);
        Pair p;
        REQUIRE(p.alice.make_directory("d").ok());
        REQUIRE(p.alice.save("d/f", 1).ok());
        p.exchange();
        REQUIRE(p.bob.create("d/mine").ok());
        REQUIRE(p.alice.remove("d/f").ok());
        REQUIRE(p.alice.remove_directory("d").ok());
        p.alice.seal();
        p.bob.pull(p.alice);
        CHECK(p.bob.tree() ==
              std::map<std::string, std::string>{{"d", "directory"}, {"d/mine", "file 0"}});
        REQUIRE((moved ? p.bob.rename("d/mine", "mine") : p.bob.remove("d/mine")).ok());
        CHECK(p.bob.inode_at("d") == 0);
    }
}

}  // namespace swarmfs::store
