#include "engine/async/deadline.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

#include "engine/async/task_group.hpp"

namespace swarmfs::async {

namespace asio = boost::asio;

Task<> delay(Duration length) {
    const Executor executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, length);
    co_await timer.async_wait(asio::use_awaitable);
}

namespace {

Task<> run_and_mark(Task<> work, bool* finished) {
    co_await std::move(work);
    *finished = true;
}

}  // namespace

Task<bool> run_within(Duration limit, Task<> work) {
    bool finished = false;
    std::vector<Task<>> tasks;
    tasks.push_back(run_and_mark(std::move(work), &finished));
    tasks.push_back(delay(limit));
    co_await run_together(std::move(tasks));
    co_return finished;
}

}  // namespace swarmfs::async
