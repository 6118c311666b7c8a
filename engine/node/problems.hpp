#pragma once
// What goes wrong in one swarm here, for `swarmfs status`: people look there before they read logs.
//
// Rules:
//   1. One problem for each thing that is done and what it is done to; the newest is shown.
//   2. It is over when the same has worked, or when it did not happen again for kForget: what
//      nobody tries any more need not be mended.
// Thread: any.

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "engine/core/clock.hpp"

namespace swarmfs::node {

enum class Doing { signing, publishing, storing, opening, reading, sharing, agreeing };

class Problems {
public:
    static constexpr Duration kForget = std::chrono::minutes(10);
    // More at once have one cause; the oldest makes room.
    static constexpr std::size_t kProblemsMax = 64;

    explicit Problems(const Clock& clock) : clock_(clock) {}

    // `subject` is a file, a folder, or nothing; `message` is one line for people.
    void failed(Doing doing, const std::string& subject, std::string message);
    // Cost: one atomic load while there is no problem.
    void worked(Doing doing, const std::string& subject);
    bool any() const { return count_.load(std::memory_order_relaxed) > 0; }
    // Returns: the newest that is not over; empty when all is well.
    std::string newest() const;

private:
    struct Problem {
        std::string message;
        TimePoint when;
    };
    using Key = std::pair<Doing, std::string>;

    const Clock& clock_;
    std::atomic<std::size_t> count_ = 0;
    mutable std::mutex mutex_;
    std::map<Key, Problem> problems_;  // guarded by mutex_
};

}  // namespace swarmfs::node
