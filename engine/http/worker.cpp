#include "engine/http/worker.hpp"

#include <array>
#include <boost/asio/post.hpp>
#include <ctime>

#include "engine/async/deadline.hpp"
#include "engine/http/server_connection.hpp"

namespace swarmfs::http {

namespace asio = boost::asio;

Worker::Worker(ServerShared& shared, asio::io_context& context)
    : shared_(shared), context_(context), tasks_(context.get_executor()) {
    renew_time();
}

void Worker::start() {
    asio::post(context_, [this] { tasks_.spawn(sweep()); });
}

void Worker::renew_time() {
    now_ = shared_.clock.now();
    const std::uint64_t second = shared_.clock.wall_ms() / 1000;
    if (second == date_second_) {
        return;
    }
    date_second_ = second;
    const std::time_t time = static_cast<std::time_t>(second);
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    std::array<char, 40> text{};
    const std::size_t size =
        std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    date_.assign(text.data(), size);
}

async::Task<> Worker::sweep() {
    while (true) {
        co_await async::delay(shared_.options.sweep_period);
        renew_time();
        for (ServerConnection* connection : connections_) {
            connection->sweep(now_);
        }
    }
}

void Worker::adopt(asio::ip::tcp::socket socket, std::string address) {
    // The closure must own the socket; std::function-like handlers of Asio may be move-only.
    asio::post(context_,
               [this, socket = std::move(socket), address = std::move(address)]() mutable {
                   tasks_.spawn(run(this, std::make_shared<ServerConnection>(
                                              *this, std::move(socket), std::move(address))));
               });
}

async::Task<> Worker::run(Worker* worker, std::shared_ptr<ServerConnection> connection) {
    if (worker->draining_ || !worker->shared_.book.enter(connection->host(), connection.get())) {
        co_return;  // closes it
    }
    worker->shared_.accepted.fetch_add(1, std::memory_order_relaxed);
    worker->connections_.insert(connection.get());
    struct Leave {
        Worker* worker;
        ServerConnection* connection;
        ~Leave() {
            worker->connections_.erase(connection);
            worker->shared_.book.leave(connection->host(), connection);
        }
    };
    const Leave leave{worker, connection.get()};
    co_await connection->serve();
}

void Worker::drain() {
    asio::post(context_, [this] {
        draining_ = true;
        for (ServerConnection* connection : connections_) {
            connection->drain();
        }
    });
}

void Worker::stop() {
    tasks_.stop_and_wait();
}

}  // namespace swarmfs::http
