#pragma once
// Two things to wait for. Thread: the executor's; from another thread, post.

#include "engine/async/wait_list.hpp"

namespace swarmfs::async {

// Something that happens once, or is so until it is reset. Any number may wait.
class Event {
public:
    void set() {
        set_ = true;
        waiters_.wake_all();
    }
    void reset() { set_ = false; }
    bool is_set() const { return set_; }
    // Returns: whether it is set, or was while this waited; false when the time has come.
    Task<bool> wait(TimePoint until = kForever);

private:
    bool set_ = false;
    WaitList waiters_;
};

// "There is something to do": notifications between two waits count as one, and none is lost. For
// the loop that looks at everything each time it is woken, or when its next deadline has come.
// One waiter at a time.
class Signal {
public:
    void notify() {
        pending_ = true;
        waiters_.wake_all();
    }
    // Returns: whether it was notified since the last wait; false when the time has come.
    Task<bool> wait(TimePoint until = kForever);

private:
    bool pending_ = false;
    WaitList waiters_;
};

}  // namespace swarmfs::async
