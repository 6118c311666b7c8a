#pragma once
// The threads that take the kernel's requests of one mount and answer them. They never wait for the
// network; they may wait for this node's disk (fsync), so there are more of them than cores.
//
// All read from one descriptor: what one of them was working on when the process dies can then be
// asked anew by whoever holds that descriptor next. Each says of what it does whose request that is
// (request_mark.hpp).
//
// Thread: construction, run and the destructor from one; wake from any.

#include <pthread.h>

#include <atomic>
#include <mutex>
#include <vector>

#include "engine/node/request_mark.hpp"

struct fuse_session;

namespace swarmfs::fs {

class FuseWorkers {
public:
    // `mark` says which mount, and which run of it.
    FuseWorkers(fuse_session* session, const node::RequestMark& mark)
        : session_(session), mark_(mark) {}
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
    const node::RequestMark mark_;
    std::atomic<std::uint16_t> started_ = 0;
    std::mutex mutex_;
    std::vector<pthread_t> at_work_;  // guarded by mutex_
};

}  // namespace swarmfs::fs
