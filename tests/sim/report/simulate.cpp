// simulate MEMBERS MIB SEEDS: a table of how long a simulated swarm takes. See tools/dev/simulate.

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "tests/sim/distribution.hpp"

using namespace swarmfs::sim;

int main(int count, char** arguments) {
    const auto number = [&](int index, std::uint64_t otherwise) {
        return index < count ? std::strtoull(arguments[index], nullptr, 10) : otherwise;
    };
    std::size_t unfinished = 0;
    std::printf("%-28s %8s %7s %7s %7s %7s %7s %10s %6s %7s\n", "members and what happens",
                "bound s", "last s", "best", "median", "p99", "last", "unfinished", "waste",
                "CPU s");
    for (Crowd crowd : kCrowds) {
        crowd.members = number(1, 10);
        crowd.bytes = number(2, 64) << 20;
        crowd.neighbours = crowd.members > 200 ? 40 : 0;
        for (std::uint64_t seed = 1; seed <= number(3, 1); ++seed) {
            const auto start = std::clock();
            const Distribution done = distribute(crowd, seed);
            const auto cpu = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
            unfinished += done.unfinished;
            std::printf("%4zu %-23s %8.1f %7.1f %7.2f %7.2f %7.2f %7.2f %10zu %5.1f%% %7.1f\n",
                        crowd.members, crowd.name, done.bound_s, done.last_s, done.percentile(0),
                        done.median(), done.percentile(0.99), done.percentile(1), done.unfinished,
                        100 * done.wasted, cpu);
            std::fflush(stdout);
        }
    }
    return unfinished == 0 ? 0 : 1;
}
