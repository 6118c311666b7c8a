#pragma once
// A few threads for work that may block on the disk: hashing, publishing, answering reads that had
// to wait. None of it waits for the network.
//
//   1. Jobs that take very different times go in lanes, each with threads and a queue of its own: a
//      reader never waits for a hash, nor a note for a disk image.
//   2. Within a lane jobs begin in the order they were given, on whichever thread is free.
//   3. Whoever gives them bounds how many it gives: there is one job at most for each open read,
//      release, or command. Each member gives its jobs through a JobGroup of its own, so that one
//      that leaves waits for its own alone.

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace swarmfs::node {

enum class Lane : std::uint8_t {
    reads,  // answers to programs that wait
    small,  // publishing what is hashed in a moment, and all else that is short
    large,  // publishing what takes seconds
    huge,   // publishing what takes minutes
};

// For hashing so many bytes.
Lane lane_of(std::uint64_t bytes);

class Workers {
public:
    Workers();
    // Runs what was given already, then joins.
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    // Thread: any.
    void post(Lane lane, std::function<void()> job);

private:
    struct Queue {
        std::condition_variable changed;
        std::deque<std::function<void()>> jobs;
    };
    void run(Queue& queue);

    std::mutex mutex_;
    std::array<Queue, 4> queues_;  // by Lane; guarded by mutex_
    bool over_ = false;            // guarded by mutex_
    std::vector<std::thread> threads_;
};

class JobGroup {
public:
    // `workers` outlives the group.
    explicit JobGroup(Workers& workers) : workers_(workers) {}
    // Requires: drained.
    ~JobGroup() = default;
    JobGroup(const JobGroup&) = delete;
    JobGroup& operator=(const JobGroup&) = delete;

    // Thread: any.
    void post(Lane lane, std::function<void()> job);
    // No job of this group is queued or running any more. Requires: not called from a job.
    void drain();

private:
    void finished();

    Workers& workers_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t open_ = 0;  // guarded by mutex_
};

}  // namespace swarmfs::node
