// One end is real; the other says what the test wants.

#include <doctest/doctest.h>

#include "engine/protocol/peer_frames.hpp"
#include "tests/swarm/scripted_peer.hpp"

using namespace swarmfs;
using namespace swarmfs::test;
using protocol::HoldingKind;
using protocol::Urgency;

namespace {

// A content of four chunks, and what an honest peer would say of it.
struct Film {
    Bytes bytes = random_bytes(5, 4 * kChunkBytes);
    content::HashTree tree = tree_of(bytes);
    ContentId id = tree.id();

    ByteSpan leaf(std::uint64_t index) const {
        return ByteSpan(bytes).subspan(index * kLeafBytes, kLeafBytes);
    }
    std::vector<Hash256> proof(std::uint64_t chunk, unsigned level) const {
        return *content::make_chunk_proof(tree, id.size, ChunkIndex(chunk), level);
    }
};

// Joined: hello has been exchanged both ways.
void join(ScriptedPeer& peer, MemoryMember& member, std::size_t peers = 1) {
    REQUIRE(peer.dial(member));
    peer.hello();
    REQUIRE(peer.hear_a<protocol::Hello>());
    member.wait_for_peers(peers);
}

// A read that ends somehow; the future keeps the member's call alive.
std::shared_ptr<std::atomic<int>> start_read(MemoryMember& member, const ContentId& id,
                                             std::uint64_t length = 1000) {
    auto state = std::make_shared<std::atomic<int>>(0);
    swarm::ReadRequest request;
    request.content = id;
    request.length = length;
    request.deadline = member.clock.now() + std::chrono::seconds(20);
    member.swarm->read(request, [state](Result<> outcome) { *state = outcome.ok() ? 1 : -1; });
    return state;
}

}  // namespace

TEST_CASE("frames that are wrong for the state end the session, and an honest member is unharmed") {
    const Film film;
    MemoryMember member(1);
    MemoryMember honest(2);
    honest.contents.publish(film.bytes);
    honest.dial(member);
    member.wait_for_peers(1);

    using Say = std::function<void(ScriptedPeer&)>;
    const protocol::Open open{9, film.id};
    const std::vector<std::pair<const char*, Say>> before_hello = {
        {"ping before hello", [](auto& p) { p.say(protocol::Ping{1}); }},
        {"open before hello", [&](auto& p) { p.say(open); }},
        {"a type that is none",
         [](auto& p) {
             p.say_bytes({0xEE, 0, 0});
         }},
        {"a frame cut short",
         [](auto& p) {
             p.say_bytes({0x02, 0, 8, 1});
         }},
    };
    const std::vector<std::pair<const char*, Say>> after_hello = {
        {"a second hello", [](auto& p) { p.hello(); }},
        {"a leaf of a handle never given",
         [&](auto& p) {
             p.say(protocol::Leaf{77, ChunkIndex(0), 0, film.leaf(0)});
         }},
        {"a proof of a handle never given",
         [](auto& p) {
             p.say(protocol::Proof{77, ChunkIndex(0), 4, {}});
         }},
        {"holdings of a handle never given",
         [](auto& p) {
             p.say(protocol::Holding{77, HoldingKind::all, {}, {}});
         }},
        {"a have of a handle never given",
         [](auto& p) {
             p.say(protocol::Have{77, {ChunkIndex(0)}});
         }},
        {"a refusal of a handle never given",
         [](auto& p) {
             p.say(protocol::Refuse{77, {ChunkIndex(0), 0, 1}, protocol::RefuseReason::busy});
         }},
        {"a handle used twice", [&](auto& p) { p.say(open, open); }},
        {"a close of what is not open", [](auto& p) { p.say(protocol::Close{9}); }},
        {"a request beyond the end",
         [&](auto& p) {
             p.say(open, protocol::Request{9, {ChunkIndex(4), 0, 1}, Urgency::fill, 0});
         }},
        {"a request for a proof from a level that the tree does not have",
         [&](auto& p) {
             p.say(open, protocol::Request{9, {ChunkIndex(0), 0, 1}, Urgency::fill, 30});
         }},
        {"an open of a content that cannot be",
         [](auto& p) {
             p.say(protocol::Open{9, ContentId{{}, 1}});
         }},
        {"an open of a content beyond the limit",
         [&](auto& p) {
             p.say(protocol::Open{9, ContentId{film.id.root, kContentBytesMax + 1}});
         }},
    };
    std::uint8_t rank = 10;
    for (const auto& [what, say] : before_hello) {
        CAPTURE(what);
        ScriptedPeer peer(rank++);
        REQUIRE(peer.dial(member));
        say(peer);
        peer.hear_the_end();
    }
    for (const auto& [what, say] : after_hello) {
        CAPTURE(what);
        ScriptedPeer peer(rank++);
        join(peer, member, 2);
        say(peer);
        peer.hear_the_end();
        member.wait_for_peers(1);
    }
    CHECK(member.read(film.id, 0, film.bytes.size()).ok());
    CHECK(member.swarm->connected_to(honest.node));
}

TEST_CASE(
    "leaves that were not asked for, come before their proof, or have the wrong length end it") {
    const Film film;
    for (int fault = 0; fault < 4; ++fault) {
        CAPTURE(fault);
        MemoryMember member(1);
        ScriptedPeer peer(9);
        join(peer, member);
        const auto read = start_read(member, film.id);
        const auto open = peer.hear_a<protocol::Open>();
        const auto request = peer.hear_a<protocol::Request>();
        REQUIRE(open);
        REQUIRE(request);
        CHECK(request->urgency == Urgency::urgent);
        const auto hashes = film.proof(0, request->known_level);
        const protocol::Proof proof{open->handle, ChunkIndex(0), request->known_level,
                                    content::bytes_of(hashes)};
        const ByteSpan leaf = film.leaf(0);
        switch (fault) {
            case 0:  // before its proof
                peer.say(protocol::Leaf{open->handle, ChunkIndex(0), 0, leaf});
                break;
            case 1:  // another leaf
                peer.say(proof, protocol::Leaf{open->handle, ChunkIndex(0), 7, leaf});
                break;
            case 2:  // too short
                peer.say(proof, protocol::Leaf{open->handle, ChunkIndex(0), 0, leaf.first(100)});
                break;
            default:  // a proof of the wrong length
                peer.say(protocol::Proof{open->handle, ChunkIndex(0), request->known_level,
                                         content::bytes_of(hashes).first(32)});
        }
        peer.hear_the_end();
        CHECK(eventually([&] { return member.listener_port.left == 1; }));
        CHECK(member.listener_port.last_reason().whose == Whose::peer);
        NodeId node;
        node.bytes.fill(9);
        // The length of a proof follows from what was asked: another one is a lie.
        CHECK(member.swarm->banned(node) == (fault == 3));
        CHECK(member.contents.get(film.id)->leaves_stored == 0);
    }
}

TEST_CASE("a peer that offers a content and never answers is replaced") {
    const Film film;
    MemoryMember member(3);
    ScriptedPeer silent(2);
    join(silent, member);
    const auto read = start_read(member, film.id, 100'000);
    const auto open = silent.hear_a<protocol::Open>();
    REQUIRE(open);
    silent.say(protocol::Holding{open->handle, HoldingKind::all, {}, {}});
    REQUIRE(silent.hear_a<protocol::Request>());
    MemoryMember honest(4);
    honest.contents.publish(film.bytes);
    honest.dial(member);
    CHECK(eventually([&] { return *read == 1; }));
}

TEST_CASE("a peer that falls silent in the middle of a chunk is replaced by one that answers") {
    const Film film;
    MemoryMember member(3);
    MemoryMember honest(4);
    ScriptedPeer silent(2);
    join(silent, member);
    const auto read = start_read(member, film.id, film.bytes.size());
    const auto open = silent.hear_a<protocol::Open>();
    REQUIRE(open);
    silent.say(protocol::Holding{open->handle, HoldingKind::all, {}, {}});
    const auto request = silent.hear_a<protocol::Request>();
    REQUIRE(request);
    const ChunkIndex chunk = request->range.chunk;
    const auto hashes = film.proof(chunk.value, request->known_level);
    const std::uint8_t first = request->range.first;
    silent.say(
        protocol::Proof{open->handle, chunk, request->known_level, content::bytes_of(hashes)},
        protocol::Leaf{open->handle, chunk, first, film.leaf(first_leaf(chunk).value + first)});
    CHECK(eventually([&] { return member.contents.get(film.id)->leaves_stored == 1; }));
    honest.contents.publish(film.bytes);
    honest.dial(member);
    CHECK(eventually([&] { return *read == 1; }));
    CHECK(member.contents.get(film.id)->holds(0, film.bytes));
    // It kept no promise, but it told no lie: it may stay.
    NodeId node;
    node.bytes.fill(2);
    CHECK(member.swarm->connected_to(node));
    CHECK_FALSE(member.swarm->banned(node));
}

TEST_CASE("urgent leaves overtake a queue of others at the sender") {
    MemoryMember member(1);
    const Bytes bytes = random_bytes(6, 64 * kChunkBytes);
    member.contents.publish(bytes);
    const ContentId id = id_of(bytes);
    ScriptedPeer peer(9);
    join(peer, member);
    peer.say(protocol::Open{1, id});
    REQUIRE(peer.hear_a<protocol::Holding>()->kind == HoldingKind::all);
    Bytes record;
    for (std::uint64_t chunk = 0; chunk < 60; ++chunk) {
        protocol::encode(protocol::Request{1, {ChunkIndex(chunk), 0, 16}, Urgency::fill, 10},
                         record);
    }
    protocol::encode(protocol::Request{1, {ChunkIndex(63), 5, 1}, Urgency::urgent, 10}, record);
    peer.say_bytes(record);
    const auto first = peer.hear_a<protocol::Leaf>();
    REQUIRE(first);
    CHECK(first->chunk == ChunkIndex(63));
    CHECK(first->leaf == 5);
    CHECK(std::equal(first->bytes.begin(), first->bytes.end(),
                     bytes.begin() + 63 * kChunkBytes + 5 * kLeafBytes));
}

TEST_CASE("what is not held is refused, and what is asked beyond all measure is busy") {
    MemoryMember member(1);
    const Bytes bytes = random_bytes(7, 400 * kChunkBytes);
    member.contents.publish(bytes);
    const Film unknown;
    ScriptedPeer peer(9);
    join(peer, member);
    peer.say(protocol::Open{1, unknown.id});
    CHECK(peer.hear_a<protocol::Holding>()->kind == HoldingKind::none);
    peer.say(protocol::Request{1, {ChunkIndex(0), 0, 1}, Urgency::urgent, 0});
    CHECK(peer.hear_a<protocol::Refuse>()->reason == protocol::RefuseReason::not_held);
    peer.say(protocol::Request{5, {ChunkIndex(0), 0, 1}, Urgency::urgent, 0});
    CHECK(peer.hear_a<protocol::Refuse>()->reason == protocol::RefuseReason::unknown_handle);
    Bytes record;
    protocol::encode(protocol::Open{2, id_of(bytes)}, record);
    for (std::uint64_t chunk = 0; chunk < 400; ++chunk) {
        protocol::encode(protocol::Request{2, {ChunkIndex(chunk), 0, 16}, Urgency::fill, 0},
                         record);
    }
    peer.say_bytes(record);
    CHECK(peer.hear_a<protocol::Refuse>()->reason == protocol::RefuseReason::busy);
}

TEST_CASE("a paused member says what it holds, and refuses what is asked for as busy") {
    MemoryMember member(1);
    const Bytes bytes = random_bytes(7, 3 * kChunkBytes);
    member.contents.publish(bytes);
    ScriptedPeer peer(9);
    join(peer, member);
    const auto ask = [&] {
        peer.say(protocol::Request{1, {ChunkIndex(1), 3, 4}, Urgency::urgent, 0});
    };
    const auto set_paused = [&](bool paused) {
        member.swarm->set_paused(paused);
        // It is heard on the engine before the first answer, and sent to sessions before the second.
        (void)member.swarm->peers();
        (void)member.swarm->peers();
    };
    set_paused(true);
    peer.say(protocol::Open{1, id_of(bytes)});
    CHECK(peer.hear_a<protocol::Holding>()->kind == HoldingKind::all);
    ask();
    const auto refused = peer.hear_a<protocol::Refuse>();
    CHECK(refused->reason == protocol::RefuseReason::busy);
    CHECK(refused->range == protocol::LeafRange{ChunkIndex(1), 3, 4});
    set_paused(false);
    ask();
    CHECK(peer.hear_a<protocol::Leaf>());
}

TEST_CASE("addresses a peer tells are taken in as a trickle") {
    MemoryMember member(1);
    ScriptedPeer flood(9);
    join(flood, member);
    protocol::Peers peers;
    for (std::size_t i = 0; i < protocol::kPeersMax; ++i) {
        peers.peers.push_back({NodeId{}, "10.0.0." + std::to_string(i) + ":7000"});
    }
    Bytes record;
    while (record.size() + 8192 < protocol::kRecordPlaintextMax) {
        protocol::encode(peers, record);
    }
    for (int i = 0; i < 100; ++i) {
        flood.say_bytes(record);
    }
    flood.say(protocol::Ping{77});
    while (const auto pong = flood.hear_a<protocol::Pong>()) {
        if (pong->nonce == 77) {
            break;
        }
    }
    CHECK(member.listener_port.hinted > 0);
    CHECK(member.listener_port.hinted < 6 * protocol::kPeersMax);
}

TEST_CASE("of two sessions that one node dials, the lower handshake hash stays at both ends") {
    for (int round = 0; round < 4; ++round) {
        MemoryMember member(1);
        ScriptedPeer first(9);
        ScriptedPeer second(9);
        join(first, member);
        REQUIRE(second.dial(member));
        second.hello();
        ScriptedPeer& stays = first.handshake_hash() < second.handshake_hash() ? first : second;
        ScriptedPeer& leaves = &stays == &first ? second : first;
        CHECK(leaves.hear_a<protocol::Goodbye>());
        leaves.hear_the_end();
        stays.say(protocol::Ping{55});
        std::optional<protocol::Pong> pong;
        do {
            pong = stays.hear_a<protocol::Pong>();
        } while (pong && pong->nonce != 55);
        CHECK(pong);
        member.wait_for_peers(1);
    }
}

TEST_CASE("a session over which nothing was heard for a while gives way to any other") {
    for (const bool dialled_by_us : {false, true}) {
        CAPTURE(dialled_by_us);
        for (const bool quiet : {false, true}) {
            CAPTURE(quiet);
            MemoryMember member(1);
            MemoryMember other(9);  // the larger: what it dials itself gives way
            ScriptedPeer first(9);
            if (dialled_by_us) {
                member.dial(other);
                member.wait_for_peers(1);
                // Its first words and its answer to a ping; it says no more for 10 s.
                REQUIRE(eventually([&] {
                    return member.catalog.vectors_heard == 1 &&
                           member.swarm->peers()[0].round_trip > Duration{};
                }));
            } else {
                join(first, member);
            }
            if (quiet) {
                member.clock.advance(std::chrono::seconds(13));
            }
            ScriptedPeer second(9);
            do {  // until it is the one that would give way
                second.hang_up();
                REQUIRE(second.dial(member));
            } while (!dialled_by_us && second.handshake_hash() < first.handshake_hash());
            second.hello();
            if (!quiet) {
                CHECK(second.hear_a<protocol::Goodbye>());
            } else if (dialled_by_us) {
                CHECK(eventually([&] { return other.listener_port.left == 1; }));
            } else {
                CHECK(first.hear_a<protocol::Goodbye>());
            }
            const auto peers = member.swarm->peers();
            REQUIRE(peers.size() == 1);
            CHECK(peers[0].dialled_by_us == (dialled_by_us && !quiet));
        }
    }
}

TEST_CASE("a peer that was sent away and goes on talking is cut off, and hears the goodbye first") {
    swarm::SwarmOptions options;
    options.linger = std::chrono::milliseconds(200);
    MemoryMember member(1, options);
    ScriptedPeer peer(9);
    join(peer, member);
    // Unread input at the other end: a socket closed over it would be reset.
    member.swarm->block([] {
        NodeId node;
        node.bytes.fill(9);
        return node;
    }());
    for (int i = 0; i < 50; ++i) {
        peer.say(protocol::Ping{1});
    }
    CHECK(peer.hear_a<protocol::Goodbye>());
    const auto start = member.clock.now();
    // It never closes its side, and says something whenever it may.
    while (!peer.broken()) {
        peer.say(protocol::Ping{2});
        REQUIRE(member.clock.now() - start < std::chrono::seconds(15));
    }
    CHECK(peer.broken());
}

TEST_CASE("who breaks the protocol is not let in again at once") {
    const Film film;
    MemoryMember member(1);
    {
        ScriptedPeer peer(9);
        join(peer, member);
        peer.say(protocol::Close{9});
        peer.hear_the_end();
        CHECK(eventually([&] { return member.listener_port.left == 1; }));
    }
    ScriptedPeer again(9);
    REQUIRE(again.dial(member));
    again.hello();
    CHECK(again.hear_a<protocol::Goodbye>());
    ScriptedPeer other(8);
    join(other, member);
}

TEST_CASE("a silent stranger is dropped at the hello deadline") {
    swarm::SwarmOptions options;
    options.hello_deadline = std::chrono::milliseconds(50);
    MemoryMember member(1, options);
    ScriptedPeer peer(9);
    REQUIRE(peer.dial(member));
    peer.hear_the_end();
    CHECK(member.swarm->peers().empty());
}

TEST_CASE("a peer that falls silent is noticed and dropped") {
    swarm::SwarmOptions options;
    options.ping_every = std::chrono::milliseconds(50);
    options.dead_after = std::chrono::milliseconds(200);
    MemoryMember member(1, options);
    ScriptedPeer peer(9);
    join(peer, member);
    CHECK(peer.hear_a<protocol::Ping>());
    CHECK(eventually([&] { return member.listener_port.left == 1; }));
    CHECK(member.listener_port.last_reason().code == Code::timed_out);
}

TEST_CASE("a ping is answered with its own number") {
    MemoryMember member(1);
    ScriptedPeer peer(9);
    join(peer, member);
    peer.say(protocol::Ping{12345});
    const auto pong = peer.hear_a<protocol::Pong>();
    REQUIRE(pong);
    CHECK(pong->nonce == 12345);
}

TEST_CASE("a peer that asks and never reads the answers is dropped or held back, not fed") {
    MemoryMember member(1);
    ScriptedPeer peer(9);
    join(peer, member);
    // Each ping weighs 11 bytes and makes a pong; none of them is read.
    Bytes record;
    while (record.size() + 11 <= protocol::kRecordPlaintextMax) {
        protocol::encode(protocol::Ping{1}, record);
    }
    for (int i = 0; i < 400 && member.listener_port.left == 0; ++i) {
        peer.say_bytes(record);
    }
    CHECK(eventually([&] { return member.listener_port.left == 1; }));
    CHECK(member.listener_port.last_reason().whose == Whose::peer);
}
