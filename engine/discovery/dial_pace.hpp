#pragma once
// How many members to dial now.
//
// Rules:
//   1. Until there are as many sessions as wanted, with those being dialled.
//   2. When somebody waits for what no connected member has, kMoreAtOnce besides.
//   3. One besides every kExchangeEvery, a quarter more or less by chance.   Why: the parts of a
//      swarm that the network kept apart have enough sessions each, and would never meet again; and
//      who joined last would know only whom he was told of first.
// Pure. Thread: one.

#include <algorithm>

#include "engine/core/clock.hpp"
#include "engine/core/dice.hpp"

namespace swarmfs::discovery {

class DialPace {
public:
    // Chosen by us.
    static constexpr Duration kExchangeEvery = std::chrono::minutes(1);
    static constexpr std::size_t kMoreAtOnce = 16;

    // `dice` must outlive it.
    DialPace(std::size_t wanted, Dice& dice, TimePoint now)
        : wanted_(wanted), dice_(dice), exchange_at_(now + by_chance()) {}

    // Rule 2. Once for each time that somebody begins to wait.
    void hurry() { more_ = kMoreAtOnce; }

    // `sessions`: those there are. `dialling`: those being dialled.
    std::size_t room(TimePoint now, std::size_t sessions, std::size_t dialling) const {
        const std::size_t base = wanted_ - std::min(wanted_, sessions + dialling);
        return base + more_ + (now >= exchange_at_ ? 1 : 0);
    }
    // So many of them are being dialled now.
    void dialled(std::size_t count, TimePoint now, std::size_t sessions, std::size_t dialling) {
        const std::size_t base = wanted_ - std::min(wanted_, sessions + dialling);
        more_ -= std::min(more_, count - std::min(count, base));
        if (now >= exchange_at_) {
            exchange_at_ = now + by_chance();
        }
    }
    // When there is room though no session has ended.
    TimePoint next() const { return exchange_at_; }

private:
    Duration by_chance() {
        const auto half = static_cast<std::uint64_t>(kExchangeEvery.count()) / 2;
        return kExchangeEvery * 3 / 4 + Duration(static_cast<Duration::rep>(dice_.below(half + 1)));
    }

    const std::size_t wanted_;
    Dice& dice_;
    std::size_t more_ = 0;
    TimePoint exchange_at_;
};

}  // namespace swarmfs::discovery
