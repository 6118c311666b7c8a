#pragma once
// How much of one thing a peer may say: so much at once, and so much a second then. Pure.

#include <algorithm>

#include "engine/core/clock.hpp"

namespace swarmfs::swarm {

class Trickle {
public:
    Trickle(double at_once, double each_second)
        : at_once_(at_once), each_second_(each_second), left_(at_once) {}

    // Takes up to `wanted`. Returns: how many of them there is room for.
    std::size_t take(std::size_t wanted, TimePoint now) {
        const double passed = std::chrono::duration<double>(now - at_).count();
        left_ = std::min(at_once_, left_ + passed * each_second_);
        at_ = now;
        const std::size_t taken = std::min(wanted, static_cast<std::size_t>(left_));
        left_ -= static_cast<double>(taken);
        return taken;
    }

private:
    const double at_once_;
    const double each_second_;
    double left_;  // as of at_
    TimePoint at_{};
};

}  // namespace swarmfs::swarm
