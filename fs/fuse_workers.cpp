#include "fs/fuse_workers.hpp"

#include <linux/fuse.h>
#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <thread>

#include "engine/core/assert.hpp"
#include "engine/core/log.hpp"
#include "fs/fuse_api.hpp"

namespace swarmfs::fs {
namespace {

unsigned worker_count() {
    return std::clamp(2 * std::thread::hardware_concurrency(), 8U, 32U);
}

// Interrupts a read of the descriptor; does nothing else. Real-time signals belong to nobody.
int wake_signal() {
    return SIGRTMIN + 6;
}
extern "C" void swarmfs_ignore_signal(int) {}

void install_wake_signal() {
    static const bool installed = [] {
        struct sigaction action {};
        action.sa_handler = swarmfs_ignore_signal;
        return ::sigaction(wake_signal(), &action, nullptr) == 0;
    }();
    SWARM_ASSERT(installed);
}

constexpr std::uint64_t kSentAgain = std::uint64_t{1} << 63;  // linux/fuse.h FUSE_UNIQUE_RESEND

// Requires: the request has a header, as all the kernel sends.
void mark_request(node::RequestMark& mark, const fuse_buf& request) {
    fuse_in_header header{};
    std::memcpy(&header, request.mem, sizeof(header));
    mark.request = header.unique & ~kSentAgain;
    mark.again = (header.unique & kSentAgain) != 0;
}

}  // namespace

void FuseWorkers::run() {
    install_wake_signal();
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < worker_count(); ++i) {
        try {
            threads.emplace_back(&FuseWorkers::work, this);
        } catch (const std::system_error& error) {  // the machine has no more threads
            log_warning("fs", std::string("serving a mount with fewer threads: ") + error.what());
            break;
        }
    }
    if (threads.empty()) {
        work();
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

void FuseWorkers::wake() {
    const std::scoped_lock lock(mutex_);
    for (const pthread_t thread : at_work_) {
        ::pthread_kill(thread, wake_signal());
    }
}

void FuseWorkers::work() {
    const pthread_t self = ::pthread_self();
    ::pthread_setname_np(self, "fuse");
    {
        const std::scoped_lock lock(mutex_);
        at_work_.push_back(self);
    }
    node::RequestMark mark = mark_;
    mark.worker = started_++;
    fuse_buf request{};
    while (fuse_session_exited(session_) == 0) {
        const int received = fuse_session_receive_buf(session_, &request);
        if (-received == EINTR) {
            continue;
        }
        if (received <= 0) {
            break;
        }
        mark_request(mark, request);
        const node::Working working(mark);
        fuse_session_process_buf(session_, &request);
    }
    fuse_session_exit(session_);
    std::free(request.mem);
    {
        const std::scoped_lock lock(mutex_);
        std::erase(at_work_, self);
    }
    wake();  // the others have no more to wait for either
}

}  // namespace swarmfs::fs
