#pragma once
// One publisher and N members that all want one content at once: when each has it, beside what the
// links allow.
//
// The bound: nobody has F bytes before F / (its rate down), nor before the publisher has sent them
// once, F / u_s; and all that N members receive was sent by somebody, N F / (u_s + sum of u_i)
// (Kumar and Ross, "Peer-assisted file distribution: the minimum distribution time").

#include <cstdint>
#include <vector>

#include "tests/sim/simulated_swarm.hpp"

namespace swarmfs::sim {

struct Crowd {
    const char* name = "";
    std::size_t members = 10;
    std::uint64_t bytes = 64ULL << 20;
    std::size_t neighbours = 0;  // sessions of each; 0: with everybody
    double churning = 0;         // share of members that leave once and come back
    double leaving = 0;          // share that leaves for good, all at one moment
    double hostile = 0;          // share that lies, pretends, says nothing or drips
    Duration at_most = std::chrono::minutes(10);
};

inline const Crowd kCrowds[] = {
    {"all stay"},
    {.name = "a third comes and goes", .churning = 0.33},
    {.name = "half leave for good", .leaving = 0.5},
    {.name = "30 % are hostile", .hostile = 0.3},
};

struct Distribution {
    // Of the honest members that stayed: seconds until it had everything, over its own bound.
    std::vector<double> ratios;  // ascending
    double bound_s = 0;          // of the swarm; a member's own may be longer
    double last_s = 0;           // when the last had it
    std::size_t unfinished = 0;
    double wasted = 0;  // leaves received beyond those needed, as a share

    double median() const { return ratios.empty() ? 0 : ratios[ratios.size() / 2]; }
    double percentile(double share) const;
};

Distribution distribute(const Crowd& crowd, std::uint64_t seed);

}  // namespace swarmfs::sim
