#include "tracker/registry.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "engine/crypto/signature.hpp"
#include "tests/catalog/members.hpp"

using namespace swarmfs;
using namespace swarmfs::tracker;
using catalog::testing::any_root;
using std::chrono::seconds;

namespace {

struct Fixture {
    // A peer that holds the root with this size.
    protocol::Heartbeat enter(std::uint64_t seed, std::uint64_t size) {
        const crypto::SigningKey key = catalog::testing::test_key(seed);
        protocol::Registration statement;
        statement.peer = key.public_key();
        statement.timestamp_ms = clock.wall_ms();
        statement.port = 6881;
        statement.signature =
            key.sign(protocol::kRegisterPurpose, protocol::statement_of(statement)).bytes;
        auto registered = registry.enter(statement, "192.0.2.7");
        REQUIRE(registered.ok());
        protocol::AnnouncedContent held;
        held.content = {root, size};
        REQUIRE(registry.announce(registered->token, {held}).ok());
        return {statement.peer, registered->token};
    }
    std::vector<protocol::TrackerPeer> holders(std::size_t count) {
        return registry.holders(root, std::nullopt, std::nullopt, "192.0.2.9", count);
    }

    const Hash256 root = any_root(1);
    ManualClock clock;
    SeededDice dice{5};
    Registry registry{PeerLimits{}, ContentLimits{}, clock, dice};
};

}  // namespace

TEST_CASE("a peer that beats every 30 s stays online; silent for 90 s it is listed as offline") {
    Fixture fixture;
    const protocol::Heartbeat beat = fixture.enter(1, 100);
    const auto online = [&] { return fixture.holders(1).at(0).online; };
    for (int beats = 0; beats < 20; ++beats) {
        fixture.clock.advance(seconds(30));
        CHECK(online());
        CHECK(fixture.registry.heartbeat(beat).ok());
    }
    fixture.clock.advance(seconds(90) - std::chrono::milliseconds(1));
    CHECK(online());
    fixture.clock.advance(std::chrono::milliseconds(1));
    CHECK(!online());
    CHECK(fixture.registry.list_root(fixture.root).at(0).seeders == 0);
    CHECK(fixture.registry.heartbeat(beat).ok());
    CHECK(online());
    fixture.clock.advance(std::chrono::hours(24));
    fixture.registry.sweep();
    CHECK(fixture.holders(1).empty());
    CHECK(!fixture.registry.heartbeat(beat).ok());
}

TEST_CASE("holders that are online stand before all that are not, whatever content they hold") {
    Fixture fixture;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        (void)fixture.enter(seed, 100);
    }
    fixture.clock.advance(kOfflineAfter);
    std::vector<NodeId> present;
    for (std::uint64_t seed = 10; seed < 15; ++seed) {
        present.push_back(fixture.enter(seed, 200).peer);
    }
    // One of the silent comes back: its slot is among the first, and its content, too.
    present.push_back(fixture.enter(3, 100).peer);
    const auto all = fixture.holders(100);
    REQUIRE(all.size() == 15);
    for (std::size_t i = 0; i < all.size(); ++i) {
        CHECK(all[i].online == (i < 6));
    }
    const auto few = fixture.holders(6);
    REQUIRE(few.size() == 6);
    for (const auto& peer : few) {
        CHECK(std::find(present.begin(), present.end(), peer.peer) != present.end());
    }
}
