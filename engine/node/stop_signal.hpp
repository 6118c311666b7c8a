#pragma once
// Tells whoever waits on a thread of its own that what it waits for has no more time. Thread: any.

#include <condition_variable>
#include <mutex>

#include "engine/core/clock.hpp"

namespace swarmfs::node {

class StopSignal {
public:
    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopped_ = true;
        }
        changed_.notify_all();
    }
    // Returns: whether it was stopped, by the end of `time` or before.
    bool wait_for(Duration time) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, time, [this] { return stopped_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopped_ = false;  // guarded by mutex_
};

}  // namespace swarmfs::node
