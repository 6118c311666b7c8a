#include "engine/node/workers.hpp"

namespace swarmfs::node {
namespace {

// Of each lane. A large file is hashed on all cores by itself: a second one beside it would gain
// nothing and let both come later.
constexpr std::array<std::size_t, 4> kThreads = {2, 2, 1, 1};

// From here on a file is hashed for more than a tenth of a second,
constexpr std::uint64_t kLargeFrom = 64 << 20;
// and from here on for longer than somebody waits for another one: seconds from memory, a minute
// from a disk.
constexpr std::uint64_t kHugeFrom = std::uint64_t{8} << 30;

}  // namespace

Lane lane_of(std::uint64_t bytes) {
    return bytes < kLargeFrom ? Lane::small : bytes < kHugeFrom ? Lane::large : Lane::huge;
}

Workers::Workers() {
    for (std::size_t lane = 0; lane < queues_.size(); ++lane) {
        for (std::size_t i = 0; i < kThreads[lane]; ++i) {
            threads_.emplace_back([this, lane] { run(queues_[lane]); });
        }
    }
}

Workers::~Workers() {
    {
        const std::lock_guard lock(mutex_);
        over_ = true;
    }
    for (Queue& queue : queues_) {
        queue.changed.notify_all();
    }
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

void Workers::post(Lane lane, std::function<void()> job) {
    Queue& queue = queues_[static_cast<std::size_t>(lane)];
    {
        const std::lock_guard lock(mutex_);
        queue.jobs.push_back(std::move(job));
    }
    queue.changed.notify_one();
}

void Workers::run(Queue& queue) {
    std::unique_lock lock(mutex_);
    for (;;) {
        queue.changed.wait(lock, [&] { return over_ || !queue.jobs.empty(); });
        if (queue.jobs.empty()) {
            return;
        }
        std::function<void()> job = std::move(queue.jobs.front());
        queue.jobs.pop_front();
        lock.unlock();
        job();
        job = nullptr;  // what it held goes without the lock
        lock.lock();
    }
}

// ---- groups ----

void JobGroup::post(Lane lane, std::function<void()> job) {
    {
        const std::lock_guard lock(mutex_);
        ++open_;
    }
    workers_.post(lane, [this, job = std::move(job)]() mutable {
        job();
        job = nullptr;  // what it held may be this group's owner's: it goes before the job counts
        finished();
    });
}

void JobGroup::finished() {
    const std::lock_guard lock(mutex_);
    if (--open_ == 0) {
        changed_.notify_all();  // under the lock: the group may die as soon as drain() returns
    }
}

void JobGroup::drain() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_ == 0; });
}

}  // namespace swarmfs::node
