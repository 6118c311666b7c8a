#pragma once
// Decides when a peer is sent once more what it was sent already. A frame it could not keep (its
// disk was full, too much was parked, our clock seemed ahead) is gone, and nobody says so.
//
// Rules:
//   1. A peer lags while it was sent everything and its vector does not say that it has it.
//   2. A vector that moves shows that it is at work: patience begins anew.
//   3. Each time what was sent again changes nothing, patience doubles: what it refuses for good,
//      it refuses every time.
// Pure: no clock.

#include <algorithm>
#include <optional>

#include "engine/core/clock.hpp"

namespace swarmfs::node {

// Long enough to apply the largest publication on a slow disk.
inline constexpr Duration kLagPatience = std::chrono::seconds(10);
// As long as a header may be dated ahead of the receiver's clock (catalog/hybrid_clock.hpp).
inline constexpr Duration kLagPatienceMax = std::chrono::minutes(10);

class CatalogLag {
public:
    void vector_moved() {
        since_.reset();
        patience_ = kLagPatience;
    }
    // Returns: whether to start over now.
    bool due(bool lags, TimePoint now) {
        if (!lags) {
            vector_moved();
            return false;
        }
        if (!since_) {
            since_ = now;
        }
        if (now - *since_ < patience_) {
            return false;
        }
        since_ = now;
        patience_ = std::min(patience_ * 2, kLagPatienceMax);
        return true;
    }

private:
    std::optional<TimePoint> since_;
    Duration patience_ = kLagPatience;
};

}  // namespace swarmfs::node
