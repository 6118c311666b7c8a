#include "engine/async/event.hpp"

#include <utility>

#include "engine/core/assert.hpp"

namespace swarmfs::async {

Task<bool> Event::wait(TimePoint until) {
    if (set_) {
        co_return true;
    }
    const bool woken = co_await waiters_.wait(until);
    co_return woken || set_;
}

Task<bool> Signal::wait(TimePoint until) {
    if (!pending_) {
        SWARM_ASSERT(waiters_.empty());
        (void)co_await waiters_.wait(until);
    }
    co_return std::exchange(pending_, false);
}

}  // namespace swarmfs::async
