#pragma once
// Which sessions a node keeps when its swarm has more members than it has places.
//
// Each member dials until it has wanted_of(most) sessions, to members taken by chance, and lets in who
// dials it, up to `most`. A small swarm is a full mesh; a large one is a random graph, which is whole
// with all but certainty from two dials a member on (Fenner and Frieze 1982), and in which anything
// is a few steps away. Rules:
//   1. Who comes is let in while there is room, whoever dialled. Of those that this node dialled
//      wanted_of(most) stay: every kTrimEvery the others give way.   Why: it dials one more now and
//      then (discovery/dial_pace.hpp), so that parts of a swarm that were apart find together again,
//      and places must be left for those who dial it.
//   2. When there is no room, one session gives way to a newcomer, so that nobody stays outside for
//      ever: of those who dialled this node for one that dials it, of all for one that was dialled.
//      Why: who knocks often, under however many keys, must not get to surround a node.
//   3. For those who dial, that happens at most every kRotateEvery.   Why: otherwise everybody would
//      be moved all the time.
//   4. A session that carries something, or is younger than kSettled, does not give way. Of kLooked
//      others taken by chance the one with the lowest score does: a slow or failing peer goes first,
//      and the graph stays random.
//   5. Who is refused or gives way is told of other members first.
// Pure. Thread: one. Cost: O(places).

#include <optional>
#include <span>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/core/dice.hpp"
#include "engine/swarm/request_ledger.hpp"

namespace swarmfs::swarm {

struct Seat {
    PeerNumber peer{};
    bool dialled_by_us = false;
    bool carries = false;  // it owes something, or is being sent something
    TimePoint since{};
    double score = 0;
};

class Places {
public:
    // Chosen by us.
    static constexpr Duration kSettled = std::chrono::minutes(1);
    static constexpr Duration kRotateEvery = std::chrono::seconds(5);
    static constexpr Duration kTrimEvery = std::chrono::minutes(1);
    static constexpr std::size_t kLooked = 3;
    // With two fifths dialled by itself, as many dial a member on the average, and few are full.
    static constexpr std::size_t wanted_of(std::size_t most) {
        return most < 5 ? (most + 1) / 2 : most * 2 / 5;
    }

    // `dice` must outlive it. Requires: most > 0.
    Places(std::size_t most, Dice& dice) : most_(most), dice_(dice) {}

    struct Admission {
        bool welcome = false;
        std::optional<PeerNumber> gives_way;
    };
    Admission admit(std::span<const Seat> taken, bool dialled_by_us, TimePoint now);
    // Who gives way without a newcomer: rule 1. To be asked every kTrimEvery.
    std::vector<PeerNumber> trim(std::span<const Seat> taken, TimePoint now);

private:
    enum class Whose { ours, theirs, any };
    // Who may give way.
    static std::vector<Seat> idle(std::span<const Seat> taken, Whose whose, TimePoint now);
    // Takes one of them out. Returns: nothing when there is none.
    std::optional<PeerNumber> take_worst(std::vector<Seat>& idle);

    const std::size_t most_;
    Dice& dice_;
    std::optional<TimePoint> rotated_at_;
};

}  // namespace swarmfs::swarm
