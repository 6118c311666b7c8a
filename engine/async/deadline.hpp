#pragma once
// Coroutines and time. For dials, handshakes and requests; a loop with a deadline of its own waits
// on a Signal in place of starting a task each turn.

#include <optional>
#include <string>

#include "engine/async/task.hpp"
#include "engine/core/clock.hpp"
#include "engine/core/result.hpp"

namespace swarmfs::async {

// Suspends for that long. For retries and periods; never in place of waiting for the thing itself.
Task<> delay(Duration length);

// Runs `work` for at most `limit`, then cancels it. Returns: whether it ended by itself. Either way
// it has ended when this returns.
Task<bool> run_within(Duration limit, Task<> work);

namespace detail {
template <class T>
Task<> keep_result(Task<T> work, std::optional<T>* out) {
    out->emplace(co_await std::move(work));
}
}  // namespace detail

// Returns: what `work` returns. Errors: its own; a network error, timed_out, after `limit`, saying
// that `what` took too long.
template <class T>
Task<Result<T>> with_deadline(Duration limit, std::string what, Task<Result<T>> work) {
    std::optional<Result<T>> result;
    (void)co_await run_within(limit, detail::keep_result(std::move(work), &result));
    if (result) {
        co_return std::move(*result);
    }
    co_return network_error(Code::timed_out, what + " took too long");
}

}  // namespace swarmfs::async
