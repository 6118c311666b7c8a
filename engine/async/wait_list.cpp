#include "engine/async/wait_list.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "engine/core/assert.hpp"

namespace swarmfs::async {

namespace asio = boost::asio;

// Lives in the frame of the coroutine that waits. Its timer's end is its wake-up, whoever causes
// it.
struct WaitList::Waiter {
    explicit Waiter(const Executor& executor, TimePoint until) : timer(executor, until) {}
    asio::steady_timer timer;
    bool woken = false;
};

WaitList::~WaitList() {
    SWARM_ASSERT(waiters_.empty());
}

Task<bool> WaitList::wait(TimePoint until) {
    // Takes the waiter off the list whichever way the coroutine leaves, even with its io_context.
    struct Place {
        std::list<Waiter*>& list;
        Waiter waiter;
        Place(std::list<Waiter*>& in, const Executor& executor, TimePoint at)
            : list(in), waiter(executor, at) {
            list.push_back(&waiter);
        }
        ~Place() {
            if (!waiter.woken) {
                list.remove(&waiter);
            }
        }
    };
    const Executor executor = co_await asio::this_coro::executor;
    Place place(waiters_, executor, until);
    (void)co_await place.waiter.timer.async_wait(asio::as_tuple(asio::use_awaitable));
    const auto state = co_await asio::this_coro::cancellation_state;
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    if (throws && state.cancelled() != asio::cancellation_type::none) {
        if (place.waiter.woken) {
            wake_one();
        }
        throw_cancellation();
    }
    co_return place.waiter.woken;
}

void WaitList::wake_one() {
    if (!waiters_.empty()) {
        Waiter* const first = waiters_.front();
        waiters_.pop_front();
        first->woken = true;
        first->timer.cancel();
    }
}

void WaitList::wake_all() {
    while (!waiters_.empty()) {
        wake_one();
    }
}

}  // namespace swarmfs::async
