// Limits and pauses between members over loopback TCP.

#include <algorithm>

#include <doctest/doctest.h>

#include "tests/swarm/memory_member.hpp"

using namespace swarmfs;
using namespace swarmfs::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr swarm::Rate kMiB = 1 << 20;

// A gate each way, by the machine's time.
struct Gates {
    SystemClock clock;
    std::shared_ptr<swarm::RateGate> up = std::make_shared<swarm::RateGate>(clock);
    std::shared_ptr<swarm::RateGate> down = std::make_shared<swarm::RateGate>(clock);

    swarm::SwarmOptions options() const {
        swarm::SwarmOptions options;
        options.rates = {up, down, SwarmId{}};
        return options;
    }
};

double seconds_since(TimePoint start) {
    return std::chrono::duration<double>(SystemClock().now() - start).count();
}

}  // namespace

TEST_CASE("what is served keeps below the limit, and two peers get the same of it") {
    const Gates gates;
    MemoryMember holder(1, gates.options());
    MemoryMember alice(2);
    MemoryMember bob(3);
    const Bytes bytes = random_bytes(1, 2 << 20);
    holder.contents.publish(bytes);
    const ContentId id = id_of(bytes);
    alice.dial(holder);
    bob.dial(holder);
    holder.wait_for_peers(2);
    gates.up->set({2 * kMiB, {}, {}});
    const TimePoint start = SystemClock().now();
    std::atomic<int> complete{0};
    std::atomic<std::uint64_t> left_to_the_other{0};
    for (const auto& [one, other] : {std::pair(&alice, &bob), std::pair(&bob, &alice)}) {
        one->swarm->fill({id, swarm::FillOrder::rarest_first, std::nullopt},
                         [&, second = other](const swarm::FillProgress& progress) {
                             if (progress.complete && complete++ == 0) {
                                 left_to_the_other =
                                     leaf_count(id.size) - second->contents.get(id)->leaves_stored;
                             }
                         });
    }
    REQUIRE(eventually([&] { return complete == 2; }));
    // 4 MiB at 2 MiB/s, and at most a tenth of a second of it and a portion at once.
    CHECK(seconds_since(start) > 1.8);
    CHECK(left_to_the_other < leaf_count(id.size) / 4);
}

TEST_CASE("a limit that is lifted lets go at once of what waits") {
    const Gates gates;
    MemoryMember holder(1, gates.options());
    MemoryMember reader(2);
    const Bytes bytes = random_bytes(2, 8 << 20);
    holder.contents.publish(bytes);
    reader.dial(holder);
    reader.wait_for_peers(1);
    gates.up->set({swarm::kNoLimit, {}, {{{SwarmId{}, reader.node}, 20'000}}});  // seven minutes
    std::atomic<bool> complete{false};
    reader.swarm->fill({id_of(bytes), swarm::FillOrder::rarest_first, std::nullopt},
                       [&](const swarm::FillProgress& progress) { complete = progress.complete; });
    REQUIRE(eventually([&] {
        return reader.contents.get(id_of(bytes)) != nullptr &&
               reader.contents.get(id_of(bytes))->leaves_stored > 0;
    }));
    gates.up->set({});
    CHECK(eventually([&] { return complete.load(); }));
}

TEST_CASE("what is asked for keeps below the limit of the one who asks") {
    const Gates gates;
    MemoryMember holder(1);
    MemoryMember reader(2, gates.options());
    const Bytes bytes = random_bytes(3, 2 << 20);
    holder.contents.publish(bytes);
    reader.dial(holder);
    reader.wait_for_peers(1);
    gates.down->set({swarm::kNoLimit, {{SwarmId{}, 1 * kMiB}}, {}});
    const TimePoint start = SystemClock().now();
    REQUIRE(reader.fill(id_of(bytes)));
    CHECK(seconds_since(start) > 1.8);
    CHECK(reader.contents.get(id_of(bytes))->holds(0, bytes));
}

TEST_CASE("a paused member serves nothing and fetches nothing, and goes on when it is resumed") {
    MemoryMember holder(1);
    MemoryMember reader(2);
    const Bytes bytes = random_bytes(4, 64 * kChunkBytes);
    holder.contents.publish(bytes);
    const ContentId id = id_of(bytes);
    holder.swarm->set_paused(true);
    reader.dial(holder);
    reader.wait_for_peers(1);
    const auto refused = reader.read(id, 0, 100, milliseconds(700));
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == Code::timed_out);
    CHECK(reader.contents.get(id)->leaves_stored == 0);
    holder.swarm->set_paused(false);
    REQUIRE(reader.read(id, 0, 100).ok());

    reader.swarm->set_paused(true);
    // Far from what was read twice, and is followed by a window therefore.
    const auto busy = reader.read(id, 40 * kChunkBytes, 100);
    REQUIRE_FALSE(busy.ok());
    CHECK(busy.error().code == Code::busy);
    CHECK(busy.error().message.find("resume") != std::string::npos);
    CHECK(reader.read(id, 0, 100).ok());  // it is here
    reader.swarm->set_paused(false);
    REQUIRE(reader.read(id, 0, bytes.size()).ok());
    CHECK(reader.contents.get(id)->holds(0, bytes));
}

TEST_CASE("a pause in the middle of a transfer stops it, on either side") {
    MemoryMember holder(1);
    const Gates gates;
    MemoryMember reader(2, gates.options());
    const Bytes bytes = random_bytes(5, 16 << 20);
    holder.contents.publish(bytes);
    const ContentId id = id_of(bytes);
    reader.dial(holder);
    reader.wait_for_peers(1);
    gates.down->set({1 * kMiB, {}, {}});  // sixteen seconds
    std::atomic<bool> complete{false};
    reader.swarm->fill({id, swarm::FillOrder::rarest_first, std::nullopt},
                       [&](const swarm::FillProgress& progress) { complete = progress.complete; });
    const auto stored = [&] { return reader.contents.get(id)->leaves_stored.load(); };
    REQUIRE(eventually([&] { return reader.contents.get(id) != nullptr && stored() > 20; }));
    for (MemoryMember* const member : {&holder, &reader}) {
        member->swarm->set_paused(true);
        (void)member->swarm->peers();  // it has been heard of on that engine, and what came before
        // Reads are asked for apart from the fill; the holder refuses them, the reader does not ask.
        // Of all of it: which leaves are here already, nobody knows.
        CHECK_FALSE(reader.read(id, 0, bytes.size(), milliseconds(300)).ok());
        CHECK_FALSE(complete);
        member->swarm->set_paused(false);
    }
    gates.down->set({});
    CHECK(eventually([&] { return complete.load(); }));
    CHECK(reader.contents.get(id)->holds(0, bytes));
}
