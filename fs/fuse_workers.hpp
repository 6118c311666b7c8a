#pragma once
// The threads that take the kernel's requests of one mount and answer them. They never wait for the
// network; they may wait for this node's disk (fsync), so there are more of them than cores.
//
// All read from one descriptor: what one of them was working on when the process dies can then be
// asked anew by whoever holds that descriptor next.
//
// Thread: construction, run and the destructor from one; wake from any.

#include <pthread.h>

#include <mutex>
#include <vector>

struct fuse_session;

namespace swarmfs::fs {

class FuseWorkers {
public:
    explicit FuseWorkers(fuse_session* session) : session_(session) {}
    FuseWorkers(const FuseWorkers&) = delete;
    FuseWorkers& operator=(const FuseWorkers&) = delete;

    // Serves until the kernel ends the conversation or the session is told to exit.
    void run();
    // Lets threads that wait for a request look whether the session was told to exit. One that
    // looked just before may miss it: call it again until run() has returned.
    void wake();

private:
    void work();

    fuse_session* const session_;
    std::mutex mutex_;
    std::vector<pthread_t> at_work_;  // guarded by mutex_
};

}  // namespace swarmfs::fs
