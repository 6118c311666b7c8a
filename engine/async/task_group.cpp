#include "engine/async/task_group.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "engine/async/block_on.hpp"
#include "engine/async/event.hpp"
#include "engine/core/assert.hpp"

namespace swarmfs::async {

namespace asio = boost::asio;

struct TaskGroup::Running {
    asio::cancellation_signal signal;
    bool started = false;
    bool cancelled = false;
};

TaskGroup::TaskGroup(Executor executor) : executor_(std::move(executor)) {}

TaskGroup::~TaskGroup() {
    SWARM_ASSERT(running_.empty());
}

void TaskGroup::spawn(Task<> task) {
    if (cancelled_) {
        return;
    }
    running_.push_back(std::make_unique<Running>());
    Running* const running = running_.back().get();
    const auto place = std::prev(running_.end());
    auto ended = [this, place](std::exception_ptr error) {
        if (error && !is_cancellation(error)) {
            stop_for(error);
        }
        running_.erase(place);
        if (running_.empty()) {
            joiners_.wake_all();
        }
    };
    asio::co_spawn(executor_, run(executor_, running, std::move(task)),
                   asio::bind_cancellation_slot(running->signal.slot(), std::move(ended)));
}

// Asio 1.81's co_spawn loses a coroutine that is cancelled before it has begun, or that ends
// cancelled before it was ever suspended: its own last co_await throws. So a task is suspended once
// before it begins, hears of a cancellation only after that, and does not throw at the end.
Task<> TaskGroup::run(Executor executor, Running* running, Task<> task) {
    co_await asio::post(executor, asio::use_awaitable);
    running->started = true;
    std::exception_ptr error;
    if (!running->cancelled) {
        try {
            co_await std::move(task);
        } catch (...) {
            error = std::current_exception();
        }
    }
    co_await uninterrupted();
    if (error) {
        std::rethrow_exception(error);
    }
}

void TaskGroup::cancel() {
    cancelled_ = true;
    // A task that leaves at once erases itself, but from a later turn: see run().
    for (const auto& running : running_) {
        if (!running->cancelled) {
            running->cancelled = true;
            if (running->started) {
                running->signal.emit(asio::cancellation_type::terminal);
            }
        }
    }
}

Task<> TaskGroup::join() {
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await uninterrupted();
    while (!running_.empty()) {
        (void)co_await joiners_.wait();
    }
    co_await asio::this_coro::throw_if_cancelled(throws);
}

Task<> TaskGroup::stop(TaskGroup* group) {
    group->cancel();
    co_await group->join();
}

void TaskGroup::stop_and_wait() {
    block_on(executor_, stop(this));
}

namespace {

Task<> run_and_tell(Task<> task, Event* ended) {
    struct Tell {
        Event* event;
        ~Tell() { event->set(); }
    };
    const Tell tell{ended};
    co_await std::move(task);
}

}  // namespace

Task<> run_together(std::vector<Task<>> tasks) {
    const Executor executor = co_await asio::this_coro::executor;
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    Event ended;
    TaskGroup group(executor);
    for (Task<>& task : tasks) {
        group.spawn(run_and_tell(std::move(task), &ended));
    }
    co_await uninterrupted();
    if (!tasks.empty()) {
        (void)co_await ended.wait();
    }
    group.cancel();
    co_await group.join();
    const auto state = co_await asio::this_coro::cancellation_state;
    co_await asio::this_coro::throw_if_cancelled(throws);
    if (throws && state.cancelled() != asio::cancellation_type::none) {
        throw_cancellation();
    }
}

}  // namespace swarmfs::async
