#include "engine/node/read_failures.hpp"

#include <doctest/doctest.h>

namespace swarmfs::node {

TEST_CASE("why a file's last read failed is known until one works") {
    ManualClock clock;
    ReadFailures failures(clock);
    CHECK_FALSE(failures.any());
    failures.worked(7);
    failures.failed(7, "nobody holds it");
    failures.failed(8, "too slow");
    CHECK(failures.of(7) == "nobody holds it");
    failures.failed(7, "still nobody");
    REQUIRE(failures.all().size() == 2);
    CHECK(failures.all()[0].reason == "still nobody");  // the newest first
    CHECK(failures.all()[0].when_ms == clock.wall_ms());
    failures.worked(7);
    CHECK_FALSE(failures.of(7));
    failures.worked(8);
    CHECK_FALSE(failures.any());
}

TEST_CASE("of more failures than are kept the oldest make room") {
    ManualClock clock;
    ReadFailures failures(clock);
    for (Inode inode = 1; inode <= ReadFailures::kFailuresMax + 1; ++inode) {
        failures.failed(inode, "x");
        failures.failed(1, "again and again");
    }
    CHECK(failures.all().size() == ReadFailures::kFailuresMax);
    CHECK(failures.of(1));
    CHECK_FALSE(failures.of(2));
    CHECK(failures.of(3));
}

}  // namespace swarmfs::node
