#include "engine/swarm/throttle.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <queue>
#include <string>
#include <tuple>
#include <vector>

#include "engine/core/dice.hpp"
#include "engine/swarm/rate_gate.hpp"
#include "tests/swarm/naive_throttle.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

TEST_SUITE_BEGIN("single-threaded");

namespace {

using Class = Throttle::Class;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Rate kMiB = 1 << 20;

// Peers that always have more to send, each in a session that asks, sends what it is allowed at the
// speed of its link, is held up by its thread now and then, and asks again.
class Line {
public:
    explicit Line(std::uint64_t seed) : dice_(seed) {}

    Throttle throttle;
    TimePoint now{seconds(100)};
    std::vector<std::uint64_t> sent;  // by peer

    std::size_t add(Throttle::SwarmKey swarm, Rate own = kNoLimit, Class urgency = Class::rest,
                    double link = 1e9) {
        peers_.push_back({throttle.add_peer(swarm, own, now), urgency, link, false});
        sent.push_back(0);
        events_.push({now, peers_.size() - 1});
        return peers_.size() - 1;
    }
    void stop(std::size_t peer) { peers_[peer].idle = true; }
    void run_for(Duration time) {
        const TimePoint end = now + time;
        while (!events_.empty() && events_.top().first <= end) {
            const auto [at, number] = events_.top();
            events_.pop();
            now = std::max(now, at);
            step(number);
        }
        now = end;
    }
    // Bytes of all peers within the next `time`.
    std::uint64_t moved_in(Duration time) {
        const std::uint64_t before = total();
        run_for(time);
        return total() - before;
    }
    std::uint64_t total() const {
        std::uint64_t all = 0;
        for (const std::uint64_t bytes : sent) {
            all += bytes;
        }
        return all;
    }

private:
    struct Peer {
        Throttle::PeerKey key{};
        Class urgency{};
        double link = 0;  // bytes a second
        bool idle = false;
    };

    void step(std::size_t number) {
        const Peer& peer = peers_[number];
        if (peer.idle) {
            return;
        }
        const auto answer = throttle.ask(peer.key, kMiB, peer.urgency, now);
        if (answer.allowed == 0) {
            events_.push({answer.again_at + late(), number});
            return;
        }
        // Whole leaves, with their proofs now and then.
        const std::uint64_t leaves = std::max<std::uint64_t>(1, answer.allowed / kLeafBytes);
        const std::uint64_t used = leaves * (kLeafBytes + 17) + (dice_.below(4) == 0 ? 700 : 0);
        throttle.settle(peer.key, answer.allowed, used, now);
        sent[number] += used;
        const auto takes = std::chrono::duration_cast<Duration>(
            std::chrono::duration<double>(static_cast<double>(used) / peer.link));
        events_.push({now + takes + late(), number});
    }
    // A busy machine: up to a millisecond, sometimes 60.
    Duration late() {
        return std::chrono::microseconds(dice_.below(100) == 0 ? 60'000 : dice_.below(1'000));
    }

    SeededDice dice_;
    std::vector<Peer> peers_;
    using Event = std::pair<TimePoint, std::size_t>;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
};

// By how much of what was expected.
double off_by(std::uint64_t bytes, double expected) {
    return std::abs(static_cast<double>(bytes) / expected - 1);
}

}  // namespace

TEST_CASE("nothing is held back where nothing is limited") {
    Throttle throttle;
    const TimePoint now{seconds(1)};
    const auto swarm = throttle.add_swarm(kNoLimit, now);
    const auto peer = throttle.add_peer(swarm, kNoLimit, now);
    CHECK_FALSE(throttle.limited(peer));
    for (int i = 0; i < 100; ++i) {
        CHECK(throttle.ask(peer, 50 * kMiB, Class::rest, now).allowed == 50 * kMiB);
    }
    throttle.limit_node(kMiB, now);
    CHECK(throttle.limited(peer));
    CHECK(throttle.ask(peer, 50 * kMiB, Class::rest, now).allowed == 0);
    throttle.limit_node(kNoLimit, now);
    CHECK(throttle.ask(peer, 50 * kMiB, Class::rest, now).allowed == 50 * kMiB);
}

TEST_CASE("a limit holds within 5 % over any 10 s, at each level, for one peer and for many") {
    enum class At { node, swarm, peer };
    for (const Rate rate : {Rate{100'000}, Rate{500 * 1024}, Rate{2 * kMiB}, Rate{200 * kMiB}}) {
        for (const std::size_t peers : {1, 2, 7, 40}) {
            for (const At at : {At::node, At::swarm, At::peer}) {
                if (at == At::peer && peers > 1) {
                    continue;  // the limit of one
                }
                Line line(rate + peers);
                const auto swarm =
                    line.throttle.add_swarm(at == At::swarm ? rate : kNoLimit, line.now);
                if (at == At::node) {
                    line.throttle.limit_node(rate, line.now);
                }
                for (std::size_t i = 0; i < peers; ++i) {
                    line.add(swarm, at == At::peer ? rate : kNoLimit);
                }
                // From rest, and at any time later.
                for (int window = 0; window < 6; ++window) {
                    const std::uint64_t moved = line.moved_in(seconds(10));
                    INFO("rate ", rate, ", peers ", peers, ", at ", static_cast<int>(at),
                         ", window ", window);
                    CHECK(off_by(moved, static_cast<double>(rate) * 10) < 0.05);
                    line.run_for(milliseconds(1234));
                }
            }
        }
    }
}

TEST_CASE("a limit set while everything runs holds within 5 % from then on") {
    Line line(3);
    const auto swarm = line.throttle.add_swarm(kNoLimit, line.now);
    line.throttle.limit_node(50 * kMiB, line.now);
    for (int i = 0; i < 3; ++i) {
        line.add(swarm);
    }
    for (const Rate rate : {2 * kMiB, Rate{300'000}, 20 * kMiB, 1 * kMiB}) {
        line.run_for(seconds(3));
        line.throttle.limit_node(rate, line.now);
        CHECK(off_by(line.moved_in(seconds(10)), static_cast<double>(rate) * 10) < 0.05);
    }
}

TEST_CASE("peers that share a limit get the same of it, whatever their links") {
    for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
        Line line(seed);
        line.throttle.limit_node(4 * kMiB, line.now);
        // One swarm of one peer and one of five: it is peers that share.
        const auto lonely = line.throttle.add_swarm(kNoLimit, line.now);
        const auto large = line.throttle.add_swarm(kNoLimit, line.now);
        line.add(lonely);
        for (int i = 0; i < 5; ++i) {
            line.add(large, kNoLimit, Class::rest, 1e6 * (1 << i));
        }
        line.run_for(seconds(10));
        for (const std::uint64_t bytes : line.sent) {
            INFO("seed ", seed);
            CHECK(off_by(bytes, 4.0 * kMiB * 10 / 6) < 0.05);
        }
    }
}

TEST_CASE("what a peer or a swarm may not use, the others share") {
    Line line(9);
    line.throttle.limit_node(6 * kMiB, line.now);
    const auto slow = line.throttle.add_swarm(1 * kMiB, line.now);
    const auto fast = line.throttle.add_swarm(kNoLimit, line.now);
    line.add(slow);
    line.add(slow);
    line.add(fast, 512 * 1024);
    line.add(fast);
    line.add(fast);
    line.run_for(seconds(10));
    CHECK(off_by(line.sent[0], 0.5 * kMiB * 10) < 0.05);
    CHECK(off_by(line.sent[1], 0.5 * kMiB * 10) < 0.05);
    CHECK(off_by(line.sent[2], 0.5 * kMiB * 10) < 0.05);
    CHECK(off_by(line.sent[3], 2.25 * kMiB * 10) < 0.05);
    CHECK(off_by(line.sent[4], 2.25 * kMiB * 10) < 0.05);
    // One of them leaves the line, and nothing is lost.
    line.stop(4);
    const std::uint64_t before = line.sent[3];
    line.run_for(seconds(10));
    CHECK(off_by(line.sent[3] - before, 4.5 * kMiB * 10) < 0.05);
}

TEST_CASE("who wanted nothing for a while has no claim on what others were given") {
    Line line(11);
    line.throttle.limit_node(2 * kMiB, line.now);
    const auto swarm = line.throttle.add_swarm(kNoLimit, line.now);
    line.add(swarm);
    line.run_for(seconds(60));
    line.add(swarm);
    const std::uint64_t before = line.sent[0];
    line.run_for(seconds(10));
    CHECK(off_by(line.sent[0] - before, 1.0 * kMiB * 10) < 0.05);
    CHECK(off_by(line.sent[1], 1.0 * kMiB * 10) < 0.05);
}

TEST_CASE("urgent goes first, and starves nobody") {
    Line line(12);
    line.throttle.limit_node(4 * kMiB, line.now);
    const auto swarm = line.throttle.add_swarm(kNoLimit, line.now);
    line.add(swarm, kNoLimit, Class::urgent);
    line.add(swarm, kNoLimit, Class::rest);
    line.run_for(seconds(10));
    CHECK(off_by(line.sent[0], 3.0 * kMiB * 10) < 0.05);
    CHECK(off_by(line.sent[1], 1.0 * kMiB * 10) < 0.05);
}

TEST_CASE("an urgent wish does not stand behind those that came before it") {
    Throttle throttle;
    TimePoint now{seconds(1)};
    throttle.limit_node(100'000, now);
    const auto swarm = throttle.add_swarm(kNoLimit, now);
    std::vector<Throttle::PeerKey> fills;
    for (int i = 0; i < 10; ++i) {
        fills.push_back(throttle.add_peer(swarm, kNoLimit, now));
        CHECK(throttle.ask(fills.back(), 100'000, Class::rest, now).allowed == 0);
    }
    const auto reader = throttle.add_peer(swarm, kNoLimit, now);
    const auto first = throttle.ask(reader, 16'384, Class::urgent, now);
    CHECK(first.allowed == 0);
    now += milliseconds(1);
    CHECK(throttle.ask(reader, 16'384, Class::urgent, now).allowed == 16'384);
}

TEST_CASE("a wish that is not repeated holds up nobody, and what is not fetched is paid back") {
    Throttle throttle;
    TimePoint now{seconds(1)};
    throttle.limit_node(10 * kMiB, now);
    const auto swarm = throttle.add_swarm(kNoLimit, now);
    const auto gone = throttle.add_peer(swarm, kNoLimit, now);
    const auto here = throttle.add_peer(swarm, kNoLimit, now);
    CHECK(throttle.ask(gone, 200'000, Class::rest, now).allowed == 0);
    CHECK(throttle.waiting() == 1);
    now += milliseconds(1001);
    CHECK(throttle.ask(here, 200'000, Class::rest, now).allowed > 0);
    CHECK(throttle.waiting() == 0);

    // Allowed while somebody else asked, and never fetched: the bucket is full again a second later.
    CHECK(throttle.ask(gone, 200'000, Class::rest, now).allowed > 0);
    std::uint64_t took = 0;
    while (const std::uint64_t more = throttle.ask(here, 200'000, Class::rest, now).allowed) {
        took += more;
    }
    CHECK(throttle.ask(gone, 200'000, Class::rest, now).allowed == 0);
    now += milliseconds(50);
    CHECK(throttle.ask(here, 1, Class::rest, now).allowed <= 1);
    throttle.remove_peer(gone, now);
    CHECK(throttle.waiting() <= 1);
}

TEST_CASE("property: it allows what its rules, followed word by word, allow") {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        INFO("seed ", seed);
        SeededDice dice(seed);
        TimePoint now{seconds(5)};
        Throttle throttle;
        test::NaiveThrottle naive(3);
        std::vector<Throttle::SwarmKey> swarms;
        std::vector<Throttle::PeerKey> peers;
        const auto some_rate = [&] {
            return dice.below(4) == 0 ? kNoLimit : kRateMin + dice.below(std::uint64_t{1} << 24);
        };
        for (std::size_t i = 0; i < 3; ++i) {
            const Rate rate = some_rate();
            swarms.push_back(throttle.add_swarm(rate, now));
            naive.limit_swarm(i, rate, now);
        }
        for (std::size_t i = 0; i < 9; ++i) {
            const Rate rate = some_rate();
            peers.push_back(throttle.add_peer(swarms[i % 3], rate, now));
            naive.add_peer(i % 3);
            naive.limit_peer(i, rate, now);
        }
        for (int i = 0; i < 400; ++i) {
            now += std::chrono::microseconds(dice.below(20'000));
            if (dice.below(50) == 0) {
                const Rate rate = some_rate();
                throttle.limit_node(rate, now);
                naive.limit_node(rate, now);
            }
            const std::size_t peer = dice.below(peers.size());
            const std::uint64_t wish = 1 + dice.below(400'000);
            const auto urgency = dice.below(3) == 0 ? Class::urgent : Class::rest;
            const auto answer = throttle.ask(peers[peer], wish, urgency, now);
            REQUIRE(answer.allowed == naive.ask(peer, wish, urgency, now));
            if (answer.allowed > 0) {
                const std::uint64_t used = answer.allowed / 2 + dice.below(answer.allowed);
                throttle.settle(peers[peer], answer.allowed, used, now);
                naive.settle(peer, answer.allowed, used, now);
            }
        }
    }
}

TEST_CASE("a gate knows swarms and peers by their names, whenever they come") {
    ManualClock clock;
    const auto gate = std::make_shared<RateGate>(clock);
    SwarmId team;
    team.bytes.fill(1);
    NodeId bob;
    bob.bytes.fill(2);
    NodeId eve;
    eve.bytes.fill(3);
    RateGate::Place nobody;
    CHECK_FALSE(nobody.limited());
    RateGate::Place early = gate->join(team, bob);
    CHECK_FALSE(early.limited());

    RateLimits limits;
    limits.peers[{team, bob}] = kMiB;
    gate->set(limits);
    RateGate::Place other = gate->join(team, eve);
    CHECK(early.limited());
    CHECK(early.ask(1000, Class::rest, clock.now()).allowed == 0);
    CHECK(other.ask(1 << 30, Class::rest, clock.now()).allowed == 1 << 30);
    {
        RateGate::Place again = gate->join(team, bob);
        CHECK(again.ask(1000, Class::rest, clock.now()).allowed == 0);
    }
    gate->set({});
    CHECK_FALSE(early.limited());
    CHECK(early.ask(1 << 30, Class::rest, clock.now()).allowed == 1 << 30);
}

TEST_SUITE_END();
