#include "engine/async/block_on.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <memory>

namespace swarmfs::async {

namespace asio = boost::asio;

void block_on(const Executor& executor, Task<> task) {
    auto ended = std::make_shared<std::promise<void>>();
    auto outcome = ended->get_future();
    asio::co_spawn(executor, std::move(task), [ended](std::exception_ptr error) {
        if (error) {
            stop_for(error);
        }
        ended->set_value();
    });
    outcome.wait();
}

void run_here(asio::io_context& context, Task<> task) {
    bool ended = false;
    std::exception_ptr outcome;
    asio::co_spawn(context.get_executor(), std::move(task), [&](std::exception_ptr error) {
        ended = true;
        outcome = error;
    });
    context.restart();
    while (!ended && context.run_one() > 0) {
    }
    if (outcome) {
        std::rethrow_exception(outcome);
    }
}

Task<> call_on(Executor other, Task<> task) {
    // Asio would carry a cancellation over to the other thread by a pointer that may have died.
    co_await asio::co_spawn(
        other, std::move(task),
        asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
}

}  // namespace swarmfs::async
