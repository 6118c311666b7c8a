#include "engine/swarm/places.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

using namespace swarmfs;
using namespace swarmfs::swarm;

namespace {

const TimePoint kStart{std::chrono::hours(1)};
const TimePoint kLater = kStart + std::chrono::hours(1);

// `ours` sessions that were dialled by us, numbered from 1, then `theirs`.
std::vector<Seat> seats(std::uint32_t ours, std::uint32_t theirs) {
    std::vector<Seat> all;
    for (std::uint32_t n = 1; n <= ours + theirs; ++n) {
        all.push_back({PeerNumber{n}, n <= ours, false, kStart, 0.5});
    }
    return all;
}

struct Fixture {
    SeededDice dice{1};
    Places places{10, dice};
};

}  // namespace

TEST_CASE("two fifths of the places are for members that this one dials") {
    CHECK(Places::wanted_of(80) == 32);
    CHECK(Places::wanted_of(10) == 4);
    for (std::size_t most = 1; most < 100; ++most) {
        CHECK(Places::wanted_of(most) >= 1);
        CHECK(Places::wanted_of(most) <= most);
        CHECK(Places::wanted_of(most) <= Places::wanted_of(most + 1));
    }
}

TEST_CASE("while there is room anybody is let in, and nobody gives way") {
    Fixture f;
    for (const bool dialled_by_us : {false, true}) {
        const auto admission = f.places.admit(seats(5, 4), dialled_by_us, kLater);
        CHECK(admission.welcome);
        CHECK_FALSE(admission.gives_way);
    }
}

TEST_CASE("who knocks at a full node takes the place of one who knocked, and only now and then") {
    Fixture f;
    const auto full = seats(4, 6);
    const auto first = f.places.admit(full, false, kLater);
    REQUIRE(first.welcome);
    CHECK(*first.gives_way > PeerNumber{4});
    const TimePoint soon = kLater + Places::kRotateEvery - std::chrono::milliseconds(1);
    CHECK_FALSE(f.places.admit(full, false, soon).welcome);
    CHECK(f.places.admit(full, true, soon).welcome);  // what this node wants is its own matter
    CHECK(f.places.admit(full, false, kLater + Places::kRotateEvery).welcome);
    // Nobody who was dialled gives way to who knocks, however often that is.
    CHECK_FALSE(f.places.admit(seats(10, 0), false, kLater + std::chrono::hours(1)).welcome);
}

TEST_CASE("a session that carries something, or is young, does not give way") {
    Fixture f;
    auto full = seats(4, 6);
    for (Seat& seat : full) {
        seat.carries = true;
    }
    CHECK_FALSE(f.places.admit(full, false, kLater).welcome);
    CHECK_FALSE(f.places.admit(full, true, kLater).welcome);
    full[7].carries = false;
    CHECK(f.places.admit(full, false, kLater).gives_way == PeerNumber{8});
    full[7].since = kLater + Places::kRotateEvery;
    CHECK_FALSE(f.places.admit(full, false, kLater + Places::kRotateEvery).welcome);
    CHECK(f.places.admit(full, false, kLater + Places::kRotateEvery + Places::kSettled).welcome);
}

TEST_CASE("a slow or failing peer gives way before better ones, and each may be the one") {
    Fixture f;
    auto full = seats(4, 6);
    full[6].score = 0.1;
    std::map<PeerNumber, int> gone;
    TimePoint now = kLater;
    for (int round = 0; round < 1000; ++round, now += Places::kRotateEvery) {
        ++gone[*f.places.admit(full, false, now).gives_way];
    }
    CHECK(gone.size() == 6);
    // Three looks at six: it is among them with 42 %.
    CHECK(gone[PeerNumber{7}] > 350);
    for (const std::uint32_t other : {5, 6, 8, 9, 10}) {
        CHECK(gone[PeerNumber{other}] < 200);
    }
}

TEST_CASE("what was dialled beyond what is wanted gives way in the end, the rest stays") {
    Fixture f;
    CHECK(f.places.trim(seats(4, 6), kLater).empty());
    auto many = seats(7, 3);
    const auto leaving = f.places.trim(many, kLater);
    CHECK(std::set<PeerNumber>(leaving.begin(), leaving.end()).size() == 3);
    for (const PeerNumber one : leaving) {
        CHECK(one <= PeerNumber{7});
    }
    for (Seat& seat : many) {
        seat.carries = seat.peer != PeerNumber{2};
    }
    CHECK(f.places.trim(many, kLater) == std::vector{PeerNumber{2}});
    CHECK(f.places.trim(many, kStart).empty());  // all are young
}
