#pragma once
// What a coroutine is here, and how one ends.
//
// Rules:
//   1. A Task runs on one executor, that of one io_context with one thread (io_threads.hpp). What
//      belongs to a Task is touched on that thread only, so it needs no lock. Other threads reach
//      it by asio::post or block_on.
//   2. Every Task has an owner that cancels and joins it: the Task that awaits it, or a TaskGroup.
//   3. Cancelling is an order to leave. The wait it interrupts, and every co_await after that,
//      throws the exception that is_cancellation() knows. Nobody catches it on the way: destructors
//      tidy up, and the TaskGroup at the bottom takes it. It is the one exception that crosses
//      rooms.
//   4. An owner with last words to say or others to join awaits uninterrupted() first.
//   5. Any other exception that leaves a spawned Task is a bug and stops the program.
// GCC 12: no capturing lambda coroutines; parameters by value; no co_await inside ?: or macros.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>

namespace swarmfs::async {

template <class T = void>
using Task = boost::asio::awaitable<T>;
using Executor = boost::asio::any_io_executor;

// `co_await uninterrupted();` From here on this coroutine's co_awaits do not throw for having been
// cancelled. A wait that is under way when it is cancelled is still cut short.
inline auto uninterrupted() {
    return boost::asio::this_coro::throw_if_cancelled(false);
}

// `co_await leave_if_cancelled();` Never waits: a point at which a cancelled coroutine leaves.
Task<> leave_if_cancelled();
// Whether `error` is the order to leave (operation_aborted).
bool is_cancellation(std::exception_ptr error);
// Stops the program, saying what left a task (rule 5).
[[noreturn]] void stop_for(std::exception_ptr error);
// Throws that order: for what is cancelled while it waits by means of its own.
[[noreturn]] void throw_cancellation();

}  // namespace swarmfs::async
