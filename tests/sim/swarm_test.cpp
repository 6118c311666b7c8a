// Whole swarms in virtual time. SWARMFS_SIM_SEED=n replays one seed; SWARMFS_SIM_SEEDS=n runs n.

#include <cstdlib>

#include <doctest/doctest.h>

#include "tests/sim/simulated_swarm.hpp"

using namespace swarmfs;
using namespace swarmfs::sim;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::size_t kFetchers = 9;
constexpr double kUpload = 12.5e6;  // 100 Mbit/s

ContentId some_content(SeededDice& dice, std::uint64_t size) {
    ContentId id;
    dice.fill(id.root.bytes);
    id.size = size;
    return id;
}

struct Wanted {
    Member* member = nullptr;
    swarm::FillId fill = 0;
};

// One publisher, nine fetchers that come, go and return, one of the ten others a liar that offers
// everything. Everyone wants everything.
bool everyone_gets_everything(std::uint64_t seed) {
    SimulatedSwarm world(seed);
    Member& publisher = world.add("publisher", kUpload);
    Member& liar = world.add("liar", kUpload);
    liar.liar = true;
    std::vector<Member*> fetchers;
    for (std::size_t i = 0; i < kFetchers; ++i) {
        const double slower = 1.0 + static_cast<double>(world.dice.below(4));
        fetchers.push_back(&world.add("fetcher " + std::to_string(i), kUpload / slower));
    }
    std::vector<ContentId> contents = {
        some_content(world.dice, 1 + world.dice.below(6 << 20)), some_content(world.dice, 1),
        some_content(world.dice, 3 * kLeafBytes), some_content(world.dice, kChunkBytes + 1)};
    for (int i = 0; i < 12; ++i) {
        contents.push_back(some_content(world.dice, 1 + world.dice.below(40'000)));
    }
    for (const ContentId& content : contents) {
        world.publish(publisher, content);
    }
    for (std::size_t a = 0; a < world.members.size(); ++a) {
        for (std::size_t b = 0; b < a; ++b) {
            world.connect(*world.members[a], *world.members[b]);
        }
    }
    std::vector<Wanted> wanted;
    swarm::FillId next = 1;
    for (Member* fetcher : fetchers) {
        for (const ContentId& content : contents) {
            wanted.push_back({fetcher, next});
            const auto order = world.dice.below(2) == 0 ? swarm::FillOrder::rarest_first
                                                        : swarm::FillOrder::sequential;
            world.at(milliseconds(world.dice.below(2000)),
                     [&world, fetcher, content, order, id = next] {
                         world.act(*fetcher, [&](swarm::SwarmCore& core) {
                             core.fill(id, {content, order, std::nullopt}, world.now());
                         });
                     });
            ++next;
        }
    }
    // Churn: leave for up to 3 s, some of them twice; a third falls mute for a while.
    for (Member* fetcher : fetchers) {
        for (std::uint64_t times = world.dice.below(3); times > 0; --times) {
            const auto leaves = milliseconds(world.dice.below(6000));
            const auto returns = leaves + milliseconds(1 + world.dice.below(3000));
            world.at(leaves, [&world, fetcher] { world.go_offline(*fetcher); });
            world.at(returns, [&world, fetcher] { world.come_online(*fetcher); });
        }
        if (world.dice.below(3) == 0) {
            const auto from = milliseconds(world.dice.below(3000));
            world.at(from, [fetcher] { fetcher->mute = true; });
            // As a dead link is noticed: the session ends, and a new one answers again.
            world.at(from + seconds(8), [&world, fetcher] {
                fetcher->mute = false;
                world.go_offline(*fetcher);
                world.come_online(*fetcher);
            });
        }
    }
    const bool all = world.run_until(
        [&] {
            return std::all_of(wanted.begin(), wanted.end(), [](const Wanted& want) {
                return want.member->filled.contains(want.fill);
            });
        },
        seconds(120));
    std::uint64_t needed = 0;
    for (const ContentId& content : contents) {
        needed += leaf_count(content.size);
    }
    bool frugal = true;
    for (const Member* fetcher : fetchers) {
        // Duplicates come from churn, silence and endgame; they stay a fraction.
        frugal = frugal && fetcher->leaves_received <= needed + needed / 2 + 64;
        for (const auto& [id, disk] : fetcher->disks) {
            frugal = frugal && (!all || disk->complete());
        }
    }
    return all && frugal;
}

// A sequential reader among fetchers: every read is answered, well before its deadline.
bool reads_are_answered(std::uint64_t seed) {
    SimulatedSwarm world(seed);
    std::vector<Member*> members;
    for (std::size_t i = 0; i < 10; ++i) {
        members.push_back(&world.add("member " + std::to_string(i), kUpload));
    }
    const ContentId film = some_content(world.dice, (3 << 20) + world.dice.below(3 << 20));
    world.publish(*members[0], film);
    world.publish(*members[1], film);
    members[2]->liar = world.dice.below(2) == 0;
    for (std::size_t a = 0; a < members.size(); ++a) {
        for (std::size_t b = 0; b < a; ++b) {
            world.connect(*members[a], *members[b]);
        }
    }
    for (std::size_t i = 3; i < 6; ++i) {
        world.act(*members[i], [&](swarm::SwarmCore& core) {
            core.fill(i, {film, swarm::FillOrder::rarest_first, std::nullopt}, world.now());
        });
    }
    world.at(milliseconds(world.dice.below(1500)),
             [&world, &members] { world.go_offline(*members[world.dice.below(2)]); });
    Member& reader = *members[9];
    swarm::ReadId id = 0;
    std::uint64_t offset = 0;
    while (offset < film.size) {
        const std::uint64_t length = std::min<std::uint64_t>(128 * 1024, film.size - offset);
        ++id;
        world.act(reader, [&](swarm::SwarmCore& core) {
            core.read(id, {film, offset, length, world.now() + seconds(30), std::nullopt},
                      world.now());
        });
        if (!world.run_until([&] { return reader.answers.contains(id); }, seconds(31)) ||
            !reader.answers.at(id).ok()) {
            return false;
        }
        offset += length;
    }
    return reader.disks.at(film)->complete();
}

void run_seeds(const char* what, bool (*scenario)(std::uint64_t), std::uint64_t seeds) {
    std::uint64_t first = 1;
    if (const char* only = std::getenv("SWARMFS_SIM_SEED")) {
        first = std::strtoull(only, nullptr, 10);
        seeds = 1;
    } else if (const char* count = std::getenv("SWARMFS_SIM_SEEDS")) {
        seeds = std::strtoull(count, nullptr, 10);
    }
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        const bool held = scenario(seed);
        INFO(what, ": replay with SWARMFS_SIM_SEED=", seed);
        CHECK(held);
    }
}

}  // namespace

TEST_CASE("ten members with churn, silence and a liar all get everything") {
    run_seeds("everyone gets everything", everyone_gets_everything, 200);
}

TEST_CASE("every read is answered while a publisher leaves and a member lies") {
    run_seeds("reads are answered", reads_are_answered, 200);
}

TEST_CASE("the first byte of an unopened content takes one round trip") {
    SimulatedSwarm world(7);
    Member& reader = world.add("reader", kUpload);
    Member& holder = world.add("holder", kUpload);
    const ContentId film = some_content(world.dice, 100 << 20);
    world.publish(holder, film);
    world.connect(reader, holder);
    const TimePoint start = world.now();
    world.act(reader, [&](swarm::SwarmCore& core) {
        core.read(1, {film, 50 << 20, 1, world.now() + seconds(30), holder.node}, world.now());
    });
    REQUIRE(world.run_until([&] { return reader.answers.contains(1); }, seconds(1)));
    CHECK(reader.answers.at(1).ok());
    CHECK(world.now() - start < 2 * world.latency(reader, holder) + milliseconds(3));
}

TEST_CASE("a read that nobody can serve fails as unavailable after the grace time") {
    SimulatedSwarm world(8);
    Member& reader = world.add("reader", kUpload);
    Member& other = world.add("other", kUpload);
    world.connect(reader, other);
    const TimePoint start = world.now();
    world.act(reader, [&](swarm::SwarmCore& core) {
        core.read(1, {some_content(world.dice, 1000), 0, 1000, start + seconds(30), std::nullopt},
                  start);
    });
    REQUIRE(world.run_until([&] { return reader.answers.contains(1); }, seconds(31)));
    REQUIRE(!reader.answers.at(1).ok());
    CHECK(reader.answers.at(1).error().code == Code::unavailable);
    CHECK(world.now() - start < seconds(4));
    CHECK(reader.sources_wanted == 1);
}

TEST_CASE("a read of a peer that is silent is answered by another within seconds") {
    SimulatedSwarm world(9);
    Member& reader = world.add("reader", kUpload);
    Member& mute = world.add("mute", kUpload);
    Member& other = world.add("other", kUpload);
    const ContentId film = some_content(world.dice, 10 << 20);
    world.publish(mute, film);
    world.publish(other, film);
    mute.mute = true;
    world.connect(reader, mute);
    world.connect(reader, other);
    world.act(reader, [&](swarm::SwarmCore& core) {
        core.read(1, {film, 0, 4096, world.now() + seconds(30), mute.node}, world.now());
    });
    REQUIRE(world.run_until([&] { return reader.answers.contains(1); }, seconds(6)));
    CHECK(reader.answers.at(1).ok());
}

TEST_CASE(
    "a member that falls mute delays a reader once, though a download fills the other holder") {
    SimulatedSwarm world(13);
    Member& reader = world.add("reader", kUpload);
    Member& good = world.add("good", kUpload);
    Member& mute = world.add("mute", kUpload);
    const ContentId film = some_content(world.dice, 24 << 20);
    const ContentId other = some_content(world.dice, 512 << 20);
    world.publish(good, film);
    world.publish(good, other);
    world.publish(mute, film);
    world.publish(mute, other);
    world.connect(reader, good);
    world.connect(reader, mute);
    world.act(reader, [&](swarm::SwarmCore& core) {
        core.fill(1, {other, swarm::FillOrder::rarest_first, std::nullopt}, world.now());
    });
    // Both deliver for a while; then one takes requests, for the film too, and answers none.
    world.at(seconds(2), [&mute] { mute.mute = true; });
    constexpr std::uint64_t kLength = 128 * 1024;
    swarm::ReadId id = 0;
    Duration slowest{};
    Duration late{};  // of the reads that began well after the member fell mute
    const TimePoint began = world.now();
    for (std::uint64_t offset = 0; offset < film.size; offset += kLength) {
        ++id;
        const TimePoint asked = world.now();
        world.act(reader, [&](swarm::SwarmCore& core) {
            core.read(id, {film, offset, kLength, asked + seconds(30), std::nullopt}, asked);
        });
        REQUIRE(world.run_until([&] { return reader.answers.contains(id); }, seconds(31)));
        REQUIRE(reader.answers.at(id).ok());
        slowest = std::max(slowest, world.now() - asked);
        if (asked - began > seconds(10)) {
            late = std::max(late, world.now() - asked);
        }
        // As a film is watched: 1 MiB a second.
        world.run_until([] { return false; }, milliseconds(125));
    }
    CHECK(slowest < milliseconds(1500));
    CHECK(late < milliseconds(500));
}

TEST_CASE("a read is answered at its deadline when the only holder is silent") {
    SimulatedSwarm world(10);
    Member& reader = world.add("reader", kUpload);
    Member& mute = world.add("mute", kUpload);
    const ContentId film = some_content(world.dice, 10 << 20);
    world.publish(mute, film);
    mute.mute = true;
    world.connect(reader, mute);
    const TimePoint start = world.now();
    world.act(reader, [&](swarm::SwarmCore& core) {
        core.read(1, {film, 0, 4096, start + seconds(20), std::nullopt}, start);
    });
    REQUIRE(world.run_until([&] { return reader.answers.contains(1); }, seconds(60)));
    REQUIRE(!reader.answers.at(1).ok());
    CHECK(reader.answers.at(1).error().code == Code::timed_out);
    CHECK(world.now() - start == seconds(20));
}

TEST_CASE("an urgent read overtakes a download from the same peer") {
    SimulatedSwarm world(11);
    Member& reader = world.add("reader", kUpload);
    Member& holder = world.add("holder", kUpload);
    const ContentId film = some_content(world.dice, 40 << 20);
    const ContentId note = some_content(world.dice, 4096);
    world.publish(holder, film);
    world.publish(holder, note);
    world.connect(reader, holder);
    world.act(reader, [&](swarm::SwarmCore& core) {
        core.fill(1, {film, swarm::FillOrder::rarest_first, std::nullopt}, world.now());
    });
    world.run_until([] { return false; }, seconds(1));
    CHECK(reader.leaves_received > 100);
    const TimePoint start = world.now();
    world.act(reader, [&](swarm::SwarmCore& core) {
        core.read(1, {note, 0, 4096, start + seconds(30), std::nullopt}, start);
        core.read(2, {film, 20 << 20, 4096, start + seconds(30), std::nullopt}, start);
    });
    REQUIRE(world.run_until([&] { return reader.answers.size() == 2; }, seconds(5)));
    CHECK(world.now() - start < 3 * world.latency(reader, holder) + milliseconds(10));
}

TEST_CASE("61,200 tiny contents wanted at once arrive at close to the speed of the link") {
    SimulatedSwarm world(12);
    Member& reader = world.add("reader", kUpload);
    Member& holder = world.add("holder", kUpload);
    constexpr std::uint64_t kMany = 61'200;
    for (std::uint64_t i = 1; i <= kMany; ++i) {
        const ContentId id = some_content(world.dice, 1 + world.dice.below(2000));
        world.publish(holder, id);
        reader.core->fill(i, {id, swarm::FillOrder::rarest_first, holder.node}, world.now());
    }
    world.connect(reader, holder);
    CHECK(world.run_until([&] { return reader.filled.size() == kMany; }, seconds(30)));
    CHECK(reader.core->contents() == 0);
}
