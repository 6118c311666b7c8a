#pragma once
// Randomness as an interface, so that a seed replays a run. Keys and nonces come from `crypto`'s
// SystemDice; SeededDice is for tests, simulations and choices that need no secrecy.

#include <cstdint>

#include "engine/core/bytes.hpp"

namespace swarmfs {

class Dice {
public:
    virtual ~Dice() = default;
    virtual void fill(MutableByteSpan out) = 0;

    std::uint64_t u64();
    // Returns: a uniform number in [0, bound). Requires: bound > 0.
    std::uint64_t below(std::uint64_t bound);
};

// SplitMix64 (Steele, Lea, Flood 2014). Never for secrets. Thread: one.
class SeededDice final : public Dice {
public:
    explicit SeededDice(std::uint64_t seed) : state_(seed) {}
    void fill(MutableByteSpan out) override;

private:
    std::uint64_t next();
    std::uint64_t state_;
};

}  // namespace swarmfs
