#pragma once
// One client's connection to the server, from its first byte to its last. Inside the room only.
//
//   between ──first byte──► header ──routed──► body ──whole──► answering ──► between
//      │                      │                  │                 │
//      └── idle_timeout       └── request_timeout └── its pace      └── answer_timeout
//
// A refusal sends its answer and lingers: it reads and drops what the client still sends, for a
// while, so that the answer is not lost to a reset. Deadlines are enforced by Worker's sweep, so a
// request costs no timer. Thread: its worker's, unless a call says otherwise.

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>

#include "engine/async/event.hpp"
#include "engine/async/task.hpp"
#include "engine/http/connection_book.hpp"
#include "engine/http/memory_budget.hpp"
#include "engine/http/pace.hpp"
#include "engine/http/request_parser.hpp"
#include "engine/http/server.hpp"

namespace swarmfs::http {

class Worker;

class ServerConnection final : public BookedConnection,
                               public std::enable_shared_from_this<ServerConnection> {
public:
    ServerConnection(Worker& worker, boost::asio::ip::tcp::socket socket, std::string address);

    ~ServerConnection() override;

    // The whole conversation.
    async::Task<> serve();

    // Ends it where its deadline has passed.
    void sweep(TimePoint now);
    // Ends it once what is under way is answered.
    void drain();

    const std::string& host() const { return host_; }
    TimePoint waiting_since() const override {
        return TimePoint(Duration(waiting_since_.load(std::memory_order_relaxed)));
    }
    void push_out() override;

private:
    enum class State { between, header, body, answering, closing };
    enum class Next { read, write, wait_for_answer, close };
    class LateAnswer;

    Next advance();                         // as far as the bytes at hand allow
    std::optional<Next> advance_between();  // nothing: look again, in the state it is in now
    std::optional<Next> advance_header();
    std::optional<Next> advance_body();
    std::optional<Next> advance_answering();
    void route();
    void dispatch();
    void release_body();
    Response call(const Handler& handler) const;
    void defer(const DeferredHandler& handler);
    Response failed_here() const;
    void answer(const Response& response);
    bool fits(const Response& response);
    void refuse(const Refusal& refusal, bool keep_open = false);
    void enter(State state, Duration timeout);
    void take_late_answer(std::uint64_t request_number, Response response);
    void keeps_waiting_since(TimePoint time);

    async::Task<bool> read_some();
    async::Task<bool> write_all();
    async::Task<> linger();

    Worker& worker_;
    boost::asio::ip::tcp::socket socket_;
    const std::string address_;
    const std::string host_;

    State state_ = State::between;
    TimePoint deadline_;
    bool timed_out_ = false;
    bool draining_ = false;
    bool reading_ = false;
    bool keep_alive_ = true;
    bool refused_ = false;  // the client may still be sending what nobody will read
    std::uint64_t request_number_ = 0;
    std::string input_;  // received and not yet consumed: input_[consumed_, filled_)
    std::size_t consumed_ = 0;
    std::size_t filled_ = 0;
    std::string output_;
    RequestRoom room_;
    std::optional<RequestParser> parser_;
    const Routes::Route* route_ = nullptr;
    Progress receiving_;  // of the request that is arriving
    BudgetShare body_share_;
    BudgetShare output_share_;
    std::shared_ptr<LateAnswer> late_;
    std::optional<Response> late_answer_;
    async::Signal answered_;

    std::atomic<Duration::rep> waiting_since_;
};

}  // namespace swarmfs::http
