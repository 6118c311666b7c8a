#pragma once
// FillBudget's rules, computed anew from all that happened. Its twin in fill_budget_fuzz.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/swarm/fill_budget.hpp"

namespace swarmfs::test {

class NaiveFillBudget {
public:
    void owed(std::uint64_t bytes, TimePoint now) {
        look(now);
        owed_ += bytes;
    }
    void settled(std::uint64_t bytes) { owed_ -= bytes; }
    void arrived(std::uint64_t bytes, TimePoint now) {
        look(now);
        came_.push_back({bytes, busy_});
    }

    std::uint64_t owed() const { return owed_; }
    double most(TimePoint now) const {
        using Budget = swarm::FillBudget;
        const double busy = busy_at(now);
        double lately = 0;
        std::uint64_t all = 0;
        for (const Came& one : came_) {
            lately += static_cast<double>(one.bytes) * std::exp(one.busy - busy);
            all += one.bytes;
        }
        const std::uint64_t least = all < Budget::kUnmeasured ? Budget::kUnmeasured : Budget::kMin;
        return std::max(lately * Budget::kSeconds, static_cast<double>(least));
    }

private:
    struct Came {
        std::uint64_t bytes;
        double busy;  // of the seconds in which something was owed, how many had passed
    };
    double busy_at(TimePoint now) const {
        return busy_ + (owed_ > 0 ? std::chrono::duration<double>(now - looked_at_).count() : 0);
    }
    // Time that ends with something being settled without having come is not known of: see there.
    void look(TimePoint now) {
        busy_ = busy_at(now);
        looked_at_ = now;
    }

    std::vector<Came> came_;
    std::uint64_t owed_ = 0;
    double busy_ = 0;
    TimePoint looked_at_{};
};

}  // namespace swarmfs::test
