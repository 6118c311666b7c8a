// Who is connected with whom when a swarm has more members than anybody has places: members dial as
// Member does, by CandidateBook and DialPace, and let in as SwarmShell does, by Places; a link takes no
// time, and whether it can be made says the test. Then contents travel along the graph.

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "engine/discovery/candidate_book.hpp"
#include "engine/discovery/dial_pace.hpp"
#include "engine/swarm/places.hpp"
#include "tests/sim/simulated_swarm.hpp"

namespace swarmfs::sim {
namespace {

using discovery::Address;
using discovery::AddressSource;
using discovery::TellerPlace;
using std::chrono::minutes;
using std::chrono::seconds;
using swarm::Places;
using swarm::Seat;

constexpr std::size_t kMembersTold = 16;  // these as SwarmShell has them
constexpr std::size_t kMembersToldLater = 4;

NodeId node_of(std::size_t n) {
    NodeId id;
    id.bytes[0] = static_cast<std::uint8_t>(n >> 8);
    id.bytes[1] = static_cast<std::uint8_t>(n);
    return id;
}
std::size_t index_of(const NodeId& node) {
    return std::size_t{node.bytes[0]} * 256 + node.bytes[1];
}
// Each in a network of its own: a book takes only so many of one.
Address address_of(std::size_t n) {
    return {"10." + std::to_string(n / 256) + "." + std::to_string(n % 256) + ".1", 6881};
}
std::size_t index_of(const Address& address) {
    const std::size_t second = address.host.find('.', 3);
    return std::stoul(address.host.substr(3, second - 3)) * 256 +
           std::stoul(address.host.substr(second + 1));
}

struct GraphMember {
    GraphMember(std::size_t most, std::uint64_t seed, TimePoint now)
        : dice(seed), book(dice), pace(Places::wanted_of(most), dice, now), places(most, dice) {}
    SeededDice dice;
    discovery::CandidateBook book;
    discovery::DialPace pace;
    Places places;
    struct Session {
        bool dialled_by_us = false;
        TimePoint since{};
    };
    std::map<std::size_t, Session> sessions;
    std::size_t most_sessions = 0;  // ever
};

class Graph {
public:
    Graph(std::size_t most, std::uint64_t seed) : most_(most), dice_(seed) {}

    // Whoever joins knows one member only.
    void add(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            members.push_back(std::make_unique<GraphMember>(most_, dice_.u64(), now_));
            const std::size_t known = members.size() > 1 ? dice_.below(members.size() - 1) : 0;
            if (known != members.size() - 1) {
                members.back()->book.add(address_of(known), AddressSource::configured,
                                         TellerPlace::elsewhere, std::nullopt, now_);
            }
        }
    }
    void run(Duration time) {
        for (const TimePoint end = now_ + time; now_ < end; now_ += seconds(1)) {
            for (const std::size_t one : shuffled(members.size())) {
                step(one);
            }
        }
    }
    // Members of different parts cannot reach each other: what is left of a network that broke.
    void split(std::size_t parts) {
        parts_ = parts;
        for (std::size_t a = 0; a < members.size(); ++a) {
            for (const std::size_t b : neighbours(a)) {
                if (!reach(a, b)) {
                    part(a, b);
                }
            }
        }
    }
    std::vector<std::size_t> neighbours(std::size_t one) const {
        std::vector<std::size_t> all;
        for (const auto& [other, session] : members[one]->sessions) {
            all.push_back(other);
        }
        return all;
    }
    // How many members can be reached from the first one.
    std::size_t component() const {
        std::vector<bool> seen(members.size());
        std::vector<std::size_t> open = {0};
        seen[0] = true;
        std::size_t count = 0;
        while (!open.empty()) {
            const std::size_t at = open.back();
            open.pop_back();
            ++count;
            for (const std::size_t other : neighbours(at)) {
                if (!seen[other]) {
                    seen[other] = true;
                    open.push_back(other);
                }
            }
        }
        return count;
    }

    std::vector<std::unique_ptr<GraphMember>> members;
    std::size_t ended = 0;  // sessions

private:
    bool reach(std::size_t a, std::size_t b) const { return a % parts_ == b % parts_; }
    std::vector<std::size_t> shuffled(std::size_t count) {
        std::vector<std::size_t> all(count);
        std::iota(all.begin(), all.end(), std::size_t{0});
        for (std::size_t left = count; left > 1; --left) {
            std::swap(all[left - 1], all[dice_.below(left)]);
        }
        return all;
    }
    void step(std::size_t one) {
        GraphMember& member = *members[one];
        const std::size_t sessions = member.sessions.size();
        const std::size_t dialling = member.book.dialling();
        const auto due = member.book.take_due(
            now_, [&](const NodeId& node) { return member.sessions.contains(index_of(node)); },
            member.pace.room(now_, sessions, dialling));
        member.pace.dialled(due.size(), now_, sessions, dialling);
        for (const Address& address : due) {
            dial(one, address);
        }
        // Each at a second of its own.
        if (now_.time_since_epoch() / seconds(1) % 60 == static_cast<std::int64_t>(one % 60)) {
            for (const PeerNumber number : member.places.trim(seats(one), now_)) {
                send_away(one, static_cast<std::size_t>(number));
            }
            for (const std::size_t other : neighbours(one)) {
                tell_members(one, other, kMembersToldLater);
            }
        }
    }
    void dial(std::size_t from, const Address& address) {
        const std::size_t to = index_of(address);
        if (!reach(from, to)) {
            members[from]->book.failed(address, now_);
            return;
        }
        if (to == from) {
            members[from]->book.is_self(address);
            return;
        }
        members[from]->book.connected(address, node_of(to), now_);
        if (members[from]->sessions.contains(to)) {
            return;
        }
        // Each end decides when it hears hello, and knows only afterwards what the other decided.
        const bool welcome_there = make_room(to, false);
        const bool welcome_here = make_room(from, true);
        if (welcome_there && welcome_here) {
            members[from]->sessions[to] = {true, now_};
            members[to]->sessions[from] = {false, now_};
            for (const std::size_t end : {from, to}) {
                auto& most = members[end]->most_sessions;
                most = std::max(most, members[end]->sessions.size());
            }
        }
        tell_members(from, to);
        tell_members(to, from);
        if (!welcome_there || !welcome_here) {
            members[from]->book.lost(node_of(to), now_);
        }
    }
    std::vector<Seat> seats(std::size_t one) const {
        std::vector<Seat> taken;
        for (const auto& [other, session] : members[one]->sessions) {
            taken.push_back({PeerNumber{static_cast<std::uint32_t>(other)}, session.dialled_by_us,
                             false, session.since, 0.5});
        }
        return taken;
    }
    bool make_room(std::size_t at, bool dialled_by_us) {
        const auto admission = members[at]->places.admit(seats(at), dialled_by_us, now_);
        if (admission.gives_way) {
            send_away(at, static_cast<std::size_t>(*admission.gives_way));
        }
        return admission.welcome;
    }
    void send_away(std::size_t from, std::size_t whom) {
        tell_members(from, whom);
        part(from, whom);
    }
    void part(std::size_t a, std::size_t b) {
        ++ended;
        members[a]->sessions.erase(b);
        members[b]->sessions.erase(a);
        members[a]->book.lost(node_of(b), now_);
        members[b]->book.lost(node_of(a), now_);
    }
    void tell_members(std::size_t from, std::size_t whom, std::size_t count = kMembersTold) {
        const auto known = neighbours(from);
        std::size_t told = 0;
        for (const std::size_t at : shuffled(known.size())) {
            if (known[at] != whom && told++ < count) {
                members[whom]->book.add(address_of(known[at]), AddressSource::peer_exchange,
                                        TellerPlace::elsewhere, node_of(known[at]), now_,
                                        node_of(from));
            }
        }
        // And where the teller itself listens.
        members[whom]->book.add(address_of(from), AddressSource::peer_exchange,
                                TellerPlace::elsewhere, node_of(from), now_, node_of(from));
    }

    const std::size_t most_;
    SeededDice dice_;
    std::size_t parts_ = 1;
    TimePoint now_{std::chrono::hours(1)};
};

}  // namespace

TEST_CASE("a swarm that fits everybody's places becomes a full mesh from one address each") {
    Graph graph(50, 1);
    graph.add(20);
    graph.run(minutes(2));
    for (std::size_t i = 0; i < 20; ++i) {
        CHECK(graph.members[i]->sessions.size() == 19);
    }
    graph.ended = 0;
    graph.run(minutes(10));
    CHECK(graph.ended == 0);
}

TEST_CASE("with more members than places the graph is whole, bounded, and lets newcomers in") {
    constexpr std::size_t kMost = 20;
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
        CAPTURE(seed);
        Graph graph(kMost, seed);
        graph.add(200);
        graph.run(minutes(5));
        CHECK(graph.component() == 200);
        // Those who come late find all others settled, and many of them full.
        graph.add(50);
        graph.run(minutes(5));
        CHECK(graph.component() == 250);
        for (const auto& member : graph.members) {
            CHECK(member->sessions.size() >= Places::wanted_of(kMost) / 2);
            CHECK(member->most_sessions <= kMost);
        }
        // It stays that, and members are not moved all the time.
        graph.ended = 0;
        for (int minute = 0; minute < 10; ++minute) {
            graph.run(minutes(1));
            CHECK(graph.component() == 250);
        }
        CHECK(graph.ended < 250 * 10 * 2);
    }
}

TEST_CASE("halves of a large swarm that were apart find together again") {
    Graph graph(20, 7);
    graph.add(120);
    graph.run(minutes(5));
    graph.split(2);
    graph.run(minutes(30));  // long enough to forget addresses that do not answer
    CHECK(graph.component() == 60);
    graph.split(1);
    // Each half has all the sessions it wants; what is dialled now and then joins them.
    graph.run(minutes(45));
    CHECK(graph.component() == 120);
}

TEST_CASE("more members than places all get a content that one of them has") {
    constexpr std::size_t kMembers = 60;
    Graph graph(6, 3);
    graph.add(kMembers);
    graph.run(minutes(10));
    REQUIRE(graph.component() == kMembers);
    SimulatedSwarm swarm(5);
    for (std::size_t i = 0; i < kMembers; ++i) {
        swarm.add("m" + std::to_string(i), 4e6);
    }
    for (std::size_t i = 0; i < kMembers; ++i) {
        for (const std::size_t other : graph.neighbours(i)) {
            if (i < other) {
                swarm.connect(*swarm.members[i], *swarm.members[other]);
            }
        }
        CHECK(swarm.members[i]->sessions.size() <= 6);
    }
    ContentId film;
    film.root.bytes.fill(7);
    film.size = 8 << 20;
    swarm.publish(*swarm.members[kMembers - 1], film);
    for (std::size_t i = 0; i + 1 < kMembers; ++i) {
        swarm.act(*swarm.members[i], [&](swarm::SwarmCore& core) {
            core.fill(1, {film, swarm::FillOrder::rarest_first, std::nullopt}, swarm.now());
        });
    }
    CHECK(swarm.run_until([&] { return swarm.fills_done == kMembers - 1; }, minutes(10)));
    for (const auto& member : swarm.members) {
        CHECK(member->disks.at(film)->complete());
    }
}

}  // namespace swarmfs::sim
