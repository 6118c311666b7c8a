#include "engine/core/dice.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "engine/core/assert.hpp"

namespace swarmfs {

std::uint64_t Dice::u64() {
    std::array<std::uint8_t, 8> bytes{};
    fill(bytes);
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
}

std::uint64_t Dice::below(std::uint64_t bound) {
    SWARM_ASSERT(bound > 0);
    // Values above the last whole multiple of `bound` would favour small results.
    const std::uint64_t limit = std::numeric_limits<std::uint64_t>::max() -
                                std::numeric_limits<std::uint64_t>::max() % bound;
    std::uint64_t value = u64();
    while (value >= limit) {
        value = u64();
    }
    return value % bound;
}

std::uint64_t SeededDice::next() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

void SeededDice::fill(MutableByteSpan out) {
    for (std::size_t i = 0; i < out.size(); i += 8) {
        const std::uint64_t word = next();
        std::memcpy(out.data() + i, &word, std::min<std::size_t>(8, out.size() - i));
    }
}

}  // namespace swarmfs
