#include "engine/http/pace.hpp"

#include <doctest/doctest.h>

using namespace swarmfs;
using namespace swarmfs::http;
using std::chrono::seconds;

namespace {

const Pace kPace{seconds(20), 1000, seconds(100)};
const TimePoint kStart{seconds(1000)};

TimePoint at(int second) {
    return kStart + seconds(second);
}

}  // namespace

TEST_CASE("a transfer that never moves ends after the patience") {
    Progress progress(kPace, kStart);
    CHECK(progress.deadline() == at(20));
    progress.moved(0, at(10));
    CHECK(progress.deadline() == at(20));
}

TEST_CASE("a slow line has the time it needs, as long as it moves") {
    Progress progress(kPace, kStart);
    for (int second = 10; second < 100; second += 10) {
        REQUIRE(progress.deadline() > at(second));
        progress.moved(10'000, at(second));
    }
}

TEST_CASE("a transfer that stands still after a good start ends after the patience") {
    Progress progress(kPace, kStart);
    progress.moved(90'000, at(1));
    CHECK(progress.deadline() == at(21));
}

TEST_CASE("who trickles below the floor ends soon, and nobody stays for ever") {
    Progress trickle(kPace, kStart);
    for (int second = 1; second < 20; ++second) {
        trickle.moved(1, at(second));
    }
    CHECK(trickle.deadline() == at(20));
    Progress endless(kPace, kStart);
    endless.moved(~std::size_t{0}, at(99));
    CHECK(endless.deadline() == at(100));
}
