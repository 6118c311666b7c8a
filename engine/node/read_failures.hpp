#pragma once
// Why the last read of a file failed, of those files whose last read did: a program gets EIO, and
// this says the reason in words (`user.swarmfs.last_error`, `swarmfs status`).
//
//   1. One row a file; it goes when a read of the file works again.
//   2. At most kFailuresMax; the oldest makes room. More at once have one cause.
// Thread: any.

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/node/volume.hpp"

namespace swarmfs::node {

class ReadFailures {
public:
    static constexpr std::size_t kFailuresMax = 64;

    struct Failure {
        Inode inode = 0;
        std::string reason;
        std::uint64_t when_ms = 0;  // since 1970 UTC
    };

    explicit ReadFailures(const Clock& clock) : clock_(clock) {}

    void failed(Inode inode, std::string reason);
    // Cost: one atomic load while no read has failed.
    void worked(Inode inode);
    bool any() const { return count_.load(std::memory_order_relaxed) > 0; }
    std::optional<std::string> of(Inode inode) const;
    // The newest first.
    std::vector<Failure> all() const;

private:
    const Clock& clock_;
    std::atomic<std::size_t> count_ = 0;
    mutable std::mutex mutex_;
    std::uint64_t next_ = 0;                      // guarded by mutex_
    std::map<std::uint64_t, Failure> by_number_;  // in the order they failed; guarded by mutex_
    std::map<Inode, std::uint64_t> numbers_;      // guarded by mutex_
};

}  // namespace swarmfs::node
