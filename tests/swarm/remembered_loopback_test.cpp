// What a member remembers of others, over loopback TCP.

#include <doctest/doctest.h>

#include "tests/swarm/memory_member.hpp"

using namespace swarmfs;
using namespace swarmfs::test;

TEST_CASE("what a session came to is told when it ends, and a later one begins with it") {
    const Bytes bytes = random_bytes(1, 8 << 20);
    MemoryMember holder(2);
    holder.contents.publish(bytes);
    MemoryStandings::Rows rows;
    {
        MemoryMember reader(1);
        reader.dial(holder);
        reader.wait_for_peers(1);
        REQUIRE(reader.fill(id_of(bytes)));
        CHECK(eventually([&] { return reader.swarm->peers()[0].bytes_received == bytes.size(); }));
        CHECK(reader.swarm->peers()[0].answers > 0);
        reader.swarm->block(holder.node);
        CHECK(eventually([&] { return reader.swarm->peers().empty(); }));
        rows = reader.standings.rows();
    }
    const swarm::Standing standing = rows.standings.at(holder.node);
    CHECK(standing.bytes_received == bytes.size());
    CHECK(standing.answers > 0);
    CHECK(standing.failures == 0);
    CHECK(standing.receive_rate > 0);

    MemoryMember again(1, {}, rows);
    MemoryMember newcomer(3);
    again.dial(holder);
    again.dial(newcomer);
    again.wait_for_peers(2);
    const auto peers = again.swarm->peers();
    const auto* known = again.find(peers, holder);
    CHECK(known->score > again.find(peers, newcomer)->score + 0.2);
    CHECK(known->bytes_received == 0);  // shown is what this session does
    // A session in which nothing happens takes nothing back.
    again.swarm->block(holder.node);
    CHECK(eventually([&] { return again.swarm->peers().size() == 1; }));
    CHECK(again.standings.rows().standings.at(holder.node) == standing);
}

TEST_CASE("what sessions come to is told every minute while they last") {
    const Bytes bytes = random_bytes(1, 1 << 20);
    MemoryMember holder(2);
    MemoryMember reader(1);
    holder.contents.publish(bytes);
    reader.dial(holder);
    reader.wait_for_peers(1);
    REQUIRE(reader.fill(id_of(bytes)));
    CHECK(eventually([&] { return reader.swarm->peers()[0].bytes_received == bytes.size(); }));
    reader.clock.advance(std::chrono::minutes(1));
    // Any event makes the swarm look at the clock.
    REQUIRE(reader.read(id_of(bytes), 0, 1).ok());
    CHECK(eventually([&] {
        return reader.standings.rows().standings[holder.node].bytes_received == bytes.size();
    }));
}

TEST_CASE("a ban is told at once, holds in the next process, and ends when it is lifted") {
    const Bytes bytes = random_bytes(3, 1 << 20);
    MemoryMember liar(2);
    liar.contents.publish(bytes)->lie = Lie::leaf;
    MemoryStandings::Rows rows;
    {
        MemoryMember reader(1);
        reader.dial(liar);
        reader.wait_for_peers(1);
        reader.swarm->read({id_of(bytes), 0, bytes.size(), TimePoint::max(), std::nullopt},
                           [](const Result<>&) {});
        CHECK(eventually([&] { return reader.swarm->banned(liar.node); }));
        rows = reader.standings.rows();
    }
    REQUIRE(rows.bans.at(liar.node).length == swarm::BanList::kFirstBan);

    MemoryMember reader(1, {}, rows);
    CHECK(reader.swarm->banned(liar.node));
    const std::size_t before = liar.listener_port.left;
    reader.dial(liar);
    CHECK(eventually([&] { return liar.listener_port.left == before + 1; }));
    liar.dial(reader);
    CHECK(eventually([&] { return liar.listener_port.left == before + 2; }));
    CHECK(reader.listener_port.joined == 0);
    reader.swarm->unblock(liar.node);
    CHECK_FALSE(reader.swarm->banned(liar.node));
    CHECK(eventually(
        [&] { return reader.standings.rows().bans.at(liar.node).length == Duration{}; }));
    reader.dial(liar);
    reader.wait_for_peers(1);
}

TEST_CASE("a ban of an earlier process is doubled by the next lie") {
    const Bytes bytes = random_bytes(3, 1 << 20);
    MemoryMember liar(2);
    liar.contents.publish(bytes)->lie = Lie::leaf;
    MemoryStandings::Rows rows;
    rows.bans[liar.node] = {liar.node, TimePoint::min(), std::chrono::hours(4)};  // it has ended
    MemoryMember reader(1, {}, rows);
    reader.dial(liar);
    reader.wait_for_peers(1);
    reader.swarm->read({id_of(bytes), 0, bytes.size(), TimePoint::max(), std::nullopt},
                       [](const Result<>&) {});
    CHECK(eventually([&] { return reader.swarm->banned(liar.node); }));
    CHECK(eventually([&] {
        return reader.standings.rows().bans.at(liar.node).length == std::chrono::hours(8);
    }));
}
