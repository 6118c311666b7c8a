#pragma once
// What is pinned, across restarts: files and directories that are to be here whole.
//
//   50 'p' swarm:32 hash:16  ->  version:u8(1) path:text16       the hash is of the path
//
// Rules:
//   1. What is pinned is fetched whole and never evicted (pin_keeper.hpp); a pinned directory means
//      all below it, also what others add later.
//   2. A pin is of a path: what comes to stand there is pinned, what moves away is not any more.
// Thread: any.

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"
#include "engine/store/database.hpp"

namespace swarmfs::node {

class Pins {
public:
    // Of one swarm; each is kept in memory, and looked for at every file of a round.
    static constexpr std::size_t kPinsMax = 10'000;

    explicit Pins(store::Database& database);

    // On record when it returns (kill -9). Errors: too_large, those of the Database; nothing changed
    // then.
    Result<> set(const SwarmId& swarm, const std::string& path, bool pinned);
    // Returns: the pinned path that `path` is, or lies below.   Cost: a look-up for each part.
    std::optional<std::string> covering(const SwarmId& swarm, const std::string& path) const;
    std::vector<std::string> all(const SwarmId& swarm) const;
    bool any(const SwarmId& swarm) const;
    // Changes with every set().
    std::uint64_t version() const { return version_.load(std::memory_order_relaxed); }

    static Bytes rows_of(const SwarmId& swarm);
    void forget(const SwarmId& swarm);

private:
    store::Database& database_;
    std::atomic<std::uint64_t> version_ = 1;
    mutable std::mutex mutex_;
    std::map<SwarmId, std::set<std::string>> pinned_;  // guarded by mutex_
};

}  // namespace swarmfs::node
