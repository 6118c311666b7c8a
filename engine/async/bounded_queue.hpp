#pragma once
// A queue between coroutines with a bound and an answer to "full": push waits (back-pressure),
// try_push says so (shed). Thread: the executor's; producers on other threads post.

#include <deque>
#include <optional>
#include <utility>

#include "engine/async/wait_list.hpp"
#include "engine/core/assert.hpp"

namespace swarmfs::async {

enum class Pushed { taken, full, closed };

template <class T>
class BoundedQueue {
public:
    // Requires: capacity > 0.
    explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {
        SWARM_ASSERT(capacity > 0);
    }

    // Never waits. `value` is moved from only when it is taken.
    Pushed try_push(T&& value) {
        if (closed_) {
            return Pushed::closed;
        }
        if (items_.size() >= capacity_) {
            return Pushed::full;
        }
        items_.push_back(std::move(value));
        readers_.wake_one();
        return Pushed::taken;
    }

    // Waits for room. Returns: false when the queue is closed, before or meanwhile.
    Task<bool> push(T value) {
        while (!closed_ && items_.size() >= capacity_) {
            (void)co_await writers_.wait();
        }
        co_return try_push(std::move(value)) == Pushed::taken;
    }

    std::optional<T> try_pop() {
        if (items_.empty()) {
            return std::nullopt;
        }
        std::optional<T> item(std::move(items_.front()));
        items_.pop_front();
        writers_.wake_one();
        return item;
    }

    // Waits for an item. Returns: nothing once the queue is closed and drained, or when the time
    // has come.
    Task<std::optional<T>> pop(TimePoint until = kForever) {
        while (items_.empty() && !closed_) {
            const bool woken = co_await readers_.wait(until);
            if (!woken) {
                break;
            }
        }
        co_return try_pop();
    }

    // No more is taken; what is queued can still be popped.
    void close() {
        closed_ = true;
        readers_.wake_all();
        writers_.wake_all();
    }

    bool closed() const { return closed_; }
    std::size_t size() const { return items_.size(); }
    std::size_t capacity() const { return capacity_; }

private:
    std::size_t capacity_;
    bool closed_ = false;
    std::deque<T> items_;
    WaitList readers_;
    WaitList writers_;
};

}  // namespace swarmfs::async
