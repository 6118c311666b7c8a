#include "engine/node/sweeper.hpp"

#include <algorithm>

#include "engine/core/log.hpp"

namespace swarmfs::node {
namespace {

constexpr Duration kSweepEvery = std::chrono::minutes(1);
// Of what a pass took, before the next one of its own accord (rule 1), and before another writer
// that finds the disk full has the tables walked again.
constexpr int kRestAfterPass = 20;
constexpr int kRestWhenFull = 4;

}  // namespace

void Sweeper::start() {
    thread_ = std::thread(&Sweeper::run, this);
}

void Sweeper::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

Result<std::uint64_t> Sweeper::sweep_all() {
    const std::lock_guard one(round_mutex_);
    SWARM_TRY(std::uint64_t removed, round());  // ends the one that is under way, if any
    SWARM_TRY(const std::uint64_t more, round());
    return removed + more;
}

bool Sweeper::make_room() {
    const std::lock_guard one(round_mutex_);
    if (!sweep_.due() || !rested()) {
        return false;
    }
    const auto removed = round();
    return removed.ok() && *removed > 0;
}

void Sweeper::request() {
    {
        const std::lock_guard lock(mutex_);
        requested_ = true;
    }
    changed_.notify_all();
}

bool Sweeper::rested() const {
    const std::lock_guard lock(mutex_);
    return clock_.now() >= ended_ + took_ * kRestWhenFull;
}

// Requires: round_mutex_ is held.
Result<std::uint64_t> Sweeper::round() {
    std::uint64_t removed = 0;
    for (;;) {
        SWARM_TRY(const auto swept, pass());
        removed += swept.removed;
        if (swept.round_ended || stopping_) {
            return removed;
        }
    }
}

// Requires: round_mutex_ is held.
Result<store::ContentSweep::Swept> Sweeper::pass() {
    const TimePoint began = clock_.now();
    auto swept = sweep_.pass(clock_.wall_ms(), stopping_);
    const std::lock_guard lock(mutex_);
    ended_ = clock_.now();
    took_ = ended_ - began;
    const std::string complaint = swept.ok() ? std::string() : swept.error().message;
    if (complaint != complaint_ && !complaint.empty()) {
        log_error("node", "contents that nothing needs stay: " + complaint);
    }
    complaint_ = complaint;
    if (swept.ok() && swept->removed > 0) {
        log_info("node", std::to_string(swept->removed) +
                             " contents that nothing needs any more were removed, " +
                             std::to_string(swept->bytes) + " bytes");
    }
    return swept;
}

void Sweeper::run() {
    Duration rest{};
    for (bool whole = true; !stopping_;) {
        {
            std::unique_lock lock(mutex_);
            changed_.wait_for(lock, rest, [this] { return stopping_ || requested_; });
            whole = std::exchange(requested_, false);
        }
        rest = kSweepEvery;
        if (stopping_ || !sweep_.due()) {
            continue;
        }
        const std::lock_guard one(round_mutex_);
        if (whole) {
            (void)round().ok();
        } else {
            (void)pass().ok();
        }
        const std::lock_guard lock(mutex_);
        rest = std::max(kSweepEvery, took_ * kRestAfterPass);
    }
}

}  // namespace swarmfs::node
