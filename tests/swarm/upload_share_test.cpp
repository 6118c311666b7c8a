// What is taken on for sending, by all sessions of a node together (upload_share.hpp).

#include <map>
#include <set>

#include <doctest/doctest.h>

#include "engine/core/dice.hpp"
#include "engine/swarm/upload_gate.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

// A share in time, and sessions that take on what they are admitted.
struct Node {
    using Key = UploadShare::Key;

    Key join() { return share.join(now); }
    std::uint64_t ask(Key key, std::uint64_t bytes) {
        const std::uint64_t taken = share.admit(key, bytes, now);
        if (taken > 0) {
            waits[key] += taken;
            share.waits(key, waits[key], now);
        }
        return taken;
    }
    void send(Key key, std::uint64_t bytes) {
        share.sent(key, bytes, now);
        waits[key] -= bytes;
    }
    // Sends for so long at a rate, for a session that never lacks anything.
    void measure(Key key, std::uint64_t bytes_a_second, Duration how_long = seconds(3)) {
        constexpr Duration kStep = milliseconds(10);
        for (Duration passed{}; passed < how_long; passed += kStep) {
            share.waits(key, waits[key] = bytes_a_second, now);
            now += kStep;
            send(key, bytes_a_second / 100);
        }
        share.waits(key, waits[key] = 0, now);
        static_cast<void>(share.ready(now));
    }

    UploadShare share;
    TimePoint now{std::chrono::hours(1)};
    std::map<Key, std::uint64_t> waits;
};

// One is sent two chunks; two others were refused, and stand in line.
struct Line : Node {
    const Key first = join();
    const Key absent = join();
    const Key next = join();

    Line() {
        ask(first, 2 * kChunkBytes);
        ask(absent, kChunkBytes);
        ask(next, kChunkBytes);
    }
};

}  // namespace

TEST_CASE("a session that is alone is admitted whatever it asks for") {
    Node node;
    const auto only = node.join();
    node.join();
    for (int i = 0; i < 100; ++i) {
        CHECK(node.ask(only, kMiB) == kMiB);
    }
    CHECK(node.share.waiting() == 100 * kMiB);
}

TEST_CASE("what waits for all sessions together is what is sent in three tenths of a second") {
    for (const std::uint64_t rate : {10 * kMiB, 100 * kMiB, 1000 * kMiB}) {
        Node node;
        const auto first = node.join();
        node.measure(first, rate);
        node.ask(first, kChunkBytes);
        std::uint64_t taken = kChunkBytes;
        for (int i = 0; i < 5000; ++i) {
            taken += node.ask(node.join(), kChunkBytes);
        }
        const auto expected = static_cast<double>(rate) * 0.3;
        CHECK(static_cast<double>(taken) == doctest::Approx(expected).epsilon(0.15));
    }
}

TEST_CASE("of a request to a slow node the first leaves are taken on") {
    Node node;
    const auto first = node.join();
    node.measure(first, 100 * 1024);
    CHECK(node.share.queue_bytes() == UploadShare::kQueueMin);
    CHECK(node.ask(first, kChunkBytes) == kChunkBytes);  // alone
    node.send(first, kChunkBytes - 1);
    const auto second = node.join();
    CHECK(node.ask(second, kChunkBytes) == UploadShare::kQueueMin);
    CHECK(node.ask(node.join(), kChunkBytes) == 0);
}

TEST_CASE("before anything was measured a node takes on a chunk, and as much as it has sent") {
    Node node;
    const auto first = node.join();
    node.ask(first, kChunkBytes);
    CHECK(node.ask(node.join(), kChunkBytes) == 0);
    node.send(first, kChunkBytes);
    std::uint64_t taken = 0;
    for (int i = 0; i < 10; ++i) {
        for (const auto key : node.share.ready(node.now)) {
            taken += node.ask(key, kChunkBytes);
        }
        taken += node.ask(node.join(), kChunkBytes);
    }
    CHECK(taken == 2 * kChunkBytes);
}

TEST_CASE("who is refused is told in order of refusals when there is room for a chunk") {
    Node node;
    const auto first = node.join();
    node.ask(first, kChunkBytes);
    std::vector<UploadShare::Key> line;
    for (int i = 0; i < 4; ++i) {
        line.push_back(node.join());
        CHECK(node.ask(line.back(), kChunkBytes) == 0);
        CHECK(node.ask(line.back(), kChunkBytes) == 0);  // it stands there once
    }
    CHECK(node.share.ready(node.now).empty());
    node.send(first, kChunkBytes / 2);
    CHECK(node.share.ready(node.now) == std::vector{line[0]});
    node.send(first, kChunkBytes / 2);
    CHECK(node.share.ready(node.now) == std::vector{line[1], line[2]});
    CHECK(node.share.ready(node.now).empty());
    // Nobody who was not told gets what is kept for those who were.
    CHECK(node.ask(node.join(), kChunkBytes) == 0);
    CHECK(node.ask(line[1], kChunkBytes) == kChunkBytes);
    CHECK(node.ask(line[0], kChunkBytes) == kChunkBytes);
}

TEST_CASE("who was told and does not come holds up others for a second at most") {
    Line node;
    node.send(node.first, kChunkBytes);  // two chunks may wait, and one does
    CHECK(node.share.ready(node.now) == std::vector{node.absent});
    node.now += milliseconds(999);
    CHECK(node.share.ready(node.now).empty());
    node.now += milliseconds(1);
    CHECK(node.share.ready(node.now) == std::vector{node.next});
}

TEST_CASE("when nothing waits any more, nobody who was told is waited for") {
    Line node;
    node.send(node.first, kChunkBytes);
    CHECK(node.share.ready(node.now) == std::vector{node.absent});
    node.send(node.first, kChunkBytes);
    CHECK(node.share.ready(node.now) == std::vector{node.next});
}

TEST_CASE("a session that asks and does not read fills nobody's queue") {
    Node node;
    const auto reads = node.join();
    node.measure(reads, 10 * kMiB);
    const auto idle = node.join();
    node.share.waits(idle, 64 * kMiB, node.now);  // asked for by somebody who waits for it
    CHECK(node.ask(reads, kChunkBytes) == 0);
    node.now += UploadShare::kStalledAfter;
    CHECK(node.ask(reads, kChunkBytes) == kChunkBytes);
    CHECK(node.ask(idle, kChunkBytes) == 0);
    node.share.sent(idle, kMiB, node.now);  // it has read: what it has waiting counts again
    CHECK(node.share.waiting() == 63 * kMiB + kChunkBytes);
    CHECK(node.ask(node.join(), kChunkBytes) == 0);
    node.share.leave(idle, node.now);
    CHECK(node.share.waiting() == kChunkBytes);
}

TEST_CASE("what counts is the sum of what waits, whatever happens") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SeededDice dice(seed);
        Node node;
        std::vector<UploadShare::Key> keys;
        std::set<UploadShare::Key> refused;
        for (int step = 0; step < 3000; ++step) {
            node.now += milliseconds(dice.below(20));
            const auto key = keys.empty() ? node.join() : keys[dice.below(keys.size())];
            if (keys.empty()) {
                keys.push_back(key);
            }
            switch (dice.below(8)) {
                case 0: keys.push_back(node.join()); break;
                case 1:
                    node.share.leave(key, node.now);
                    std::erase(keys, key);
                    refused.erase(key);
                    node.waits.erase(key);
                    break;
                case 2: node.share.waits(key, node.waits[key] /= 2, node.now); break;
                case 3:
                case 4:
                    node.send(key, node.waits[key] == 0 ? 0 : dice.below(node.waits[key]));
                    break;
                default: {
                    const std::uint64_t wanted = 1 + dice.below(kChunkBytes);
                    if (node.ask(key, wanted) < wanted) {
                        refused.insert(key);
                    }
                }
            }
            for (const auto told : node.share.ready(node.now)) {
                REQUIRE(refused.erase(told) == 1);
            }
            std::uint64_t sum = 0;
            for (const auto& [each, bytes] : node.waits) {
                sum += bytes;
            }
            REQUIRE(node.share.waiting() <= sum);  // less what is stalled
            REQUIRE(node.share.sessions() == keys.size());
            if (step % 100 == 0) {  // nothing stalls that goes on
                for (const auto each : keys) {
                    node.send(each, node.waits[each]);
                }
                REQUIRE(node.share.waiting() == 0);
            }
        }
    }
}

TEST_CASE("every chunk is suggested once before any a second time") {
    ContentId film;
    film.size = 100 * kChunkBytes + 1;
    Suggestions one(1);
    Suggestions other(2);
    CHECK(one.next(film) != other.next(film));
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 101; ++i) {
        const ChunkIndex chunk = one.next(film);
        CHECK(chunk.value < 101);
        seen.insert(chunk.value);
    }
    CHECK(seen.size() == 101);
    for (std::uint64_t size = 1; size < 3000; ++size) {
        one.next({film.root, size});
    }
    CHECK(one.contents() == Suggestions::kContentsMax);
}

TEST_CASE("sessions of a gate share it, and those of none are admitted everything") {
    const SystemClock clock;
    UploadGate::Place nobody;
    CHECK(nobody.admit(1 << 30) == 1 << 30);
    CHECK_FALSE(nobody.suggests());
    const auto gate = std::make_shared<UploadGate>(clock, 1);
    int told = 0;
    UploadGate::Place alice = gate->join([] {});
    UploadGate::Place bob = gate->join([&] { ++told; });
    CHECK(alice.admit(kChunkBytes) == kChunkBytes);
    alice.waits(kChunkBytes);
    CHECK(bob.admit(kChunkBytes) == 0);
    CHECK(told == 0);
    alice = {};  // it leaves
    CHECK(told == 1);
    CHECK(bob.admit(kChunkBytes) == kChunkBytes);
}
