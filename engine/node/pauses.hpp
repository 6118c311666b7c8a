#pragma once
// What is paused, across restarts.
//
//   50 'z' swarm:32 kind:u8 hash:16  ->  version:u8(1) text16
//     kind 's': the whole swarm, the text is empty; 'p': a path in it; 't': a download into that path
//     of this machine. The hash is of the text.
//
// Rules:
//   1. A paused swarm neither fetches nor serves; its catalog goes on.
//   2. A paused path, and all that lies below a paused directory, is fetched by no download; it is
//      served, and a read through a mount fetches what it needs.   Why: who reads it wants it now.
//   3. A paused download waits, with all it has; so does one into the same path that is started anew.
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

enum class PauseKind : char { swarm = 's', path = 'p', transfer = 't' };

class Pauses {
public:
    explicit Pauses(store::Database& database);

    // On record when it returns (kill -9). Errors: those of the Database; nothing changed then.
    Result<> set(const SwarmId& swarm, PauseKind kind, const std::string& text, bool paused);
    bool paused(const SwarmId& swarm, PauseKind kind, const std::string& text = {}) const;
    // Returns: the paused path that `path` is, or lies below.
    std::optional<std::string> covering(const SwarmId& swarm, const std::string& path) const;
    std::vector<std::string> all(const SwarmId& swarm, PauseKind kind) const;
    // Changes with every set().
    std::uint64_t version() const { return version_.load(std::memory_order_relaxed); }

    static Bytes rows_of(const SwarmId& swarm);
    void forget(const SwarmId& swarm);

private:
    store::Database& database_;
    std::atomic<std::uint64_t> version_ = 1;
    mutable std::mutex mutex_;
    std::map<SwarmId, std::set<std::pair<PauseKind, std::string>>> paused_;  // guarded by mutex_
};

}  // namespace swarmfs::node
