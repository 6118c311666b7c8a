#pragma once
// A bucket of Throttle's, in exact fractions of a byte.

#include <algorithm>
#include <cstdint>

#include "engine/swarm/throttle.hpp"

namespace swarmfs::test {

class NaiveBucket {
public:
    using Bytes = long double;  // 64 bits of it are exact

    void limit(swarm::Rate rate, TimePoint now) {
        pass(now);
        const bool had = rate_ != swarm::kNoLimit;
        rate_ = rate;
        at_ = now;
        if (!had) {
            held_ns_ = 0;
        } else if (rate != swarm::kNoLimit) {
            held_ns_ = std::min(held_ns_, burst());
            held_ns_ = std::max(held_ns_, -static_cast<Bytes>(portion_max()) * 1e9L);
        }
    }
    void pay(Bytes bytes, TimePoint now) {
        pass(now);
        if (rate_ != swarm::kNoLimit) {
            held_ns_ = std::min(held_ns_ - bytes * 1e9L, burst());
        }
    }
    bool empty(TimePoint now) {
        pass(now);
        return rate_ != swarm::kNoLimit && held_ns_ < 1e9L;
    }
    std::uint64_t portion_max() const {
        return rate_ == swarm::kNoLimit
                   ? rate_
                   : std::min<std::uint64_t>(std::max<std::uint64_t>(rate_ / 20, 16384), 1 << 20);
    }

private:
    Bytes burst() const { return static_cast<Bytes>(rate_) * 1e8L; }
    void pass(TimePoint now) {
        if (rate_ != swarm::kNoLimit && now > at_) {
            held_ns_ += static_cast<Bytes>(rate_) * static_cast<Bytes>((now - at_).count());
            held_ns_ = std::min(held_ns_, burst());
            at_ = now;
        }
    }

    swarm::Rate rate_ = swarm::kNoLimit;
    Bytes held_ns_ = 0;  // byte nanoseconds
    TimePoint at_{};
};

}  // namespace swarmfs::test
