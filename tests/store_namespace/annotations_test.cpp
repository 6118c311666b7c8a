// What is annotated of a file goes where the file goes.
#include <doctest/doctest.h>

#include "tests/store_namespace/pair.hpp"

namespace swarmfs::store {
using namespace testing;

namespace {

const catalog::Attributes kMime = {{"mime", {'a', '/', 'b'}}};

Result<InodeRecord> annotate(Home& home, std::string_view path,
                             const catalog::Attributes& attributes,
                             const std::vector<std::string>& tags = {}) {
    return home.change([&](Namespace& names) {
        return names.annotate(home.inode_at(path), [&](catalog::Annotations& noted) {
            noted.attributes = attributes;
            noted.tags = tags;
            return done();
        });
    });
}

catalog::Annotations noted(const Home& home, std::string_view path) {
    const auto record = home.names().resolve(path);
    REQUIRE(record.ok());
    const catalog::ReplicaReader catalog(home.rows);
    return *home.names().annotations(*record, catalog);
}

}  // namespace

TEST_CASE("attributes reach the other members, and stay through new versions and renames") {
    Pair p;
    REQUIRE(p.alice.make_directory("d").ok());
    REQUIRE(p.alice.save("f", 1).ok());
    const auto before = *p.alice.names().resolve("f");
    p.alice.now_ms += 5000;
    REQUIRE(annotate(p.alice, "f", kMime, {"blue"}).ok());
    REQUIRE(annotate(p.alice, "d", kMime).ok());
    const auto after = *p.alice.names().resolve("f");
    CHECK(after.inode == before.inode);
    CHECK(after.mtime_ns == before.mtime_ns);
    CHECK(after.ctime_ns > before.ctime_ns);
    p.exchange();
    CHECK(noted(p.bob, "f") == catalog::Annotations{{"blue"}, kMime});
    CHECK(noted(p.bob, "d").attributes == kMime);

    REQUIRE(p.bob.save("f", 2).ok());
    REQUIRE(p.bob.rename("f", "d/g").ok());
    REQUIRE(p.bob.rename("d", "e").ok());
    p.exchange();
    CHECK(noted(p.alice, "e/g") == catalog::Annotations{{"blue"}, kMime});
    CHECK(noted(p.alice, "e").attributes == kMime);

    REQUIRE(annotate(p.alice, "e/g", {}).ok());
    p.exchange();
    CHECK(noted(p.bob, "e/g").empty());
}

TEST_CASE("a mode that another member sets does not take attributes away") {
    Pair p;
    REQUIRE(p.alice.save("f", 1).ok());
    REQUIRE(annotate(p.alice, "f", kMime).ok());
    p.exchange();
    REQUIRE(
        p.bob.change([&](Namespace& n) { return n.set_attributes(p.bob.inode_at("f"), 0600, {}); })
            .ok());
    p.exchange();
    CHECK(noted(p.alice, "f").attributes == kMime);
    CHECK(p.alice.names().resolve("f")->mode == 0600);
}

TEST_CASE("what is annotated of a file before its first publication goes out with it") {
    Pair p;
    REQUIRE(p.alice.make_directory("d").ok());
    const auto created = p.alice.create("f");
    REQUIRE(created.ok());
    REQUIRE(annotate(p.alice, "f", kMime).ok());
    REQUIRE(p.alice.rename("f", "d/g").ok());
    CHECK(noted(p.alice, "d/g").attributes == kMime);
    p.bob.pull(p.alice);
    CHECK_FALSE(p.bob.names().resolve("d/g").ok());
    REQUIRE(p.alice.publish(*p.alice.names().resolve("d/g"), 1).ok());
    p.exchange();
    CHECK(noted(p.bob, "d/g").attributes == kMime);
    CHECK_FALSE(p.alice.name_rows.get(annotations_key(created->inode)).has_value());

    const auto gone = p.alice.create("gone");
    REQUIRE(annotate(p.alice, "gone", kMime).ok());
    REQUIRE(p.alice.remove("gone").ok());
    CHECK_FALSE(p.alice.name_rows.get(annotations_key(gone->inode)).has_value());
}

TEST_CASE("the root's attributes stay on this node, as its mode does") {
    Pair p;
    REQUIRE(annotate(p.alice, "", kMime).ok());
    p.exchange();
    CHECK(noted(p.alice, "").attributes == kMime);
    CHECK(noted(p.bob, "").empty());
    REQUIRE(annotate(p.alice, "", {}).ok());
    CHECK(noted(p.alice, "").empty());
}

TEST_CASE("annotations that are refused change nothing") {
    Pair p;
    REQUIRE(p.alice.save("f", 1).ok());
    const auto before = *p.alice.names().resolve("f");
    CHECK(annotate(p.alice, "f", {{"v", Bytes(5000)}}).error().code == Code::too_large);
    CHECK(*p.alice.names().resolve("f") == before);
}

TEST_CASE("a file that a shared folder publishes anew keeps what was annotated on the mount") {
    Pair p;
    const auto any = [](const catalog::Entry&) { return true; };
    const auto put = [&](std::uint64_t content, std::vector<std::string> tags) {
        catalog::Entry entry = catalog::testing::file_entry("f", content);
        entry.tags = std::move(tags);
        return p.alice.change([&](Namespace& n) { return n.put_path(entry, any); });
    };
    REQUIRE(put(1, {}).ok());
    REQUIRE(annotate(p.alice, "f", kMime, {"mine"}).ok());
    REQUIRE(put(2, {}).ok());
    p.exchange();
    CHECK(noted(p.bob, "f") == catalog::Annotations{{"mine"}, kMime});
    REQUIRE(put(3, {"folder's"}).ok());
    CHECK(noted(p.alice, "f") == catalog::Annotations{{"folder's"}, kMime});
}

}  // namespace swarmfs::store
