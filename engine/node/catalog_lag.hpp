#pragma once
// Decides what a peer is sent once more though it was sent it already. A frame it could not keep
// (its disk was full, too much was parked, our clock seemed ahead) is gone, and nobody says so.
//
// Rules:
//   1. An author lags at a peer that was sent everything, while its vector says less of him than
//      ours.
//   2. Where the vector moves for him, the peer is at work: patience begins anew. Other authors'
//      numbers change nothing, since in a busy swarm some of them always move.
//   3. Each time what was sent again changes nothing, patience doubles: what the peer refuses for
//      good, it refuses every time.
// Pure: no clock.   Memory: the authors that lag.

#include <algorithm>
#include <map>
#include <set>

#include "engine/catalog/version_vector.hpp"
#include "engine/core/clock.hpp"

namespace swarmfs::node {

// Long enough to apply the largest publication on a slow disk.
inline constexpr Duration kLagPatience = std::chrono::seconds(10);
// As long as a header may be dated ahead of the receiver's clock (catalog/hybrid_clock.hpp).
inline constexpr Duration kLagPatienceMax = std::chrono::minutes(10);

class CatalogLag {
public:
    // Requires: the peer was sent all of `ours`, or will be at once.
    // Returns: whose publications to send again now.
    std::set<AuthorId> due(const catalog::VersionVector& theirs, const catalog::VersionVector& ours,
                           TimePoint now) {
        std::set<AuthorId> due;
        std::map<AuthorId, Lagging> lagging;
        for (const auto& [author, sequence] : ours.numbers()) {
            const std::uint64_t reached = theirs.of(author);
            if (reached >= sequence) {
                continue;
            }
            const auto before = lagging_.find(author);
            Lagging next{reached, now, kLagPatience};
            if (before != lagging_.end() && before->second.reached == reached) {
                next = before->second;
            }
            if (now - next.since >= next.patience) {
                next.since = now;
                next.patience = std::min(next.patience * 2, kLagPatienceMax);
                due.insert(author);
            }
            lagging.emplace(author, next);
        }
        lagging_ = std::move(lagging);
        return due;
    }

private:
    struct Lagging {
        std::uint64_t reached = 0;
        TimePoint since;
        Duration patience = kLagPatience;
    };
    std::map<AuthorId, Lagging> lagging_;
};

}  // namespace swarmfs::node
