// What `swarmfs status` says is wrong.
#include "engine/node/problems.hpp"

#include <doctest/doctest.h>

#include "engine/core/clock.hpp"

namespace swarmfs::node {

TEST_CASE("the newest problem is shown until the same thing has worked") {
    ManualClock clock;
    Problems problems(clock);
    CHECK(problems.newest().empty());
    problems.failed(Doing::reading, "a", "a read of a failed");
    clock.advance(std::chrono::seconds(1));
    problems.failed(Doing::publishing, "b", "b cannot be published");
    CHECK(problems.newest() == "b cannot be published");
    problems.worked(Doing::publishing, "a");
    CHECK(problems.newest() == "b cannot be published");
    problems.worked(Doing::publishing, "b");
    CHECK(problems.newest() == "a read of a failed");
    problems.worked(Doing::reading, "a");
    CHECK(problems.newest().empty());
    CHECK_FALSE(problems.any());
}

TEST_CASE("a problem that does not come again is forgotten") {
    ManualClock clock;
    Problems problems(clock);
    problems.failed(Doing::storing, "", "full");
    clock.advance(Problems::kForget - std::chrono::seconds(1));
    CHECK(problems.newest() == "full");
    problems.failed(Doing::storing, "", "full again");
    clock.advance(std::chrono::seconds(2));
    CHECK(problems.newest() == "full again");
    clock.advance(Problems::kForget);
    CHECK(problems.newest().empty());
}

TEST_CASE("of more problems than are kept the oldest goes") {
    ManualClock clock;
    Problems problems(clock);
    for (std::size_t i = 0; i <= Problems::kProblemsMax; ++i) {
        clock.advance(std::chrono::milliseconds(1));
        problems.failed(Doing::reading, std::to_string(i), std::to_string(i));
    }
    for (std::size_t i = 1; i <= Problems::kProblemsMax; ++i) {
        problems.worked(Doing::reading, std::to_string(i));
    }
    CHECK_FALSE(problems.any());
}

}  // namespace swarmfs::node
