#pragma once
// The clock written on entries and headers: milliseconds since 1970 in the upper 48 bits and a
// counter in the lower 16 (Kulkarni, Demirbas et al., "Logical Physical Clocks", 2014). It never
// goes back, is later than everything its writer had seen, and stays near the wall clock. It ranks
// versions that did not know of each other, and is what expiries are compared with.

#include <algorithm>
#include <cstdint>

namespace swarmfs::catalog {

using HybridTime = std::uint64_t;

inline constexpr unsigned kClockCounterBits = 16;
// A member whose clock is further ahead than this is not believed yet; longer than any sane drift.
inline constexpr std::uint64_t kClockAheadMsMax = 10 * 60 * 1000;

constexpr HybridTime hybrid_time(std::uint64_t ms) {
    return ms << kClockCounterBits;
}
constexpr std::uint64_t wall_ms_of(HybridTime time) {
    return time >> kClockCounterBits;
}
// The time of a new event after everything up to `latest`.
constexpr HybridTime next_time(HybridTime latest, std::uint64_t now_ms) {
    return std::max(latest + 1, hybrid_time(now_ms));
}
constexpr bool too_far_ahead(HybridTime time, std::uint64_t now_ms) {
    return wall_ms_of(time) > now_ms + kClockAheadMsMax;
}

}  // namespace swarmfs::catalog
