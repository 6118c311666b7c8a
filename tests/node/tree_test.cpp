#include "engine/node/tree.hpp"

#include <doctest/doctest.h>

#include "engine/store/key_spaces.hpp"
#include "tests/node/trees.hpp"
#include "tests/store/crash_disk.hpp"
#include "tests/store/faulty_disk.hpp"

namespace swarmfs::node {
namespace {

using catalog::testing::Message;
using catalog::testing::Swarm;
using test::TreeMember;

}  // namespace

TEST_CASE("what was signed and may have been sent is there after a power cut") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const Swarm swarm;
        test::CrashDisk disk(test::Syncs::work);
        TreeMember alice(swarm, 1, &disk);
        TreeMember bob(swarm, 2);
        REQUIRE(alice.make("before").ok());
        REQUIRE(alice.tree().seal().ok());
        REQUIRE(alice.make("a name that is signed").ok());
        REQUIRE(alice.tree().seal().value());
        REQUIRE(bob.pull_from(alice).ok());
        disk.stop_everything();
        alice.close();
        SeededDice dice(seed);
        disk.lose_power(dice);
        alice.open();
        CHECK(alice.vector() == bob.vector());
        CHECK(alice.shows("a name that is signed"));
    }
}

TEST_CASE("what was signed and could not be brought to the disk is told to nobody") {
    const Swarm swarm;
    test::FaultyDisk disk;
    TreeMember alice(swarm, 1, &disk);
    REQUIRE(alice.make("before").ok());
    REQUIRE(alice.tree().seal().ok());
    CHECK(alice.tree().sync_sealed().ok());
    REQUIRE(alice.make("name").ok());
    disk.fail_at(1, test::Fault::io, false);  // the record is written, and its sync fails
    CHECK_FALSE(alice.tree().seal().ok());
    REQUIRE(alice.messages_for({}).size() == 4);  // it can be read
    CHECK_FALSE(alice.tree().sync_sealed().ok());
}

TEST_CASE("a home that was restored or copied begins a new history, and both are kept") {
    const Swarm swarm;
    TreeMember alice(swarm, 1);
    TreeMember bob(swarm, 2);
    REQUIRE(alice.make("first").ok());
    REQUIRE(alice.tree().seal().ok());
    alice.close();
    const auto copy = alice.folder() / "copy";
    std::filesystem::copy(alice.folder() / "db", copy);
    alice.open();
    REQUIRE(alice.make("second").ok());
    REQUIRE(alice.tree().seal().ok());
    CHECK(alice.vector().size() == 1);  // the same home: the same history
    REQUIRE(bob.pull_from(alice).ok());
    alice.close();

    std::filesystem::remove_all(alice.folder() / "db");
    std::filesystem::rename(copy, alice.folder() / "db");
    alice.history = 2;
    alice.open();
    SUBCASE("at its start") {
        alice.tree().start();
    }
    SUBCASE("or later, where the start could not write") {
        REQUIRE(alice.tree().compact(10).ok());
    }
    REQUIRE(alice.make("other").ok());
    REQUIRE(alice.tree().seal().ok());
    REQUIRE(bob.pull_from(alice).ok());
    REQUIRE(alice.pull_from(bob).ok());
    for (const char* name : {"first", "second", "other"}) {
        CHECK(alice.shows(name));
        CHECK(bob.shows(name));
    }
    CHECK(alice.vector() == bob.vector());
    CHECK(alice.vector().size() == 2);
    // And is itself from then on.
    alice.close();
    alice.open();
    alice.tree().start();
    REQUIRE(alice.make("more").ok());
    REQUIRE(alice.tree().seal().ok());
    CHECK(alice.vector().size() == 2);
}

TEST_CASE("a publication that was whole when the node was killed counts after the next start") {
    const Swarm swarm;
    TreeMember alice(swarm, 1);
    TreeMember bob(swarm, 2);
    REQUIRE(alice.make("name").ok());
    REQUIRE(alice.tree().seal().ok());
    {
        store::Batch batch = bob.database().begin();
        PrefixedWriter rows(batch, store::key_of(store::KeySpace::catalog, swarm.id));
        catalog::Replica replica(rows, swarm.id);
        for (const auto& [kind, bytes] : alice.messages_for({})) {
            REQUIRE((kind == catalog::MessageKind::header
                         ? replica.apply_header(bytes, bob.clock.wall_ms()).ok()
                         : replica.apply_entries(bytes).ok()));
        }
        REQUIRE(bob.database().commit(std::move(batch), store::Durability::process_crash).ok());
    }
    SUBCASE("by itself") {
        bob.close();
        bob.open();
        CHECK_FALSE(bob.shows("name"));
        bob.tree().start();
    }
    SUBCASE("or when its entries come again") {
        REQUIRE(bob.pull_from(alice).ok());
    }
    CHECK(bob.shows("name"));
}

TEST_CASE("whichever write finds the disk full, what was sent again counts") {
    bool met = true;
    for (std::uint64_t nth = 0; met; ++nth) {
        const Swarm swarm;
        test::FaultyDisk disk;
        TreeMember alice(swarm, 1);
        TreeMember bob(swarm, 2, &disk);
        REQUIRE(alice.make("name").ok());
        REQUIRE(alice.tree().seal().ok());
        disk.fail_at(nth, test::Fault::no_space, true);
        (void)bob.pull_from(alice);
        met = disk.met();
        disk.heal();
        bob.clock.advance(std::chrono::minutes(1));
        REQUIRE(bob.pull_from(alice).ok());
        CHECK(bob.shows("name"));
    }
}

TEST_CASE("what a member who may only read has signed is refused") {
    const Swarm swarm;
    TreeMember bob(swarm, 2);
    // A reader's own program refuses; this one was changed.
    catalog::testing::Member mallory(swarm, 3);
    const Bytes write_grant = mallory.grant;
    mallory.write(catalog::testing::directory_entry("forged"));
    mallory.seal();
    auto messages = mallory.messages_for({});
    catalog::Header header = catalog::decode_header(messages[0].second)->header;
    catalog::GrantLink link;
    link.subject = mallory.key.public_key();
    link.role = catalog::Role::read;
    header.grant = catalog::grant_from_owner(swarm.owner, link);
    messages[0].second = *catalog::sign_header(header, mallory.key);
    auto entries = *catalog::decode_entries(messages[1].second);
    entries.header_hash = catalog::decode_header(messages[0].second)->hash;
    const Bytes forged_entries = catalog::encode_entries(entries);

    const auto refused = bob.take(messages[0]);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().whose == Whose::peer);
    CHECK(refused.error().code == Code::permission);
    CHECK(bob.take({catalog::MessageKind::entries, forged_entries}).ok());
    CHECK_FALSE(bob.shows("forged"));
    CHECK(bob.vector().empty());
}

TEST_CASE("a member whose grant has ended changes nothing any more, and still follows the others") {
    const Swarm swarm;
    constexpr std::uint64_t kEndMs = catalog::testing::kStartMs + 60'000;
    TreeMember alice(swarm, 1);
    TreeMember bob(swarm, 2, nullptr, catalog::Role::write, kEndMs);
    REQUIRE(bob.make("in time").ok());
    // Alice's clock runs ahead of bob's, and what bob writes after hers would be dated after his end.
    alice.clock.advance(std::chrono::minutes(5));
    REQUIRE(alice.make("ahead").ok());
    REQUIRE(alice.tree().seal().ok());
    REQUIRE(bob.pull_from(alice).ok());
    CHECK(bob.make("too late by alice's clock").error().code == Code::permission);
    CHECK_FALSE(bob.shows("too late by alice's clock"));
    bob.clock.advance(std::chrono::minutes(2));
    CHECK(bob.make("too late").error().code == Code::permission);
    REQUIRE(alice.make("more").ok());
    REQUIRE(alice.tree().seal().ok());
    REQUIRE(bob.pull_from(alice).ok());
    CHECK(bob.shows("more"));
    REQUIRE(alice.pull_from(bob).ok());
    CHECK(alice.shows("in time"));
}

}  // namespace swarmfs::node
