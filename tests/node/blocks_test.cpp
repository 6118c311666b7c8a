// Blocked nodes: as they are kept, and as the control methods set and show them.

#include "engine/node/blocks.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "engine/store/key_spaces.hpp"
#include "tests/node/members.hpp"
#include "tests/support/temporary_directory.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using test::join_all;
using test::TestNode;

std::string id_of(TestNode& node) {
    return node.ask("status", json::object()).at("node").get<std::string>();
}

json peers_of(TestNode& node) {
    return node.ask("peers", json::object());
}

bool connected(TestNode& node, TestNode& other) {
    const std::string id = id_of(other);
    const json peers = peers_of(node).at("peers");
    return std::any_of(peers.begin(), peers.end(),
                       [&](const json& peer) { return peer.at("node") == id; });
}

NodeId numbered(std::size_t n) {
    NodeId id;
    id.bytes[0] = static_cast<std::uint8_t>(n);
    id.bytes[1] = static_cast<std::uint8_t>(n >> 8);
    return id;
}

}  // namespace

TEST_CASE("blocks are kept, bounded, and hold even where their row cannot be read") {
    test::TemporaryDirectory directory;
    store::SystemDisk disk;
    ManualClock clock(5000);
    auto database = store::Database::open(disk, store::Path(directory.path()));
    REQUIRE(database.ok());
    {
        Blocks blocks(**database, clock);
        CHECK(blocks.set(numbered(0), true).value());
        CHECK_FALSE(blocks.set(numbered(0), true).value());
        CHECK_FALSE(blocks.set(numbered(1), false).value());
        for (std::size_t i = 1; i < Blocks::kBlocksMax; ++i) {
            REQUIRE(blocks.set(numbered(i), true).value());
        }
        CHECK(blocks.set(numbered(9999), true).error().code == Code::too_large);
        CHECK(blocks.set(numbered(0), false).value());
        CHECK(blocks.set(numbered(9999), true).value());
    }
    Bytes key = store::key_of(store::KeySpace::node, 'k');
    const NodeId damaged = numbered(1);
    key.insert(key.end(), damaged.bytes.begin(), damaged.bytes.end());
    REQUIRE((*database)->commit({{key, Bytes{9}}}, store::Durability::process_crash).ok());
    const Blocks blocks(**database, clock);
    const auto all = blocks.all();
    CHECK(all.size() == Blocks::kBlocksMax);
    CHECK_FALSE(all.contains(numbered(0)));
    CHECK(all.at(numbered(9999)) == 5000);
    CHECK(all.at(damaged) == 0);
}

TEST_CASE("a blocked node is out of every swarm, across a restart, until it is unblocked") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    const json other = alice.ask("create", {{"name", "other"}, {"trackers", json::array()}});
    bob.ask("join", {{"invite", other.at("invite")}});
    REQUIRE(alice.eventually([&] { return peers_of(alice).at("peers").size() == 2; }));

    const std::string bobs = id_of(bob);
    const json blocked = alice.ask("block", {{"peer", bobs.substr(0, 12)}});
    CHECK(blocked == json{{"node", bobs}, {"blocked", true}, {"changed", true}});
    CHECK(alice.ask("block", {{"peer", bobs}}).at("changed") == false);
    REQUIRE(alice.eventually(
        [&] { return peers_of(alice).at("peers").empty() && peers_of(bob).at("peers").empty(); }));
    // A swarm that is joined later knows it, too.
    const json third = bob.ask("create", {{"name", "third"}, {"trackers", json::array()}});
    alice.ask("join", {{"invite", third.at("invite")}});
    for (const bool restarted : {false, true}) {
        if (restarted) {
            alice.stop();
            alice.start();
        }
        const json list = peers_of(alice).at("blocked");
        REQUIRE(list.size() == 1);
        CHECK(list[0].at("node") == bobs);
        CHECK(list[0].at("since_ms") > 1'700'000'000'000);
        CHECK(alice.ask("status", json::object()).at("blocked") == list);
        REQUIRE(alice.node().members().size() == 3);
        for (const auto& member : alice.node().members()) {
            CHECK(member->swarm().banned(*NodeId::from_hex(bobs)));
        }
    }
    CHECK(peers_of(alice).at("peers").empty());

    CHECK(alice.ask("unblock", {{"peer", bobs.substr(0, 8)}}) ==
          json{{"node", bobs}, {"blocked", false}, {"changed", true}});
    for (const auto& member : bob.node().members()) {
        member->hurry();
    }
    REQUIRE(alice.eventually([&] { return connected(alice, bob); }));
    CHECK(alice.ask("unblock", {{"peer", bobs}}).at("changed") == false);
    CHECK(peers_of(alice).at("blocked").empty());
}

TEST_CASE("an unblocked node is dialled at once") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    REQUIRE(alice.eventually([&] { return connected(alice, bob); }));
    alice.ask("block", {{"peer", id_of(bob)}});
    REQUIRE(alice.eventually([&] { return !connected(alice, bob); }));
    alice.ask("unblock", {{"peer", id_of(bob)}});
    REQUIRE(alice.eventually([&] { return connected(alice, bob); }));
    const json peers = peers_of(alice).at("peers");
    CHECK(peers[0].at("dialled") == true);
}

TEST_CASE("a ban is listed, kept across a restart, and ended by unblock") {
    TestNode node;
    node.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    const NodeId liar = numbered(7);
    {
        Standings& standings = node.node().member("").value()->standings();
        standings.keep_ban(
            {liar, node.node().clock().now() + std::chrono::hours(1), std::chrono::hours(1)});
    }
    node.stop();
    node.start();
    const json banned = peers_of(node).at("banned");
    REQUIRE(banned.size() == 1);
    CHECK(banned[0].at("node") == liar.hex());
    CHECK(banned[0].at("swarm") == "team");
    CHECK(banned[0].at("until_ms").get<std::uint64_t>() > node.node().clock().wall_ms());
    CHECK(node.node().member("").value()->swarm().banned(liar));
    CHECK(node.ask("unblock", {{"peer", liar.hex().substr(0, 8)}}).at("changed") == true);
    CHECK_FALSE(node.node().member("").value()->swarm().banned(liar));
    CHECK(node.eventually([&] { return peers_of(node).at("banned").empty(); }));
    node.stop();
    node.start();
    CHECK(peers_of(node).at("banned").empty());
}

TEST_CASE(
    "whom a node was served well by scores higher after a restart, and a left swarm forgets") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    alice.write("file", std::string(4 << 20, 'x'));
    REQUIRE(bob.eventually([&] { return bob.read("file").ok(); }));
    bob.stop();
    bob.start();
    REQUIRE(bob.eventually([&] { return connected(bob, alice); }));
    const json peer = peers_of(bob).at("peers")[0];
    CHECK(peer.at("received_bytes") == 0);
    CHECK(peer.at("score") > 0.75);  // a newcomer has 0.55, and up to 0.63 with a short path
    bob.ask("leave", {{"name", "team"}});
    const json again = alice.ask("invite", {{"name", "team"}, {"role", "write"}});
    bob.ask("join", {{"invite", again.at("invite")}});
    REQUIRE(bob.eventually([&] { return connected(bob, alice); }));
    CHECK(peers_of(bob).at("peers")[0].at("score") < 0.75);
}

TEST_CASE("who is blocked must be known by its beginning, and be another") {
    TestNode node;
    node.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    const std::string one = std::string(63, 'a') + "1";
    const std::string two = std::string(63, 'a') + "2";
    const auto code = [&](const std::string& peer) {
        const auto answer = node.call("block", {{"peer", peer}});
        REQUIRE_FALSE(answer.ok());
        return answer.error().code;
    };
    CHECK(code("aaaaaaaa") == Code::not_found);
    CHECK(code("") == Code::not_found);
    CHECK(code(id_of(node)) == Code::invalid);
    node.ask("block", {{"peer", one}});
    CHECK(node.ask("block", {{"peer", "aaaaaaaa"}}).at("node") == one);  // it is known now
    CHECK(code("aaaaaaa") == Code::not_found);                           // too short to be sure
    node.ask("block", {{"peer", two}});
    CHECK(code("aaaaaaaa") == Code::invalid);
    node.ask("unblock", {{"peer", one}});
    CHECK(peers_of(node).at("blocked")[0].at("node") == two);
}

}  // namespace swarmfs::node
