// Limits on what is received, and pauses, as a whole swarm in virtual time sees them.

#include <cmath>

#include <doctest/doctest.h>

#include "tests/sim/core_bench.hpp"

using namespace swarmfs;
using namespace swarmfs::sim;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr double kUpload = 12.5e6;  // 100 Mbit/s

class WorldClock final : public Clock {
public:
    explicit WorldClock(const SimulatedSwarm& world) : world_(world) {}
    TimePoint now() const override { return world_.now(); }
    std::uint64_t wall_ms() const override { return 0; }

private:
    const SimulatedSwarm& world_;
};

SwarmId swarm_named(std::uint8_t n) {
    SwarmId id;
    id.bytes.fill(n);
    return id;
}

struct Limited {
    explicit Limited(std::uint64_t seed) : world(seed) {}

    WorldClock clock{world};  // first, so that it goes last: who leaves the gate looks at it
    std::shared_ptr<swarm::RateGate> gate = std::make_shared<swarm::RateGate>(clock);
    SimulatedSwarm world;
    swarm::FillId next = 1;

    // A member of a swarm, on the node that the gate belongs to.
    Member& add(const std::string& name, std::uint8_t swarm) {
        swarm::SwarmOptions options;
        options.rates = {nullptr, gate, swarm_named(swarm)};
        return world.add(name, kUpload, options);
    }
    void fill(Member& member, const ContentId& content) {
        world.act(member, [&](swarm::SwarmCore& core) {
            core.fill(next++, {content, swarm::FillOrder::rarest_first, std::nullopt}, world.now());
        });
    }
    // Leaves that come to the member within 10 s, in bytes.
    double received_in_10_s(const std::vector<Member*>& members) {
        const auto leaves = [&] {
            std::uint64_t all = 0;
            for (const Member* member : members) {
                all += member->leaves_received;
            }
            return all;
        };
        const std::uint64_t before = leaves();
        run_for(seconds(10));
        return static_cast<double>((leaves() - before) * kLeafBytes);
    }
    void run_for(Duration time) {
        bool over = false;
        world.at(time, [&over] { over = true; });
        world.run_until([&over] { return over; }, time + seconds(1));
    }
};

}  // namespace

TEST_CASE("what is asked for keeps to the limit within 5 % over 10 s, from any number of peers") {
    for (const swarm::Rate rate : {swarm::Rate{300'000}, 1 * kMiB, 8 * kMiB}) {
        for (const std::size_t sources : {1, 3, 8}) {
            Limited limited(rate + sources);
            Member& reader = limited.add("reader", 1);
            const ContentId content = named(9, 600 * kMiB);
            for (std::size_t i = 0; i < sources; ++i) {
                Member& source = limited.world.add("source " + std::to_string(i), kUpload);
                limited.world.publish(source, content);
                limited.world.connect(reader, source);
            }
            limited.gate->set({rate, {}, {}});
            limited.fill(reader, content);
            for (int window = 0; window < 3; ++window) {
                INFO("rate ", rate, ", sources ", sources, ", window ", window);
                const double received = limited.received_in_10_s({&reader});
                CHECK(std::abs(received / (static_cast<double>(rate) * 10) - 1) < 0.05);
            }
            limited.gate->set({});
            CHECK(limited.received_in_10_s({&reader}) > static_cast<double>(rate) * 11);
        }
    }
}

TEST_CASE("a peer's own limit holds, and the others bring the rest") {
    Limited limited(4);
    Member& reader = limited.add("reader", 1);
    Member& slow = limited.world.add("slow", kUpload);
    Member& fast = limited.world.add("fast", kUpload);
    const ContentId content = named(9, 300 * kMiB);
    for (Member* const source : {&slow, &fast}) {
        limited.world.publish(*source, content);
        limited.world.connect(reader, *source);
    }
    limited.gate->set({swarm::kNoLimit, {}, {{{swarm_named(1), slow.node}, 500'000}}});
    limited.fill(reader, content);
    limited.run_for(seconds(10));
    std::uint64_t from_slow = 0;
    std::uint64_t from_fast = 0;
    for (const swarm::ContentSource& source : reader.core->sources(content)) {
        (source.node == slow.node ? from_slow : from_fast) += source.bytes_received;
    }
    CHECK(std::abs(static_cast<double>(from_slow) / 5e6 - 1) < 0.05);
    CHECK(static_cast<double>(from_fast) > kUpload * 10 * 0.9);
}

TEST_CASE("swarms of one node share its limit by peers, and a swarm's own limit holds within it") {
    Limited limited(5);
    Member& first = limited.add("reader in one", 1);
    Member& second = limited.add("reader in another", 2);
    const ContentId content = named(9, 300 * kMiB);
    for (Member* const reader : {&first, &second}) {
        Member& source = limited.world.add("source of " + reader->name, kUpload);
        limited.world.publish(source, content);
        limited.world.connect(*reader, source);
    }
    limited.gate->set({2 * kMiB, {}, {}});
    limited.fill(first, content);
    limited.run_for(seconds(1));
    limited.fill(second, content);
    limited.run_for(seconds(1));
    const std::uint64_t before = first.leaves_received;
    const double both = limited.received_in_10_s({&first, &second});
    CHECK(std::abs(both / (2.0 * kMiB * 10) - 1) < 0.05);
    const auto of_first = static_cast<double>((first.leaves_received - before) * kLeafBytes);
    CHECK(std::abs(of_first / (1.0 * kMiB * 10) - 1) < 0.05);

    limited.gate->set({2 * kMiB, {{swarm_named(1), 400'000}}, {}});
    limited.run_for(seconds(1));
    CHECK(std::abs(limited.received_in_10_s({&first}) / 4e6 - 1) < 0.05);
    const double rest = 2.0 * kMiB - 400'000;
    CHECK(std::abs(limited.received_in_10_s({&second}) / (rest * 10) - 1) < 0.05);
}

TEST_CASE("a read comes first within a limit that a fill uses up") {
    Limited limited(6);
    Member& reader = limited.add("reader", 1);
    Member& source = limited.world.add("source", kUpload);
    const ContentId filled = named(8, 300 * kMiB);
    const ContentId read = named(9, 300 * kMiB);
    limited.world.publish(source, filled);
    limited.world.publish(source, read);
    limited.world.connect(reader, source);
    limited.gate->set({500'000, {}, {}});
    limited.fill(reader, filled);
    limited.run_for(seconds(5));
    for (swarm::ReadId id = 1; id <= 20; ++id) {
        limited.world.act(reader, [&](swarm::SwarmCore& core) {
            core.read(id, {read, id * 7 * kMiB, 4096, TimePoint::max(), std::nullopt},
                      limited.world.now());
        });
        // A round trip of at most 80 ms, a twentieth of a second of debt, and a quarter for others.
        limited.run_for(milliseconds(200));
        CHECK(reader.answers.contains(id));
    }
}

TEST_CASE("a paused swarm receives nothing, answers reads as busy, and goes on where it was") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        Limited limited(seed);
        Member& reader = limited.add("reader", 1);
        Member& source = limited.world.add("source", kUpload);
        const ContentId content = named(9, 40 * kMiB + 77);
        const ContentId tiny = named(8, 50'000);
        const ContentId read = named(7, 40 * kMiB);
        for (const ContentId& id : {content, tiny, read}) {
            limited.world.publish(source, id);
        }
        limited.world.connect(reader, source);
        const auto request = [&](std::uint64_t mib) {
            return swarm::ReadRequest{read, mib * kMiB, kLeafBytes, TimePoint::max(), std::nullopt};
        };
        limited.fill(reader, content);
        limited.run_for(milliseconds(700));
        limited.world.act(reader, [&](swarm::SwarmCore& core) {
            core.read(1, request(39), limited.world.now());
            core.set_paused(true, limited.world.now());
            core.read(2, request(38), limited.world.now());
        });
        limited.fill(reader, tiny);
        for (const swarm::ReadId id : {1, 2}) {
            REQUIRE(reader.answers.contains(id));
            CHECK(reader.answers.at(id).error().code == Code::busy);
        }
        limited.run_for(seconds(2));  // what was on its way
        const std::uint64_t before = reader.leaves_received;
        limited.run_for(seconds(60));
        CHECK(reader.leaves_received == before);
        CHECK(before > 0);
        CHECK(reader.filled.empty());

        limited.world.act(
            reader, [&](swarm::SwarmCore& core) { core.set_paused(false, limited.world.now()); });
        CHECK(limited.world.run_until([&] { return reader.filled.size() == 2; }, seconds(60)));
        // Nothing that had come was fetched again: at most what was cancelled and came all the same.
        CHECK(reader.leaves_received <= leaf_count(content.size) + leaf_count(tiny.size) + 64);
    }
}
