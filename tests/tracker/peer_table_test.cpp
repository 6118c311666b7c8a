#include "tracker/peer_table.hpp"

#include <doctest/doctest.h>

#include "tests/catalog/members.hpp"
#include "tracker/peer_choice.hpp"

using namespace swarmfs;
using namespace swarmfs::tracker;
using catalog::testing::any_node;

namespace {

struct Fixture {
    explicit Fixture(PeerLimits limits = {}) : table(limits, dice) {}

    Now now() const { return {clock.now(), clock.wall_ms()}; }
    Outcome<PeerSlot> enter(std::uint64_t node, std::uint64_t at_ms, const std::string& host = "h",
                            SwarmId swarm = {}, bool proven = false) {
        protocol::Registration registration;
        registration.peer = any_node(node);
        registration.swarm = swarm;
        registration.timestamp_ms = at_ms;
        evicted.clear();
        return table.enter(registration, {host + ":1"}, host, proven, now(), evicted);
    }
    Outcome<PeerSlot> enter(std::uint64_t node) {
        clock.advance(std::chrono::milliseconds(1));
        return enter(node, clock.wall_ms());
    }
    Outcome<PeerSlot> leave(std::uint64_t node, std::uint64_t at_ms) {
        return table.leave({any_node(node), SwarmId{}, at_ms, {}}, now());
    }

    ManualClock clock;
    SeededDice dice{7};
    PeerTable table;
    PeerTable::Evicted evicted;
};

}  // namespace

TEST_CASE("a peer is found by its token and by nothing else") {
    Fixture fixture;
    auto slot = fixture.enter(1);
    REQUIRE(slot.ok());
    protocol::PeerToken token = fixture.table.at(*slot).token;
    CHECK(fixture.table.find(token) == *slot);
    token.bytes.back() ^= 1;
    CHECK(fixture.table.find(token) == kNoPeer);
    CHECK(fixture.table.find(protocol::PeerToken{}) == kNoPeer);
    protocol::PeerToken beyond;
    beyond.bytes.fill(0xFF);
    CHECK(fixture.table.find(beyond) == kNoPeer);
    const protocol::PeerToken old = fixture.table.at(*slot).token;
    CHECK(*fixture.enter(1) == *slot);
    CHECK(fixture.table.find(old) == kNoPeer);
}

TEST_CASE("nothing can be said twice, nor long after it was said") {
    Fixture fixture;
    const std::uint64_t now = fixture.clock.wall_ms();
    CHECK(fixture.enter(1, now).ok());
    CHECK(fixture.enter(1, now).problem().code == "statement_replayed");
    CHECK(fixture.enter(1, now - 1).problem().code == "statement_replayed");
    CHECK(fixture.enter(2, now - protocol::kStatementAgeMsMax - 1).problem().code ==
          "statement_expired");
    CHECK(fixture.enter(2, now + protocol::kStatementAgeMsMax + 1).problem().code ==
          "statement_expired");
    CHECK(fixture.leave(1, now).problem().code == "statement_replayed");
    CHECK(fixture.leave(1, now + 1).ok());
    // The registration, played again after the peer left, does not bring it back.
    CHECK(fixture.enter(1, now).problem().code == "statement_replayed");
    CHECK(fixture.enter(1, now + 1).problem().code == "statement_replayed");
    CHECK(fixture.table.of_swarm(SwarmId{}).empty());
    CHECK(fixture.enter(1, now + 2).ok());
    CHECK(*fixture.leave(9, now) == kNoPeer);
}

TEST_CASE("a peer is offline after three missed heartbeats and forgotten after a day") {
    Fixture fixture;
    const PeerSlot slot = *fixture.enter(1);
    fixture.clock.advance(kOfflineAfter - std::chrono::seconds(1));
    CHECK(fixture.table.online(slot, fixture.clock.now()));
    fixture.table.heard(slot, fixture.now());
    fixture.clock.advance(kOfflineAfter);
    CHECK(!fixture.table.online(slot, fixture.clock.now()));
    CHECK(fixture.table.of_swarm(SwarmId{}).size() == 1);
    CHECK(fixture.table.forget_due(fixture.clock.now(), 10).empty());
    fixture.clock.advance(kForgetAfter);
    CHECK(fixture.table.forget_due(fixture.clock.now(), 10) == PeerTable::Evicted{slot});
    CHECK(fixture.table.size() == 0);
    CHECK(fixture.table.of_swarm(SwarmId{}).empty());
}

TEST_CASE("a full table makes room by forgetting who was silent longest, never who is online") {
    PeerLimits limits;
    limits.peers_max = 3;
    Fixture fixture(limits);
    const PeerSlot first = *fixture.enter(1);
    CHECK(fixture.enter(2).ok());
    CHECK(fixture.enter(3).ok());
    CHECK(fixture.enter(4).problem().code == "tracker_full");
    fixture.clock.advance(kOfflineAfter);
    fixture.table.heard(first, fixture.now());
    CHECK(fixture.enter(4).ok());
    CHECK(fixture.evicted.size() == 1);
    CHECK(fixture.table.online(first, fixture.clock.now()));
    CHECK(fixture.table.size() == 3);
}

TEST_CASE("one host and one swarm may hold so many") {
    PeerLimits limits;
    limits.per_host_max = 2;
    limits.per_swarm_max = 3;
    Fixture fixture(limits);
    const std::uint64_t now = fixture.clock.wall_ms();
    CHECK(fixture.enter(1, now, "a").ok());
    CHECK(fixture.enter(2, now, "a").ok());
    CHECK(fixture.enter(3, now, "a").problem().code == "host_full");
    CHECK(fixture.enter(1, now + 1, "a").ok());  // one that is known may say so again
    CHECK(fixture.enter(3, now, "b").ok());
    CHECK(fixture.enter(4, now, "b").problem().code == "swarm_full");
    CHECK(fixture.enter(1, now + 2, "b").ok());  // it has moved
    CHECK(fixture.enter(5, now, "a", SwarmId{any_node(5).bytes}).ok());
}

TEST_CASE("in a full swarm who is offline yields to newcomers, and the unproven to members") {
    PeerLimits limits;
    limits.per_swarm_max = 3;
    Fixture fixture(limits);
    std::uint64_t spoken_ms = fixture.clock.wall_ms();
    const auto enter = [&](std::uint64_t node, bool proven) {
        spoken_ms = std::max(spoken_ms + 1, fixture.clock.wall_ms());
        return fixture.enter(node, spoken_ms, std::to_string(node), {}, proven);
    };
    const PeerSlot member = *enter(1, true);
    const PeerSlot stranger = *enter(2, false);
    const PeerSlot silent = *enter(3, true);
    CHECK(enter(4, false).problem().code == "swarm_full");
    CHECK(fixture.evicted.empty());

    // A member takes the place of one that shows no grant, though it is online.
    CHECK(enter(5, true).ok());
    CHECK(fixture.evicted == PeerTable::Evicted{stranger});
    CHECK(enter(6, true).problem().code == "swarm_full");
    // A stranger takes that of a member that is gone, never of one that is there.
    fixture.clock.advance(kOfflineAfter);
    fixture.table.heard(member, fixture.now());
    fixture.table.heard(stranger, fixture.now());  // the slot of node 5 now
    CHECK(enter(7, false).ok());
    CHECK(fixture.evicted == PeerTable::Evicted{silent});
    // Of those that are gone, first one that has shown no grant.
    fixture.clock.advance(kOfflineAfter);
    CHECK(enter(8, false).ok());
    CHECK(fixture.evicted == PeerTable::Evicted{silent});  // the slot of node 7 now
    CHECK(fixture.table.of_swarm(SwarmId{}).size() == 3);
    CHECK(fixture.table.size() == 3);
}

TEST_CASE("a random sequence of comings and goings keeps the table's books right") {
    PeerLimits limits;
    limits.peers_max = 20;
    limits.per_swarm_max = 15;
    Fixture fixture(limits);
    SeededDice dice(3);
    for (int step = 0; step < 20'000; ++step) {
        fixture.clock.advance(std::chrono::seconds(dice.below(40)));
        const std::uint64_t node = dice.below(40);
        if (dice.below(4) == 0) {
            (void)fixture.leave(node, fixture.clock.wall_ms());
        } else {
            (void)fixture.enter(node, fixture.clock.wall_ms(), std::to_string(node % 5), {},
                                dice.below(2) == 0);
        }
        (void)fixture.table.forget_due(fixture.clock.now(), 3);
        std::size_t listed = 0;
        for (const PeerSlot slot : fixture.table.of_swarm(SwarmId{})) {
            const Peer& peer = fixture.table.at(slot);
            REQUIRE((peer.in_use && !peer.left));
            REQUIRE(fixture.table.find(peer.token) == slot);
            ++listed;
        }
        REQUIRE(listed <= fixture.table.size());
        REQUIRE(listed <= 15);
        REQUIRE(fixture.table.size() <= 20);
    }
}

TEST_CASE("online peers are named first, each about as often as another") {
    Fixture fixture;
    std::vector<PeerSlot> slots;
    for (std::uint64_t node = 0; node < 20; ++node) {
        slots.push_back(*fixture.enter(node));
    }
    fixture.clock.advance(kOfflineAfter);
    for (std::size_t i = 0; i < 10; ++i) {
        fixture.table.heard(slots[i], fixture.now());
    }
    std::vector<int> named(20);
    for (int round = 0; round < 1000; ++round) {
        for (const PeerSlot slot : choose_peers(
                 fixture.table, slots.size(), [&](std::size_t i) { return slots[i]; }, slots[0], 3,
                 fixture.clock.now(), fixture.dice)) {
            ++named[slot];
        }
    }
    CHECK(named[slots[0]] == 0);
    for (std::size_t i = 1; i < 10; ++i) {
        CHECK(named[slots[i]] > 230);  // 333 on average
        CHECK(named[slots[i]] < 440);
    }
    for (std::size_t i = 10; i < 20; ++i) {
        CHECK(named[slots[i]] == 0);
    }
    const auto all = choose_peers(
        fixture.table, slots.size(), [&](std::size_t i) { return slots[i]; }, kNoPeer, 100,
        fixture.clock.now(), fixture.dice);
    CHECK(all.size() == 20);
}

TEST_CASE("of very many peers a sample without repetition is looked at") {
    Fixture fixture;
    const std::size_t many = kSampleMax * 3;
    std::vector<PeerSlot> slots;
    for (std::uint64_t node = 0; node < many; ++node) {
        slots.push_back(*fixture.enter(node, fixture.clock.wall_ms(), std::to_string(node)));
    }
    auto chosen = choose_peers(
        fixture.table, many, [&](std::size_t i) { return slots[i]; }, kNoPeer, many,
        fixture.clock.now(), fixture.dice);
    CHECK(chosen.size() == kSampleMax);
    std::sort(chosen.begin(), chosen.end());
    CHECK(std::adjacent_find(chosen.begin(), chosen.end()) == chosen.end());
}

TEST_CASE("loopback addresses are named to those on loopback only") {
    Peer peer;
    peer.addresses = {"127.0.0.1:6881", "[::1]:6881", "192.0.2.7:6881"};
    CHECK(address_for(peer, "127.0.0.1") == "127.0.0.1:6881");
    CHECK(address_for(peer, "::1") == "127.0.0.1:6881");
    CHECK(address_for(peer, "198.51.100.1") == "192.0.2.7:6881");
    peer.addresses.pop_back();
    CHECK(address_for(peer, "198.51.100.1") == "");
    CHECK(with_port("2001:db8::7", 80) == "[2001:db8::7]:80");
    CHECK(with_port("192.0.2.7", 80) == "192.0.2.7:80");
}
