#pragma once
// A file's time as swarmfs keeps it: nanoseconds since 1970 in 64 bits, which reach from 1677 to
// 2262. What file systems say reaches further.

#include <cstdint>
#include <limits>

namespace swarmfs {

// `nanoseconds` are those within the second, 0 to 999,999,999. A time outside the bounds becomes
// the first or the last there is.
constexpr std::int64_t file_time_ns(std::int64_t seconds, std::int64_t nanoseconds) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    using Limits = std::numeric_limits<std::int64_t>;
    if (seconds >= Limits::max() / kSecond) {
        return Limits::max();
    }
    if (seconds < Limits::min() / kSecond) {
        return Limits::min();
    }
    return seconds * kSecond + nanoseconds;
}

}  // namespace swarmfs
