#include "engine/core/clock.hpp"

namespace swarmfs {

TimePoint SystemClock::now() const {
    return std::chrono::steady_clock::now();
}

std::uint64_t SystemClock::wall_ms() const {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count());
}

}  // namespace swarmfs
