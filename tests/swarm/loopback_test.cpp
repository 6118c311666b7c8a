// Members over loopback TCP: every layer between two Swarms is real but the disk.

#include <future>

#include <boost/asio/post.hpp>

#include <doctest/doctest.h>

#include "tests/swarm/memory_member.hpp"

using namespace swarmfs;
using namespace swarmfs::test;

TEST_CASE("a read of a content held elsewhere is answered, and its bytes are proven and stored") {
    MemoryMember reader(1);
    MemoryMember holder(2);
    const Bytes bytes = random_bytes(1, 3 * kChunkBytes + 12345);
    holder.contents.publish(bytes);
    const ContentId id = id_of(bytes);
    reader.dial(holder);
    reader.wait_for_peers(1);
    REQUIRE(reader.read(id, 300'000, 1000).ok());
    CHECK(reader.contents.get(id)->holds(300'000, ByteSpan(bytes).subspan(300'000, 1000)));
    CHECK(reader.contents.get(id)->leaves_stored < 5);
    REQUIRE(reader.read(id, 0, bytes.size()).ok());
    CHECK(reader.contents.get(id)->holds(0, bytes));
    const auto sources = reader.swarm->sources(id);
    REQUIRE(sources.size() == 1);
    CHECK(sources[0].node == holder.node);
    CHECK(sources[0].bytes_received == bytes.size());
}

TEST_CASE("contents of every shape arrive whole") {
    MemoryMember reader(1);
    MemoryMember holder(2);
    reader.dial(holder);
    reader.wait_for_peers(1);
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{kLeafBytes}, std::size_t{kLeafBytes + 1},
          std::size_t{3 * kLeafBytes}, std::size_t{kChunkBytes}, std::size_t{kChunkBytes + 1},
          std::size_t{17 * kChunkBytes - 1}}) {
        CAPTURE(size);
        const Bytes bytes = random_bytes(size, size);
        holder.contents.publish(bytes);
        const ContentId id = id_of(bytes);
        REQUIRE(reader.fill(id));
        CHECK(reader.contents.get(id)->holds(0, bytes));
    }
}

TEST_CASE("several sources share a download") {
    MemoryMember reader(1);
    std::vector<std::unique_ptr<MemoryMember>> holders;
    const Bytes bytes = random_bytes(2, 32 << 20);
    const ContentId id = id_of(bytes);
    for (std::uint8_t rank = 2; rank < 5; ++rank) {
        holders.push_back(std::make_unique<MemoryMember>(rank));
        holders.back()->contents.publish(bytes);
        reader.dial(*holders.back());
    }
    reader.wait_for_peers(3);
    REQUIRE(reader.fill(id));
    CHECK(reader.contents.get(id)->holds(0, bytes));
    std::uint64_t received = 0;
    CHECK(eventually([&] {  // what came last may be told of after all of it is here
        received = 0;
        for (const auto& source : reader.swarm->sources(id)) {
            received += source.bytes_received;
        }
        return received >= bytes.size();
    }));
    for (const auto& source : reader.swarm->sources(id)) {
        CHECK(source.bytes_received > bytes.size() / 20);
    }
    CHECK(received < bytes.size() + bytes.size() / 4);
}

TEST_CASE("a lying peer is dropped and banned, and the read succeeds from another") {
    for (const Lie lie : {Lie::leaf, Lie::proof}) {
        MemoryMember reader(1);
        MemoryMember liar(2);
        MemoryMember honest(3);
        const Bytes bytes = random_bytes(3, 2 << 20);
        const ContentId id = id_of(bytes);
        liar.contents.publish(bytes)->lie = lie;
        reader.dial(liar);
        reader.wait_for_peers(1);
        std::atomic<int> outcome{0};
        swarm::ReadRequest request;
        request.content = id;
        request.length = bytes.size();
        request.deadline = reader.clock.now() + std::chrono::seconds(20);
        reader.swarm->read(request, [&](Result<> result) { outcome = result.ok() ? 1 : -1; });
        CHECK(eventually([&] { return reader.swarm->banned(liar.node); }));
        CHECK_FALSE(reader.swarm->connected_to(liar.node));
        honest.contents.publish(bytes);
        reader.dial(honest);
        CHECK(eventually([&] { return outcome != 0; }));
        CHECK(outcome == 1);
        CHECK(reader.contents.get(id)->holds(0, bytes));
        // It may not come back, whoever dials: it hears a goodbye and nothing else.
        const auto turned_away = [&](std::size_t times) {
            return eventually([&] { return liar.listener_port.left == times; });
        };
        CHECK(turned_away(1));
        reader.dial(liar);
        CHECK(turned_away(2));
        CHECK(reader.listener_port.dialled().size() == 3);
        CHECK(*reader.listener_port.dialled()[2].second == liar.node);
        liar.dial(reader);
        CHECK(turned_away(3));
        CHECK(liar.listener_port.last_reason().message.find("goodbye") != std::string::npos);
        CHECK_FALSE(reader.swarm->connected_to(liar.node));
        CHECK(reader.swarm->connected_to(honest.node));
    }
}

TEST_CASE("of two sources one lies in the middle of a download, which the other completes") {
    for (const Lie lie : {Lie::leaf, Lie::proof}) {
        MemoryMember reader(1);
        MemoryMember liar(2);
        MemoryMember honest(3);
        const Bytes bytes = random_bytes(9, 8 << 20);
        const ContentId id = id_of(bytes);
        liar.contents.publish(bytes)->lie = lie;
        honest.contents.publish(bytes);
        reader.dial(liar);
        reader.dial(honest);
        reader.wait_for_peers(2);
        REQUIRE(reader.fill(id));
        CHECK(reader.read(id, 0, bytes.size()).ok());
        CHECK(reader.contents.get(id)->holds(0, bytes));
        CHECK(reader.swarm->banned(liar.node));
        CHECK_FALSE(reader.swarm->connected_to(liar.node));
        CHECK_FALSE(reader.swarm->banned(honest.node));
        CHECK(reader.swarm->connected_to(honest.node));
    }
}

TEST_CASE("two members that dial each other at once keep one session, and reads go on") {
    for (int round = 0; round < 5; ++round) {
        MemoryMember a(1);
        MemoryMember b(2);
        const Bytes bytes = random_bytes(4, 4 << 20);
        const ContentId id = id_of(bytes);
        b.contents.publish(bytes);
        a.dial(b);
        b.dial(a);
        a.wait_for_peers(1);
        CHECK(a.read(id, 0, bytes.size()).ok());
        // The session dialled by the smaller node id stays.
        CHECK(eventually([&] {
            const auto at_a = a.swarm->peers();
            const auto at_b = b.swarm->peers();
            return at_a.size() == 1 && at_b.size() == 1 && at_a[0].dialled_by_us &&
                   !at_b[0].dialled_by_us;
        }));
    }
}

TEST_CASE("whoever dialled hears who was found at the address, or that nobody said hello") {
    MemoryMember one(1);
    MemoryMember two(2);
    one.dial(two);
    one.dial(one);
    REQUIRE(eventually([&] { return one.listener_port.dialled().size() == 2; }));
    for (const auto& [address, who] : one.listener_port.dialled()) {
        REQUIRE(who.ok());
        const bool self = address == transport::to_text(one.listener->address());
        CHECK(*who == (self ? one.node : two.node));
    }
    one.wait_for_peers(1);
    CHECK(two.listener_port.dialled().empty());
    one.swarm->block(two.node);
    one.wait_for_peers(0);
    one.dial(two);  // turned away, and known all the same
    REQUIRE(eventually([&] { return one.listener_port.dialled().size() == 3; }));
    CHECK(*one.listener_port.dialled()[2].second == two.node);
}

TEST_CASE("a member serves what it has fetched, also to one that asked before it had it") {
    MemoryMember origin(1);
    MemoryMember middle(2);
    MemoryMember last(3);
    const Bytes bytes = random_bytes(5, 3 << 20);
    const ContentId id = id_of(bytes);
    last.dial(middle);
    last.wait_for_peers(1);
    std::atomic<bool> complete{false};
    last.swarm->fill({id, swarm::FillOrder::rarest_first, std::nullopt},
                     [&](const swarm::FillProgress& progress) { complete = progress.complete; });
    middle.wait_for_peers(1);
    origin.contents.publish(bytes);
    middle.dial(origin);
    REQUIRE(middle.fill(id));
    CHECK(eventually([&] { return complete.load(); }));
    CHECK(last.contents.get(id)->holds(0, bytes));
}

TEST_CASE("content that arrives by other means is offered to those who asked for it") {
    MemoryMember publisher(1);
    MemoryMember reader(2);
    reader.dial(publisher);
    reader.wait_for_peers(1);
    for (const std::size_t size : {std::size_t{1000}, std::size_t{1 << 20}}) {
        const Bytes bytes = random_bytes(size, size);
        const ContentId id = id_of(bytes);
        std::atomic<bool> complete{false};
        reader.swarm->fill({id, swarm::FillOrder::rarest_first, std::nullopt},
                           [&](const swarm::FillProgress& p) { complete = p.complete; });
        publisher.contents.publish(bytes);
        publisher.swarm->content_arrived(id);
        CHECK(eventually([&] { return complete.load(); }));
    }
}

TEST_CASE("a full disk fails the read with no_space and blames nobody") {
    MemoryMember reader(1);
    MemoryMember holder(2);
    const Bytes bytes = random_bytes(6, 1 << 20);
    const ContentId id = id_of(bytes);
    holder.contents.publish(bytes);
    REQUIRE(reader.contents.open(id, swarm::Purpose::fetch).ok());
    reader.contents.get(id)->full_disk = true;
    reader.dial(holder);
    reader.wait_for_peers(1);
    const auto failed = reader.read(id, 0, bytes.size());
    REQUIRE_FALSE(failed.ok());
    CHECK(failed.error().code == Code::no_space);
    reader.contents.get(id)->full_disk = false;
    CHECK(reader.read(id, 0, bytes.size()).ok());
    CHECK(reader.swarm->connected_to(holder.node));
}

TEST_CASE("a read that nobody can serve fails early, and one that is cancelled says so") {
    swarm::SwarmOptions options;
    options.grace = std::chrono::milliseconds(30);
    MemoryMember alone(1, options);
    const ContentId id = id_of(random_bytes(8, 5000));
    const auto failed = alone.read(id, 0, 5000);
    REQUIRE_FALSE(failed.ok());
    CHECK(failed.error().code == Code::unavailable);
    CHECK(alone.listener_port.wanted > 0);

    alone.swarm->note_dialling(1);
    std::atomic<int> code{-1};
    swarm::ReadRequest request;
    request.content = id;
    request.length = 5000;
    const auto read = alone.swarm->read(request, [&](Result<> outcome) {
        code = outcome.ok() ? 0 : static_cast<int>(outcome.error().code);
    });
    alone.swarm->cancel_read(read);
    CHECK(eventually([&] { return code == static_cast<int>(Code::cancelled); }));
}

TEST_CASE(
    "catalog vectors are exchanged after hello, and the catalog's frames have back-pressure") {
    MemoryMember a(1);
    MemoryMember b(2);
    for (std::uint64_t i = 0; i < 3000; ++i) {  // more than fit one frame
        a.catalog.vector.push_back({AuthorId{a.node, i}, i});
    }
    b.dial(a);
    a.wait_for_peers(1);
    b.wait_for_peers(1);
    CHECK(eventually([&] { return b.catalog.items_heard == 3000; }));
    CHECK(b.catalog.vectors_heard == 1);

    std::atomic<std::size_t> sent{0};
    std::atomic<bool> filled{false};
    boost::asio::post(a.threads.context(0), [&] {
        while (a.swarm->send_catalog(
            b.node, {swarm::CatalogFrame::Kind::header, Bytes(60'000, std::uint8_t{1})})) {
            ++sent;
        }
        filled = true;
    });
    CHECK(eventually([&] { return filled.load(); }));
    CHECK(sent < 30);
    CHECK(eventually([&] { return b.catalog.headers_heard == sent; }));
    CHECK(eventually([&] { return a.catalog.ready_heard == 1; }));
    CHECK(b.catalog.bytes_heard == sent * 60'000);
}

namespace {

// Asks from `member` whether `others` members show number 5 of "file".
std::shared_ptr<std::promise<Result<>>> confirm(MemoryMember& member, std::size_t others,
                                                Duration deadline) {
    const auto answer = std::make_shared<std::promise<Result<>>>();
    member.swarm->confirm(
        {protocol::VectorItem{{member.node, 1}, 5}, "file", others, member.clock.now() + deadline},
        [answer](Result<> outcome) { answer->set_value(std::move(outcome)); });
    return answer;
}

}  // namespace

TEST_CASE(
    "a version is confirmed by the members that show it, also by one that comes to it later") {
    MemoryMember a(1);
    MemoryMember b(2);
    MemoryMember c(3);
    b.dial(a);
    c.dial(a);
    a.wait_for_peers(2);
    b.wait_for_peers(1);
    c.wait_for_peers(1);
    b.catalog.shown = 5;
    CHECK(confirm(a, 1, std::chrono::seconds(20))->get_future().get().ok());

    const auto both = confirm(a, 2, std::chrono::seconds(20));
    auto answer = both->get_future();
    CHECK(eventually([&] { return c.catalog.lookups >= 2; }));
    c.catalog.shown = 5;
    c.swarm->broadcast_vector();
    CHECK(answer.get().ok());

    const auto three = confirm(a, 3, std::chrono::seconds(20))->get_future().get();
    REQUIRE_FALSE(three.ok());
    CHECK(three.error().code == Code::unavailable);
    CHECK(a.listener_port.members_wanted == 1);
    c.catalog.shown = 6;
    const auto late = confirm(a, 2, std::chrono::milliseconds(200))->get_future().get();
    REQUIRE_FALSE(late.ok());
    CHECK(late.error().code == Code::timed_out);
}

TEST_CASE("what waits to be confirmed ends as cancelled when it is given up, and with the swarm") {
    auto a = std::make_unique<MemoryMember>(1);
    MemoryMember b(2);
    b.dial(*a);
    a->wait_for_peers(1);
    std::promise<Result<>> first;
    const swarm::ConfirmId id =
        a->swarm->confirm({std::nullopt, "file", 1, TimePoint::max()},
                          [&](Result<> outcome) { first.set_value(std::move(outcome)); });
    const auto second = confirm(*a, 1, std::chrono::minutes(10));
    a->swarm->cancel_confirm(id);
    CHECK(first.get_future().get().error().code == Code::cancelled);
    a.reset();
    CHECK(second->get_future().get().error().code == Code::cancelled);
}

TEST_CASE("a lie in the catalog bans its sender") {
    MemoryMember a(1);
    MemoryMember b(2);
    b.catalog.refuse = true;
    b.dial(a);
    a.wait_for_peers(1);
    b.wait_for_peers(1);
    boost::asio::post(a.threads.context(0), [&] {
        (void)a.swarm->send_catalog(b.node, {swarm::CatalogFrame::Kind::header, Bytes{1, 2, 3}});
    });
    CHECK(eventually([&] { return b.swarm->banned(a.node); }));
    CHECK(eventually([&] { return a.swarm->peers().empty(); }));
}

TEST_CASE("a blocked node is turned away until it is unblocked") {
    MemoryMember a(1);
    MemoryMember b(2);
    b.dial(a);
    a.wait_for_peers(1);
    a.swarm->block(b.node);
    CHECK(eventually([&] { return a.swarm->peers().empty() && b.swarm->peers().empty(); }));
    b.dial(a);
    CHECK(eventually([&] { return b.listener_port.left == 2; }));
    a.swarm->unblock(b.node);
    b.dial(a);
    a.wait_for_peers(1);
}

TEST_CASE("hints reach the other end, and a close is a goodbye") {
    MemoryMember a(1);
    auto b = std::make_unique<MemoryMember>(std::uint8_t{2});
    b->dial(a);
    a.wait_for_peers(1);
    b->wait_for_peers(1);
    b->swarm->send_hints(a.node, {{a.node, "192.0.2.1:6881"}, {b->node, "192.0.2.2:6881"}});
    CHECK(eventually([&] { return a.listener_port.hinted == 2; }));
    b.reset();
    CHECK(eventually([&] { return a.listener_port.left == 1; }));
    CHECK(a.listener_port.last_reason().message.find("goodbye") != std::string::npos);
}
