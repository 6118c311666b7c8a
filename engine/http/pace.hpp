#pragma once
// How long a transfer may take. Rules:
//   1. It ends when nothing has moved for `patience`.
//   2. As a whole it keeps up `bytes_per_second_min`, once `patience` is over.
//   3. It ends after `whole_max` in any case.
// Why: a fixed time shuts out slow lines, which only need longer, and lets who stands still stay as
// long as who works. Inside the room only. Pure.

#include <algorithm>
#include <cstddef>

#include "engine/core/clock.hpp"

namespace swarmfs::http {

// 64 kbit/s: below any line one would mount a file system over, above what a client trickles that
// only wants to stay.
inline constexpr std::size_t kBytesPerSecondMin = 8 * 1024;
// The largest page of a catalog at that pace, and a little.
inline constexpr Duration kTransferTimeMax = std::chrono::minutes(5);

struct Pace {
    Duration patience{};
    std::size_t bytes_per_second_min = kBytesPerSecondMin;
    Duration whole_max = kTransferTimeMax;
};

class Progress {
public:
    Progress() = default;
    Progress(const Pace& pace, TimePoint now) : pace_(pace), started_(now), moved_at_(now) {}

    void moved(std::size_t bytes, TimePoint now) {
        if (bytes > 0) {
            bytes_ += bytes;
            moved_at_ = now;
        }
    }
    // Time that is not the other end's.
    void excuse(Duration time) {
        started_ += time;
        moved_at_ += time;
    }
    TimePoint deadline() const {
        using std::chrono::seconds;
        const auto whole = std::chrono::duration_cast<seconds>(pace_.whole_max);
        const std::size_t earned = std::min<std::size_t>(bytes_ / pace_.bytes_per_second_min,
                                                         static_cast<std::size_t>(whole.count()));
        return std::min({moved_at_ + pace_.patience, started_ + pace_.patience + seconds(earned),
                         started_ + pace_.whole_max});
    }
    TimePoint moved_at() const { return moved_at_; }

private:
    Pace pace_;
    TimePoint started_;
    TimePoint moved_at_;
    std::size_t bytes_ = 0;
};

}  // namespace swarmfs::http
