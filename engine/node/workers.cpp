#include "engine/node/workers.hpp"

namespace swarmfs::node {

Workers::Workers(std::size_t threads) {
    for (std::size_t i = 0; i < threads; ++i) {
        threads_.emplace_back(&Workers::run, this);
    }
}

Workers::~Workers() {
    {
        const std::lock_guard lock(mutex_);
        over_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

void Workers::post(std::function<void()> job) {
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
    }
    changed_.notify_one();
}

void Workers::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return over_ || !jobs_.empty(); });
        if (jobs_.empty()) {
            return;
        }
        std::function<void()> job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        job();
        job = nullptr;  // what it held goes without the lock
        lock.lock();
    }
}

// ---- groups ----

void JobGroup::post(std::function<void()> job) {
    {
        const std::lock_guard lock(mutex_);
        ++open_;
    }
    workers_.post([this, job = std::move(job)]() mutable {
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
