#pragma once
// From threads that are not an executor's to coroutines, and between executors.

#include <optional>

#include "engine/async/deadline.hpp"
#include "engine/async/task.hpp"

namespace boost::asio {
class io_context;
}

namespace swarmfs::async {

// Runs `task` on `executor` and blocks until it has ended. Requires: called on another thread,
// while the executor's runs. An exception that leaves the task stops the program.
void block_on(const Executor& executor, Task<> task);

template <class T>
T block_on(const Executor& executor, Task<T> task) {
    std::optional<T> result;
    block_on(executor, detail::keep_result(std::move(task), &result));
    return std::move(*result);
}

// Runs `context` on this thread until `task` has ended: for tests and small programs. Requires:
// nobody else runs it. Other work of the context is left where it is.
void run_here(boost::asio::io_context& context, Task<> task);

template <class T>
T run_here(boost::asio::io_context& context, Task<T> task) {
    std::optional<T> result;
    run_here(context, detail::keep_result(std::move(task), &result));
    return std::move(*result);
}

// Runs `task` on another executor and continues on this one. Cannot be interrupted: keep it short.
Task<> call_on(Executor other, Task<> task);

template <class T>
Task<T> call_on(Executor other, Task<T> task) {
    std::optional<T> result;
    co_await call_on(other, detail::keep_result(std::move(task), &result));
    co_return std::move(*result);
}

}  // namespace swarmfs::async
