#include "engine/http/server.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

#include "engine/async/deadline.hpp"
#include "engine/async/io_threads.hpp"
#include "engine/async/task_group.hpp"
#include "engine/core/log.hpp"
#include "engine/http/listen.hpp"
#include "engine/http/socket_options.hpp"
#include "engine/http/worker.hpp"

namespace swarmfs::http {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// Descriptors have run out: accepting again at once would spin.
constexpr Duration kPauseWithoutDescriptors = std::chrono::milliseconds(100);

class RunningServer final : public Server {
public:
    RunningServer(Routes routes, ServerOptions options, const Clock& clock)
        : shared_(std::move(routes), std::move(options), clock),
          threads_(shared_.options.threads, "http"),
          accepting_(threads_.executor(0)) {
        for (std::size_t i = 0; i < threads_.count(); ++i) {
            workers_.push_back(std::make_unique<Worker>(shared_, threads_.context(i)));
        }
    }

    ~RunningServer() override { drain(Duration::zero()); }

    Result<> listen() {
        SWARM_TRY(const tcp::endpoint wanted, parse_listen(shared_.options.listen));
        SWARM_TRY(tcp::acceptor acceptor, open_acceptor(threads_.context(0), wanted));
        endpoint_ = acceptor.local_endpoint();
        for (const auto& worker : workers_) {
            worker->start();
        }
        acceptor_.emplace(std::move(acceptor));
        asio::post(threads_.context(0), [this] { accepting_.spawn(accept_all()); });
        return done();
    }

    std::uint16_t port() const override { return endpoint_.port(); }
    std::string listening_on() const override { return text_of(endpoint_); }

    ServerCounts counts() const override {
        return {shared_.book.size(),     shared_.accepted.load(), shared_.book.pushed_out(),
                shared_.requests.load(), shared_.bodies.used(),   shared_.answers.used()};
    }

    void drain(Duration patience) override {
        if (drained_) {
            return;
        }
        drained_ = true;
        accepting_.stop_and_wait();
        acceptor_.reset();
        for (const auto& worker : workers_) {
            worker->drain();
        }
        shared_.book.wait_until_empty(patience);
        for (const auto& worker : workers_) {
            worker->stop();
        }
        threads_.stop();
    }

private:
    async::Task<> accept_all() {
        for (std::size_t turn = 0;; ++turn) {
            Worker& worker = *workers_[turn % workers_.size()];
            boost::system::error_code failed;
            tcp::socket socket = co_await acceptor_->async_accept(
                worker.context(), asio::redirect_error(asio::use_awaitable, failed));
            if (failed == asio::error::no_descriptors || failed == asio::error::no_buffer_space) {
                log_warning("http", "no more connections can be accepted: " + failed.message());
                co_await async::delay(kPauseWithoutDescriptors);
            }
            if (failed) {
                continue;  // the client has gone; a cancellation throws at the next co_await
            }
            boost::system::error_code gone;
            const tcp::endpoint remote = socket.remote_endpoint(gone);
            prepare(socket);
            if (!gone) {
                worker.adopt(std::move(socket), address_text(remote.address()));
            }
        }
    }

    ServerShared shared_;
    async::IoThreads threads_;
    async::TaskGroup accepting_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::optional<tcp::acceptor> acceptor_;
    tcp::endpoint endpoint_;
    bool drained_ = false;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(Routes routes, ServerOptions options,
                                              const Clock& clock) {
    auto server = std::make_unique<RunningServer>(std::move(routes), std::move(options), clock);
    SWARM_CHECK(server->listen());
    return std::unique_ptr<Server>(std::move(server));
}

}  // namespace swarmfs::http
