#pragma once
// A few threads for work that may block on the disk: hashing, publishing, answering reads that had
// to wait, scanning shared folders. None of it waits for the network.
//
// Jobs run in the order they were given, on whichever thread is free. Whoever gives them bounds how
// many it gives: there is one job at most for each open read, release, or command. Each member
// gives its jobs through a JobGroup of its own, so that one that leaves waits for its own alone.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace swarmfs::node {

class Workers {
public:
    explicit Workers(std::size_t threads);
    // Runs what was given already, then joins.
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    // Thread: any.
    void post(std::function<void()> job);

private:
    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> jobs_;  // guarded by mutex_
    bool over_ = false;                       // guarded by mutex_
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
    void post(std::function<void()> job);
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
