#include "engine/discovery/dial_pace.hpp"

#include <doctest/doctest.h>

#include <set>

namespace swarmfs::discovery {
namespace {

const TimePoint kStart{std::chrono::hours(1)};

}  // namespace

TEST_CASE("members are dialled until there are as many sessions as wanted") {
    SeededDice dice(1);
    const DialPace pace(10, dice, kStart);
    CHECK(pace.room(kStart, 0, 0) == 10);
    CHECK(pace.room(kStart, 3, 4) == 3);
    CHECK(pace.room(kStart, 10, 0) == 0);
    CHECK(pace.room(kStart, 50, 50) == 0);
}

TEST_CASE("who waits has some more dialled, once") {
    SeededDice dice(1);
    DialPace pace(10, dice, kStart);
    pace.hurry();
    CHECK(pace.room(kStart, 10, 0) == DialPace::kMoreAtOnce);
    CHECK(pace.room(kStart, 8, 0) == 2 + DialPace::kMoreAtOnce);
    pace.dialled(5, kStart, 8, 0);  // two of them were wanted anyway
    CHECK(pace.room(kStart, 13, 0) == DialPace::kMoreAtOnce - 3);
    pace.dialled(DialPace::kMoreAtOnce - 3, kStart, 13, 0);
    CHECK(pace.room(kStart, 13, 0) == 0);
    pace.hurry();
    pace.hurry();
    CHECK(pace.room(kStart, 13, 0) == DialPace::kMoreAtOnce);
}

TEST_CASE("about once a minute one more is dialled, not by all members at the same time") {
    std::set<Duration> waits;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        SeededDice dice(seed);
        DialPace pace(10, dice, kStart);
        const Duration wait = pace.next() - kStart;
        CHECK(wait >= std::chrono::seconds(45));
        CHECK(wait <= std::chrono::seconds(75));
        waits.insert(wait);
        CHECK(pace.room(pace.next() - Duration(1), 20, 0) == 0);
        const TimePoint then = pace.next();
        CHECK(pace.room(then, 20, 0) == 1);
        pace.dialled(1, then, 20, 0);
        CHECK(pace.room(then, 20, 0) == 0);
        CHECK(pace.next() >= then + std::chrono::seconds(45));
    }
    CHECK(waits.size() > 90);
}

}  // namespace swarmfs::discovery
