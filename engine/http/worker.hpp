#pragma once
// One thread of the server: its connections, its idea of the time, and the sweep over them. Inside
// the room only. Thread: its own, unless a call says otherwise.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <unordered_set>

#include "engine/async/task_group.hpp"
#include "engine/http/connection_book.hpp"
#include "engine/http/memory_budget.hpp"
#include "engine/http/server.hpp"

namespace swarmfs::http {

class ServerConnection;

// What all threads of a server share. Read-only but for the book, the budgets and the counts.
struct ServerShared {
    ServerShared(Routes routes_in, ServerOptions options_in, const Clock& clock_in)
        : routes(std::move(routes_in)),
          options(std::move(options_in)),
          clock(clock_in),
          book(options.connections_max, options.connections_per_address_max),
          bodies(options.body_bytes_max),
          answers(options.answer_bytes_max) {}

    const Routes routes;
    const ServerOptions options;
    const Clock& clock;
    ConnectionBook book;
    MemoryBudget bodies;
    MemoryBudget answers;
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> requests{0};
};

class Worker {
public:
    Worker(ServerShared& shared, boost::asio::io_context& context);

    // Thread: any.
    void start();
    // Takes a connection just accepted on this worker's context.   Thread: any.
    void adopt(boost::asio::ip::tcp::socket socket, std::string address);
    // Ends idle connections now, the others when they are answered.   Thread: any.
    void drain();
    // Ends everything and returns when it has ended.   Thread: any but its own.
    void stop();

    ServerShared& shared() { return shared_; }
    boost::asio::io_context& context() { return context_; }
    // The time of the last sweep: exact enough for deadlines, and free.
    TimePoint now() const { return now_; }
    // The Date header's value, renewed once a second.
    const std::string& date() const { return date_; }

private:
    async::Task<> sweep();
    static async::Task<> run(Worker* worker, std::shared_ptr<ServerConnection> connection);
    void renew_time();

    ServerShared& shared_;
    boost::asio::io_context& context_;
    async::TaskGroup tasks_;
    std::unordered_set<ServerConnection*> connections_;
    bool draining_ = false;
    TimePoint now_;
    std::uint64_t date_second_ = 0;
    std::string date_;
};

}  // namespace swarmfs::http
