#include "engine/http/server_connection.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <mutex>

#include "engine/core/log.hpp"
#include "engine/http/parser_floor.hpp"
#include "engine/http/response_writer.hpp"
#include "engine/http/worker.hpp"

namespace swarmfs::http {

namespace asio = boost::asio;
using boost::beast::http::error;

namespace {

// A request of a few hundred bytes is the usual one; a body reads in larger pieces.
constexpr std::size_t kInputBytesAtStart = 4 * 1024;
constexpr std::size_t kInputBytesMax = 64 * 1024;
static_assert(kInputBytesMax > 2 * kHeaderBytesMax);
// Answers to pipelined requests are gathered up to here before they are written.
constexpr std::size_t kOutputHighWater = 256 * 1024;
// What one large request or answer may leave allocated on an idle connection, and what answers may
// take without being counted: as many as there may be connections fit in memory.
constexpr std::size_t kKeptBytesMax = 16 * 1024;
// Bodies up to here are not counted: as many as there may be connections fit in memory.
constexpr std::size_t kSmallBodyBytes = 64 * 1024;
// How long, and how much, a refused client's rest is read and dropped.
constexpr Duration kLingerTime = std::chrono::seconds(2);
constexpr std::size_t kLingerBytesMax = 1024 * 1024;

Response page_of(const ServerOptions& options, const Refusal& refusal) {
    if (!options.refusal) {
        return Response::text(refusal.detail + "\n", refusal.status);
    }
    return options.refusal(refusal.status, refusal.code, refusal.detail);
}

void keep_small(std::string& text) {
    if (text.capacity() > kKeptBytesMax) {
        std::string().swap(text);
    }
}

}  // namespace

// Carries a deferred answer from whatever thread gives it to the connection, if that still lives.
class ServerConnection::LateAnswer final : public Reply::Slot {
public:
    LateAnswer(const std::shared_ptr<ServerConnection>& connection, std::uint64_t request_number)
        : connection_(connection),
          executor_(connection->socket_.get_executor()),
          request_number_(request_number) {}

    void deliver(Response response) override { post(std::move(response)); }
    void give_up() override { post(std::nullopt); }
    // The connection ends: its executor may not be used any more.
    void detach() {
        const std::lock_guard lock(mutex_);
        attached_ = false;
    }

private:
    // Nothing: the request failed.
    void post(std::optional<Response> response) {
        const std::lock_guard lock(mutex_);
        if (!attached_) {
            return;
        }
        asio::post(executor_, [connection = connection_, number = request_number_,
                               answer = std::move(response)]() mutable {
            if (const auto alive = connection.lock()) {
                alive->take_late_answer(number, answer ? std::move(*answer) : alive->failed_here());
            }
        });
    }

    const std::weak_ptr<ServerConnection> connection_;
    const async::Executor executor_;
    const std::uint64_t request_number_;
    std::mutex mutex_;
    bool attached_ = true;  // guarded by mutex_
};

ServerConnection::ServerConnection(Worker& worker, asio::ip::tcp::socket socket,
                                   std::string address)
    : worker_(worker),
      socket_(std::move(socket)),
      address_(std::move(address)),
      host_(host_key(address_)),
      body_share_(worker.shared().bodies, host_),
      output_share_(worker.shared().answers, host_),
      waiting_since_(worker.now().time_since_epoch().count()) {}

ServerConnection::~ServerConnection() {
    if (late_) {
        late_->detach();
    }
}

async::Task<> ServerConnection::serve() {
    enter(State::between, worker_.shared().options.idle_timeout);
    while (true) {
        const Next next = advance();
        if (!output_.empty()) {
            const bool written = co_await write_all();
            if (!written) {
                co_return;
            }
        }
        if (next == Next::close) {
            if (refused_ || consumed_ < filled_) {
                co_await linger();
            }
            co_return;
        }
        if (next == Next::wait_for_answer) {
            (void)co_await answered_.wait();
        } else if (next == Next::read) {
            const bool received = co_await read_some();
            const bool mid_request = state_ == State::header || state_ == State::body;
            if (!received && timed_out_ && mid_request) {
                refuse({408, "request_timeout", "the request took too long to arrive", {}});
            } else if (!received) {
                co_return;
            }
        }
    }
}

ServerConnection::Next ServerConnection::advance() {
    while (output_.size() < kOutputHighWater) {
        std::optional<Next> next;
        switch (state_) {
            case State::between: next = advance_between(); break;
            case State::header: next = advance_header(); break;
            case State::body: next = advance_body(); break;
            case State::answering: next = advance_answering(); break;
            case State::closing: next = Next::close; break;
        }
        if (next) {
            return *next;
        }
    }
    return Next::write;
}

std::optional<ServerConnection::Next> ServerConnection::advance_between() {
    // Robust servers skip empty lines between requests (RFC 9112, section 2.2).
    while (consumed_ < filled_ && (input_[consumed_] == '\r' || input_[consumed_] == '\n')) {
        ++consumed_;
    }
    if (consumed_ == filled_) {
        return draining_ ? Next::close : Next::read;
    }
    room_.clear();
    parser_.emplace(room_);
    const Duration patience = worker_.shared().options.request_timeout;
    receiving_ = Progress({patience}, worker_.now());
    enter(State::header, patience);
    return std::nullopt;
}

std::optional<ServerConnection::Next> ServerConnection::advance_header() {
    RequestParser::ErrorCode failed;
    consumed_ += parser_->put(asio::buffer(input_.data() + consumed_, filled_ - consumed_), failed);
    if (failed == error::need_more) {
        return Next::read;
    }
    if (failed || !parser_->finish_header()) {
        refuse(parser_->refusal_for(failed));
        return std::nullopt;
    }
    keep_alive_ = parser_->keep_alive();
    route();
    return std::nullopt;
}

void ServerConnection::route() {
    Request& request = room_.request;
    request.remote_address = address_;
    request.host = host_;
    const Routes::Found found =
        worker_.shared().routes.find(request.method, request.path, request.parameters);
    const bool whole = parser_->is_done();
    if (found.route == nullptr) {
        if (found.methods_of_path.empty()) {
            refuse({404, "not_found", "nothing is served under this path", {}}, whole);
        } else {
            refuse({405, "method_not_allowed", "this path takes " + found.methods_of_path,
                    found.methods_of_path},
                   whole);
        }
        return;
    }
    route_ = found.route;
    parser_->set_body_max(route_->body_bytes_max);
    if (whole) {
        dispatch();
        return;
    }
    const auto length = parser_->content_length();
    if (length && *length > route_->body_bytes_max) {
        refuse(parser_->refusal_for(error::body_limit));
        return;
    }
    if (parser_->expects_continue() && consumed_ == filled_) {
        output_ += "HTTP/1.1 100 Continue\r\n\r\n";
    }
    parser_->eager(true);
    state_ = State::body;
}

void ServerConnection::release_body() {
    keep_small(room_.body);
    body_share_.release();
}

std::optional<ServerConnection::Next> ServerConnection::advance_body() {
    if (!may_parse(*parser_, filled_ - consumed_)) {
        return Next::read;
    }
    const std::size_t with_input = room_.body.size() + filled_ - consumed_;
    if (with_input > kSmallBodyBytes && !body_share_.grow_to(with_input)) {
        refuse({503, "busy", "too many large bodies are being received; try again", {}});
        return std::nullopt;
    }
    RequestParser::ErrorCode failed;
    consumed_ += parser_->put(asio::buffer(input_.data() + consumed_, filled_ - consumed_), failed);
    if (failed && failed != error::need_more) {
        refuse(parser_->refusal_for(failed));
    } else if (parser_->is_done()) {
        dispatch();
    } else if (filled_ - consumed_ >= kInputBytesMax) {
        refuse({400, "bad_request", "a chunk's header or the trailer is larger than 64 KiB", {}});
    } else {
        return Next::read;
    }
    return std::nullopt;
}

void ServerConnection::dispatch() {
    room_.request.body = room_.body;
    enter(State::answering, worker_.shared().options.answer_timeout);
    ++request_number_;
    if (const auto* handler = std::get_if<Handler>(&route_->handler)) {
        answer(call(*handler));
        return;
    }
    defer(std::get<DeferredHandler>(route_->handler));
    release_body();
}

// A handler's exceptions are bugs or exhausted memory; neither may take other requests with it.
Response ServerConnection::call(const Handler& handler) const {
    try {
        return handler(room_.request);
    } catch (const std::exception& failure) {
        log_error("http", std::string("a handler failed: ") + failure.what());
        return failed_here();
    }
}

void ServerConnection::defer(const DeferredHandler& handler) {
    late_answer_.reset();
    late_ = std::make_shared<LateAnswer>(shared_from_this(), request_number_);
    try {
        handler(room_.request, Reply(late_));
    } catch (const std::exception& failure) {
        // The reply dies with the call, and so answers.
        log_error("http", std::string("a handler failed: ") + failure.what());
    }
}

Response ServerConnection::failed_here() const {
    return page_of(worker_.shared().options, {500, "internal", "this request failed here", {}});
}

std::optional<ServerConnection::Next> ServerConnection::advance_answering() {
    if (!late_answer_) {
        return Next::wait_for_answer;
    }
    const Response response = std::move(*late_answer_);
    late_answer_.reset();
    late_.reset();
    answer(response);
    return std::nullopt;
}

void ServerConnection::take_late_answer(std::uint64_t request_number, Response response) {
    if (state_ == State::answering && request_number == request_number_ && !late_answer_) {
        late_answer_ = std::move(response);
        answered_.notify();
    }
}

void ServerConnection::answer(const Response& response) {
    release_body();
    keep_alive_ = keep_alive_ && !draining_;
    const bool head = room_.request.method == Method::head;
    if (fits(response)) {
        write_response(response, {worker_.date(), !keep_alive_, head}, output_);
    } else {
        const Refusal refusal{503, "busy", "too many answers wait to be taken; try again", {}};
        write_response(page_of(worker_.shared().options, refusal),
                       {worker_.date(), !keep_alive_, head}, output_);
    }
    worker_.shared().requests.fetch_add(1, std::memory_order_relaxed);
    if (keep_alive_) {
        enter(State::between, worker_.shared().options.idle_timeout);
    } else {
        state_ = State::closing;
    }
}

bool ServerConnection::fits(const Response& response) {
    const std::size_t bytes = output_.size() + response.body.size();
    return bytes <= kKeptBytesMax || output_share_.grow_to(bytes);
}

void ServerConnection::refuse(const Refusal& refusal, bool keep_open) {
    Response response = page_of(worker_.shared().options, refusal);
    if (!refusal.allow.empty()) {
        response.headers.emplace_back("Allow", refusal.allow);
    }
    keep_alive_ = keep_alive_ && keep_open;
    refused_ = !keep_open;
    answer(response);
}

void ServerConnection::enter(State state, Duration timeout) {
    state_ = state;
    deadline_ = worker_.now() + timeout;
    timed_out_ = false;
    if (state == State::between) {
        keeps_waiting_since(worker_.now());
    } else if (state == State::answering) {
        keeps_waiting_since(TimePoint::max());
    }
}

void ServerConnection::keeps_waiting_since(TimePoint time) {
    waiting_since_.store(time.time_since_epoch().count(), std::memory_order_relaxed);
}

async::Task<bool> ServerConnection::read_some() {
    if (consumed_ == filled_) {
        consumed_ = filled_ = 0;
        if (state_ == State::between && input_.size() > kKeptBytesMax) {
            std::string().swap(input_);
        }
    } else if (consumed_ > 0) {
        input_.erase(0, consumed_);
        filled_ -= consumed_;
        consumed_ = 0;
    }
    if (state_ == State::body && input_.size() < kInputBytesMax) {
        input_.resize(kInputBytesMax);
    } else if (input_.size() < filled_ + kInputBytesAtStart) {
        input_.resize(filled_ + kInputBytesAtStart);
    }
    boost::system::error_code failed;
    reading_ = true;
    const std::size_t received = co_await socket_.async_read_some(
        asio::buffer(input_.data() + filled_, input_.size() - filled_),
        asio::redirect_error(asio::use_awaitable, failed));
    reading_ = false;
    filled_ += received;
    if (state_ == State::body) {
        receiving_.moved(received, worker_.now());
        deadline_ = receiving_.deadline();
    }
    co_return !failed;
}

async::Task<bool> ServerConnection::write_all() {
    const TimePoint waiting = waiting_since();
    const TimePoint deadline = deadline_;
    const TimePoint began = worker_.now();
    Progress sending({worker_.shared().options.write_timeout}, began);
    boost::system::error_code failed;
    for (std::size_t written = 0; written < output_.size() && !failed;) {
        deadline_ = sending.deadline();
        keeps_waiting_since(sending.moved_at());
        const std::size_t some = co_await socket_.async_write_some(
            asio::buffer(output_.data() + written, output_.size() - written),
            asio::redirect_error(asio::use_awaitable, failed));
        written += some;
        sending.moved(some, worker_.now());
    }
    output_.clear();
    keep_small(output_);
    output_share_.release();
    // What else is under way did not get on in that time.
    const Duration taken = worker_.now() - began;
    receiving_.excuse(taken);
    deadline_ = deadline + taken;
    keeps_waiting_since(state_ == State::between ? worker_.now() : waiting);
    co_return !failed;
}

async::Task<> ServerConnection::linger() {
    deadline_ = worker_.now() + kLingerTime;
    boost::system::error_code failed;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, failed);
    input_.resize(std::max(input_.size(), kInputBytesAtStart));
    for (std::size_t dropped = 0; !failed && dropped < kLingerBytesMax;) {
        dropped += co_await socket_.async_read_some(
            asio::buffer(input_), asio::redirect_error(asio::use_awaitable, failed));
    }
}

void ServerConnection::sweep(TimePoint now) {
    if (now < deadline_) {
        return;
    }
    boost::system::error_code ignored;
    if (state_ == State::answering && !late_answer_ && output_.empty()) {
        keep_alive_ = false;
        const Refusal refusal{503, "answer_timeout", "the answer took too long to make", {}};
        take_late_answer(request_number_, page_of(worker_.shared().options, refusal));
    } else if (reading_) {
        timed_out_ = true;
        socket_.cancel(ignored);
    } else {
        socket_.close(ignored);
    }
}

void ServerConnection::drain() {
    draining_ = true;
    if (state_ == State::between && reading_) {
        boost::system::error_code ignored;
        socket_.cancel(ignored);
    }
}

void ServerConnection::push_out() {
    keeps_waiting_since(TimePoint::max());
    asio::post(socket_.get_executor(), [weak = weak_from_this()] {
        if (const auto connection = weak.lock()) {
            boost::system::error_code ignored;
            connection->socket_.close(ignored);
        }
    });
}

}  // namespace swarmfs::http
