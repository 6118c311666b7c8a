// How long a swarm takes beside what its links allow. The large ones: tools/dev/simulate.

#include <doctest/doctest.h>

#include "tests/sim/distribution.hpp"

using namespace swarmfs;
using namespace swarmfs::sim;

TEST_CASE("ten unequal members all finish, whoever leaves, comes back or lies") {
    for (Crowd crowd : kCrowds) {
        crowd.bytes = 16ULL << 20;
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            const Distribution done = distribute(crowd, seed);
            CAPTURE(crowd.name);
            CAPTURE(seed);
            CHECK(done.unfinished == 0);
            CHECK(done.wasted < 0.5);
        }
    }
}
