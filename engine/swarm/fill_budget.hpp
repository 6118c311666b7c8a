#pragma once
// How much that nobody waits for may be asked of all peers together.
// Rules:
//   1. What is owed at a time is at most what arrives in 1.25 s, as measured while something is owed;
//      4 MiB until so much has arrived, and never less than 1 MiB.   Why: a member with a slow link and
//      fifty sources would else have half a minute of leaves on their way, each chunk of them late, asked
//      of a second peer, and sent twice.
//   2. What a peer owes that has sent nothing for a second does not count (the caller says so).   Why:
//      those who never answer would take all of it.
// A quarter of a second more than a second's worth, so that the rate is found: what is owed grows by
// half with each answer of under a second, as a TCP window does.
// Pure; one thread. Cost: O(1).

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "engine/core/clock.hpp"

namespace swarmfs::swarm {

class FillBudget {
public:
    // Chosen by us: rule 1.
    static constexpr double kSeconds = 1.25;
    static constexpr std::uint64_t kUnmeasured = 4 << 20;
    static constexpr std::uint64_t kMin = 1 << 20;

    void owed(std::uint64_t bytes, TimePoint now) {
        measure(now);
        owed_ += bytes;
    }
    // It came, or is owed no more. Requires: it was owed.
    void settled(std::uint64_t bytes) { owed_ -= bytes; }
    // Before what came is settled.
    void arrived(std::uint64_t bytes, TimePoint now) {
        measure(now);
        sum_ += static_cast<double>(bytes);
        all_ += bytes;
    }

    std::uint64_t owed() const { return owed_; }
    std::uint64_t most(TimePoint now) const {
        const auto lately = static_cast<std::uint64_t>(sum_at(now) / kWindow * kSeconds);
        return std::max(lately, all_ < kUnmeasured ? kUnmeasured : kMin);
    }
    bool has_room(TimePoint now) const { return owed_ < most(now); }

private:
    static constexpr double kWindow = 1.0;  // seconds over which a rate is forgotten

    double sum_at(TimePoint now) const {
        const double passed = std::chrono::duration<double>(now - at_).count();
        return owed_ == 0 ? sum_ : sum_ * std::exp(-passed / kWindow);
    }
    void measure(TimePoint now) {
        sum_ = sum_at(now);
        at_ = now;
    }

    std::uint64_t owed_ = 0;
    std::uint64_t all_ = 0;  // that ever came
    double sum_ = 0;         // decaying bytes, as of at_
    TimePoint at_{};
};

}  // namespace swarmfs::swarm
