#pragma once
// Time as an interface, so that tests and simulations own it.

#include <chrono>
#include <cstdint>

namespace swarmfs {

using TimePoint = std::chrono::steady_clock::time_point;  // monotonic; for timers and rates
using Duration = std::chrono::steady_clock::duration;

class Clock {
public:
    virtual ~Clock() = default;
    // Thread: any.
    virtual TimePoint now() const = 0;
    // Milliseconds since 1970 UTC. For display, expiry and the hybrid clock only: it may jump.
    virtual std::uint64_t wall_ms() const = 0;
};

// The machine's clocks. The only caller of steady_clock::now and system_clock::now.
class SystemClock final : public Clock {
public:
    TimePoint now() const override;
    std::uint64_t wall_ms() const override;
};

// Time that moves only when told to. Thread: one.
class ManualClock final : public Clock {
public:
    explicit ManualClock(std::uint64_t wall_ms_at_start = 1'700'000'000'000)
        : wall_ms_(wall_ms_at_start) {}
    TimePoint now() const override { return now_; }
    std::uint64_t wall_ms() const override { return wall_ms_; }
    void advance(Duration by) {
        now_ += by;
        wall_ms_ += static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::milliseconds>(by).count());
    }
    // Moves to `to` exactly. Requires: to >= now().
    void advance_to(TimePoint to) { advance(to - now_); }

private:
    TimePoint now_{};
    std::uint64_t wall_ms_;
};

}  // namespace swarmfs
