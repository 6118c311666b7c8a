#pragma once
// Nodes that this one wants nothing to do with, in any of its swarms, until it is told otherwise.
//
//   50 'k' node:32  ->  version:u8(1) since_ms:u64
//
// Rules:
//   1. A block is on record before it holds: it survives kill -9.
//   2. There are at most kBlocksMax.   Why: each is kept in memory, and asked for at every hello.
//   3. A row that cannot be read blocks the node all the same, and the log says so.   Why: whoever
//      set it counts on it.
// Thread: any.

#include <map>
#include <mutex>

#include "engine/core/clock.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"
#include "engine/store/database.hpp"

namespace swarmfs::node {

class Blocks {
public:
    static constexpr std::size_t kBlocksMax = 1024;

    // Both must outlive it.
    Blocks(store::Database& database, const Clock& clock);

    // On record when it returns. Returns: whether that changed anything.
    // Errors: too_large (rule 2), and those of the Database; nothing changed then.
    Result<bool> set(const NodeId& node, bool blocked);
    // With the time since when, in milliseconds since 1970 UTC; 0 when that cannot be read.
    std::map<NodeId, std::uint64_t> all() const;

private:
    store::Database& database_;
    const Clock& clock_;
    std::mutex setting_mutex_;                  // one change at a time, with its row
    mutable std::mutex mutex_;                  // never held while the disk is waited for
    std::map<NodeId, std::uint64_t> since_ms_;  // guarded by mutex_
};

}  // namespace swarmfs::node
