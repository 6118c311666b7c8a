#include "tests/sim/distribution.hpp"

#include <algorithm>
#include <cmath>

namespace swarmfs::sim {

namespace {

using std::chrono::milliseconds;
using Seconds = std::chrono::duration<double>;

constexpr double kMbit = 1e6 / 8;
constexpr double kPublisherRate = 100 * kMbit;
constexpr double kSlowest = 10 * kMbit;
constexpr double kFastest = 1000 * kMbit;
constexpr double kDrip = 2000;  // bytes a second

double between(SeededDice& dice, double low, double high) {
    const double share = static_cast<double>(dice.below(1'000'000)) / 1e6;
    return low * std::pow(high / low, share);  // as many of each order of magnitude
}

std::size_t part(double share, std::size_t of) {
    return static_cast<std::size_t>(std::lround(share * static_cast<double>(of)));
}

enum class Part : std::uint8_t { honest, gone, liar, pretender, mute, dripping };

struct Peer {
    Member* member = nullptr;
    Part part = Part::honest;
};

void connect(SimulatedSwarm& world, std::size_t neighbours) {
    const std::size_t count = world.members.size();
    for (std::size_t a = 1; a < count; ++a) {
        if (neighbours == 0) {
            for (std::size_t b = 0; b < a; ++b) {
                world.connect(*world.members[a], *world.members[b]);
            }
            continue;
        }
        // A random graph: each dials half its neighbours, and is dialled by as many.
        for (std::size_t i = 0; i < neighbours / 2; ++i) {
            const std::size_t b = world.dice.below(count);
            if (b != a) {
                world.connect(*world.members[a], *world.members[b]);
            }
        }
    }
}

}  // namespace

double Distribution::percentile(double share) const {
    if (ratios.empty()) {
        return 0;
    }
    const auto index = static_cast<std::size_t>(share * static_cast<double>(ratios.size()));
    return ratios[std::min(index, ratios.size() - 1)];
}

Distribution distribute(const Crowd& crowd, std::uint64_t seed) {
    SimulatedSwarm world(seed);
    world.latency_min = milliseconds(5);
    world.latency_max = milliseconds(200);
    ContentId film;
    world.dice.fill(film.root.bytes);
    film.size = crowd.bytes;
    Member& publisher = world.add("publisher", kPublisherRate);
    world.publish(publisher, film);

    std::vector<Peer> peers;
    double upload_rates = kPublisherRate;
    const std::size_t hostile = part(crowd.hostile, crowd.members);
    const std::size_t gone = part(crowd.leaving, crowd.members);
    for (std::size_t i = 0; i < crowd.members; ++i) {
        const double down = between(world.dice, kSlowest, kFastest);
        const double up = down / between(world.dice, 2, 8);
        Peer peer{&world.add("member " + std::to_string(i), up)};
        peer.member->download_rate = down;
        if (i < hostile) {
            peer.part = static_cast<Part>(static_cast<std::size_t>(Part::liar) + i % 4);
            peer.member->liar = peer.part == Part::liar;
            peer.member->pretender = peer.part == Part::pretender;
            peer.member->mute = peer.part == Part::mute;
            peer.member->upload_rate = peer.part == Part::dripping ? kDrip : up;
        } else {
            peer.part = i < hostile + gone ? Part::gone : Part::honest;
            upload_rates += up;
        }
        peers.push_back(peer);
    }
    connect(world, crowd.neighbours);

    const TimePoint start = world.now();
    std::size_t honest = 0;
    std::uint64_t received = 0;
    const auto size = static_cast<double>(film.size);
    const double bound = std::max(
        size / kPublisherRate, static_cast<double>(crowd.members - hostile) * size / upload_rates);
    for (const Peer& peer : peers) {
        honest += peer.part == Part::honest ? 1 : 0;
        // Who lies or says nothing wants nothing either; who drips takes part.
        if (peer.part == Part::honest || peer.part == Part::gone || peer.part == Part::dripping) {
            world.act(*peer.member, [&](swarm::SwarmCore& core) {
                core.fill(1, {film, swarm::FillOrder::rarest_first, std::nullopt}, world.now());
            });
        }
    }
    const auto moment =
        milliseconds(static_cast<std::int64_t>(bound * 1000 * between(world.dice, 0.1, 1.0)));
    world.at(moment, [&] {
        for (const Peer& peer : peers) {
            if (peer.part == Part::gone) {
                world.go_offline(*peer.member);
            }
        }
    });
    for (const Peer& peer : peers) {
        if (peer.part == Part::honest &&
            static_cast<double>(world.dice.below(1000)) < crowd.churning * 1000) {
            const auto leaves = milliseconds(world.dice.below(10'000));
            Member* const member = peer.member;
            world.at(leaves, [&world, member] { world.go_offline(*member); });
            world.at(leaves + milliseconds(world.dice.below(5'000)),
                     [&world, member] { world.come_online(*member); });
        }
    }

    std::size_t looked_at = ~std::size_t{0};
    const auto finished = [&] {
        if (looked_at == world.fills_done) {
            return false;
        }
        looked_at = world.fills_done;
        return static_cast<std::size_t>(
                   std::count_if(peers.begin(), peers.end(), [](const Peer& peer) {
                       return peer.part == Part::honest && peer.member->filled.contains(1);
                   })) == honest;
    };
    world.run_until(finished, crowd.at_most);

    Distribution result;
    result.bound_s = bound;
    for (const Peer& peer : peers) {
        if (peer.part != Part::honest) {
            continue;
        }
        received += peer.member->leaves_received;
        const auto done = peer.member->filled.find(1);
        if (done == peer.member->filled.end()) {
            ++result.unfinished;
            continue;
        }
        const double took = Seconds(done->second - start).count();
        const double own = std::max(bound, size / peer.member->download_rate);
        result.ratios.push_back(took / own);
        result.last_s = std::max(result.last_s, took);
    }
    std::sort(result.ratios.begin(), result.ratios.end());
    const double needed = static_cast<double>(honest * leaf_count(film.size));
    result.wasted = static_cast<double>(received) / needed - 1;
    return result;
}

}  // namespace swarmfs::sim
