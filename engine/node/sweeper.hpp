#pragma once
// When contents that nothing needs any more are removed (store/content_sweep.hpp says which).
//
//   1. At the start, then once a minute while anything changes, a part of them at a time; never more
//      than a twentieth of one core.
//   2. Whoever finds the disk full asks for a whole round: a writer waits for it and tries again,
//      others go on.
//   3. Leaving a swarm waits for a whole round.
// Thread: any, but for start and stop.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "engine/core/clock.hpp"
#include "engine/store/content_sweep.hpp"

namespace swarmfs::node {

class Sweeper {
public:
    Sweeper(store::Database& database, store::ContentStore& contents, const Clock& clock)
        : sweep_(database, contents), clock_(clock) {}
    ~Sweeper() { stop(); }

    void start();
    void stop();

    // Every content once. Returns: how many were removed.   Errors: as ContentSweep::pass.
    Result<std::uint64_t> sweep_all();
    // The disk is full: whether something was removed now, so that trying again makes sense.
    // Cost: none when nothing has changed since nothing was found.
    bool make_room();
    // The same for whoever does not wait.
    void request();
    // Whether the content is to stay, but for those published here and those who have it open.
    bool needs(const ContentId& content) const { return sweep_.needs(content, clock_.wall_ms()); }
    // No swarm is left whose names could come back.
    Result<> forget_found() { return sweep_.forget_found(); }

private:
    Result<store::ContentSweep::Swept> pass();
    Result<std::uint64_t> round();
    bool rested() const;
    void run();

    store::ContentSweep sweep_;
    const Clock& clock_;
    std::mutex round_mutex_;  // one round at a time

    mutable std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    bool requested_ = false;
    TimePoint ended_{};  // the last pass
    Duration took_{};
    std::string complaint_;  // what was logged last
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace swarmfs::node
