#pragma once
// Which request of a mount this thread works for, so that what it changes can be known again.
//
// A kernel whose file system's daemon died sends every request again that nobody has answered, also
// those the daemon had carried out (Linux 6.9, FUSE_NOTIFY_RESEND). What a change of names did is
// therefore remembered in the very batch that makes it, under the number the kernel gave the request
// (Volume::done_before). A thread of a mount works for one request at a time, so one row a thread
// holds all that can be without an answer.

#include <cstdint>

namespace swarmfs::node {

struct RequestMark {
    std::uint64_t mount = 0;    // no two ever have the same
    std::uint16_t run = 0;      // how often another run of the node has gone on with the mount
    std::uint16_t worker = 0;   // one thread of this run
    std::uint64_t request = 0;  // never used again within a mount
    bool again = false;         // the kernel has sent it before, to an earlier run
};

// Marks what this thread does, until it goes.
class Working {
public:
    explicit Working(const RequestMark& mark) : before_(current_) { current_ = &mark; }
    ~Working() { current_ = before_; }
    Working(const Working&) = delete;
    Working& operator=(const Working&) = delete;

    // Null: nobody's request.
    static const RequestMark* current() { return current_; }

private:
    inline static thread_local const RequestMark* current_ = nullptr;
    const RequestMark* const before_;
};

}  // namespace swarmfs::node
