// How much that nobody waits for may be asked of all peers together (fill_budget.hpp).

#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

#include "engine/swarm/fill_budget.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

TEST_SUITE_BEGIN("single-threaded");
using std::chrono::milliseconds;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;
const TimePoint kStart{std::chrono::hours(1)};

// Everything that may be owed is, and comes after `answer` at `bytes_a_second` at most.
// Returns: what comes in the last of `seconds`.
double bytes_a_second(std::uint64_t at_most, Duration answer, int seconds) {
    constexpr std::uint64_t kPiece = 64 * 1024;
    FillBudget budget;
    std::vector<TimePoint> due;  // of pieces, the earliest first
    std::size_t next = 0;
    TimePoint line{kStart};  // when it is free
    std::uint64_t came = 0;
    for (TimePoint now = kStart; now < kStart + std::chrono::seconds(seconds);
         now += milliseconds(1)) {
        while (next < due.size() && due[next] <= now) {
            budget.arrived(kPiece, now);
            budget.settled(kPiece);
            came += now >= kStart + std::chrono::seconds(seconds - 1) ? kPiece : 0;
            ++next;
        }
        while (budget.has_room(now)) {
            budget.owed(kPiece, now);
            line = std::max(line, now + answer) +
                   std::chrono::nanoseconds(kPiece * 1'000'000'000 / at_most);
            due.push_back(line);
        }
    }
    return static_cast<double>(came);
}

}  // namespace

TEST_CASE("what may be owed lets a link of any speed be used") {
    for (const std::uint64_t rate : {2 * kMiB, 20 * kMiB, 500 * kMiB}) {
        for (const Duration answer : {milliseconds(1), milliseconds(100), milliseconds(800)}) {
            CAPTURE(rate);
            CHECK(bytes_a_second(rate, answer, 30) > 0.95 * static_cast<double>(rate));
        }
    }
}

TEST_CASE("what may be owed comes in little more than a second") {
    FillBudget budget;
    TimePoint now = kStart;
    budget.owed(100 * kMiB, now);
    CHECK(budget.most(now) == FillBudget::kUnmeasured);
    for (int i = 0; i < 500; ++i) {  // 10 MiB a second
        now += milliseconds(10);
        budget.arrived(kMiB / 10, now);
    }
    CHECK(static_cast<double>(budget.most(now)) == doctest::Approx(1.25 * 10 * kMiB).epsilon(0.05));
    CHECK_FALSE(budget.has_room(now));
    now += std::chrono::seconds(60);  // nothing comes
    CHECK(budget.most(now) == FillBudget::kMin);
}

TEST_CASE("what was measured is kept while nothing is owed") {
    FillBudget budget;
    TimePoint now = kStart;
    budget.owed(20 * kMiB, now);
    budget.arrived(20 * kMiB, now);
    budget.settled(20 * kMiB);
    now += std::chrono::hours(5);
    CHECK(budget.most(now) == 25 * kMiB);
    budget.owed(1, now);
    CHECK(budget.most(now) == 25 * kMiB);
    CHECK(budget.most(now + std::chrono::seconds(1)) < 10 * kMiB);
}

TEST_SUITE_END();
