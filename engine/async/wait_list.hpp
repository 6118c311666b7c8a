#pragma once
// Coroutines that wait to be woken, first come first served. Event, Signal and BoundedQueue are
// made of it. Thread: the executor's.

#include <list>

#include "engine/async/task.hpp"
#include "engine/core/clock.hpp"

namespace swarmfs::async {

inline constexpr TimePoint kForever = TimePoint::max();

class WaitList {
public:
    WaitList() = default;
    WaitList(const WaitList&) = delete;
    WaitList& operator=(const WaitList&) = delete;
    // Requires: nobody waits.
    ~WaitList();

    // Suspends until woken, or until the time has come.
    // Returns: whether it was woken. A waiter that is woken and cancelled at once passes the
    // wake-up on to the next, so none is lost. Requires: the list outlives the wait.
    Task<bool> wait(TimePoint until = kForever);

    void wake_one();
    void wake_all();
    bool empty() const { return waiters_.empty(); }

private:
    struct Waiter;
    std::list<Waiter*> waiters_;
};

}  // namespace swarmfs::async
