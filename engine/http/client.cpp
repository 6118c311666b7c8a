#include "engine/http/client.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/http/error.hpp>
#include <map>

#include "engine/async/deadline.hpp"
#include "engine/async/task_group.hpp"
#include "engine/http/answer_parser.hpp"
#include "engine/http/pace.hpp"
#include "engine/http/parser_floor.hpp"
#include "engine/http/stream.hpp"
#include "engine/http/url.hpp"

namespace swarmfs::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kWriteBytes = 64 * 1024;
// Informational answers (100, 103) before the real one; a server that sends more plays for time.
constexpr int kInformationalMax = 4;
// Origins whose kind is remembered; a node has a handful of trackers.
constexpr std::size_t kOriginsMax = 64;

bool breaks_a_line(const std::string& text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

std::string write_request(Method method, const Url& url, const std::vector<HeaderField>& headers,
                          const std::string& body) {
    std::string out;
    out.reserve(512 + body.size());
    out.append(name_of(method)).append(" ").append(url.target).append(" HTTP/1.1\r\nHost: ");
    out.append(url.authority()).append("\r\nUser-Agent: swarmfs\r\n");
    for (const auto& [name, value] : headers) {
        out.append(name).append(": ").append(value).append("\r\n");
    }
    if (!body.empty() || method == Method::post || method == Method::put) {
        out.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
    }
    out.append("\r\n").append(body);
    return out;
}

// How one exchange over one connection ended.
struct Exchange {
    Answer answer;
    bool any_byte = false;    // of the answer came
    bool keep_alive = false;  // the connection can be used again
    std::optional<Error> error;
};

Error broken(const error_code& failed) {
    using boost::beast::http::error;
    if (failed == error::body_limit || failed == error::header_limit) {
        return network_error(Code::too_large, "the answer is larger than what is taken");
    }
    if (failed == error::partial_message) {
        return network_error(Code::unavailable, "the connection ended within the answer");
    }
    if (failed.category() == boost::beast::http::make_error_code(error::bad_version).category()) {
        return network_error(Code::protocol, "the answer is not HTTP: " + failed.message());
    }
    return network_error(Code::unavailable, "the connection broke: " + failed.message());
}

// A request under way.
struct Call {
    Progress progress;
    std::optional<Result<Answer>> result;  // nothing while it lasts
};

// Returns once the time of `call` is over. What moves meanwhile prolongs it.
async::Task<> await_deadline(const Call* call, TimePoint now) {
    TimePoint end = call->progress.deadline();
    while (true) {
        co_await async::delay(end - now);
        if (call->progress.deadline() <= end) {
            co_return;
        }
        now = end;
        end = call->progress.deadline();
    }
}

}  // namespace

struct Client::State {
    struct Idle {
        std::string origin;
        std::unique_ptr<Stream> stream;
        TimePoint since;
    };

    State(async::Executor executor_in, const Clock& clock_in, ClientOptions options_in)
        : executor(std::move(executor_in)), clock(clock_in), options(std::move(options_in)) {}

    // Made at the first https request: reading the system's certificates takes milliseconds.
    Result<> prepare_tls() {
        if (tls) {
            return done();
        }
        auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
        error_code failed;
        context->set_options(asio::ssl::context::default_workarounds |
                                 asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1,
                             failed);
        if (options.ca_file.empty()) {
            context->set_default_verify_paths(failed);
        } else {
            context->load_verify_file(options.ca_file, failed);
        }
        if (failed) {
            return caller_error(
                Code::configuration,
                "the certificates to believe cannot be read" +
                    (options.ca_file.empty() ? std::string() : " from " + options.ca_file) + ": " +
                    failed.message());
        }
        tls = std::move(context);
        return done();
    }

    std::unique_ptr<Stream> take_idle(const std::string& origin) {
        const TimePoint now = clock.now();
        std::erase_if(idle, [&](const Idle& one) { return now - one.since > options.idle_max; });
        const auto found = std::find_if(idle.rbegin(), idle.rend(),
                                        [&](const Idle& one) { return one.origin == origin; });
        if (found == idle.rend()) {
            return nullptr;
        }
        std::unique_ptr<Stream> stream = std::move(found->stream);
        idle.erase(std::next(found).base());
        return stream;
    }

    void keep(const std::string& origin, std::unique_ptr<Stream> stream) {
        if (idle.size() >= options.idle_connections_max && !idle.empty()) {
            idle.erase(idle.begin());
        }
        if (options.idle_connections_max > 0) {
            idle.push_back({origin, std::move(stream), clock.now()});
        }
    }

    void note_kind(const std::string& origin, bool loopback) {
        if (kinds.size() >= kOriginsMax && !kinds.contains(origin)) {
            kinds.clear();
        }
        kinds[origin] = loopback;
    }

    async::Task<> perform(Method method, Url url, std::string bytes, Call* call);
    async::Task<Exchange> exchange(Stream* stream, std::string bytes, bool to_head,
                                   Progress* progress);

    const async::Executor executor;
    const Clock& clock;
    const ClientOptions options;
    std::unique_ptr<asio::ssl::context> tls;
    std::vector<Idle> idle;
    std::map<std::string, bool> kinds;  // origin: its last connection was loopback
};

async::Task<Exchange> Client::State::exchange(Stream* stream, std::string bytes, bool to_head,
                                              Progress* progress) {
    Exchange result;
    error_code failed;
    // A server may answer, and close, before it has taken the whole request: look for the answer
    // even when writing failed.
    for (std::size_t written = 0; written < bytes.size() && !failed;) {
        const std::size_t some = co_await stream->write_some(
            asio::buffer(bytes.data() + written, std::min(bytes.size() - written, kWriteBytes)),
            &failed);
        written += some;
        progress->moved(some, clock.now());
    }
    std::string input(kReadBytes, '\0');
    std::size_t filled = 0;
    for (int informational = 0; informational < kInformationalMax; ++informational) {
        result.answer = Answer{};
        AnswerParser parser(result.answer, options.answer_bytes_max, to_head);
        while (!parser.is_done()) {
            if (may_parse(parser, filled)) {
                const std::size_t used = parser.put(asio::buffer(input.data(), filled), failed);
                input.erase(0, used);
                filled -= used;
                input.resize(std::max(input.size(), filled + kReadBytes));
                if (parser.is_done()) {
                    break;
                }
                if (failed && failed != boost::beast::http::error::need_more) {
                    result.error = broken(failed);
                    co_return result;
                }
                if (filled > kAnswerHeaderBytesMax * 2) {
                    result.error = broken(boost::beast::http::error::header_limit);
                    co_return result;
                }
            }
            failed = {};
            const std::size_t received = co_await stream->read_some(
                asio::buffer(input.data() + filled, input.size() - filled), &failed);
            filled += received;
            progress->moved(received, clock.now());
            result.any_byte = result.any_byte || received > 0;
            if (failed == asio::error::eof && parser.got_some()) {
                parser.put_eof(failed);
            }
            if (failed) {
                result.error = broken(failed);
                co_return result;
            }
        }
        if (result.answer.status >= 200) {
            result.keep_alive = parser.keep_alive() && filled == 0;
            co_return result;
        }
    }
    result.error = network_error(Code::protocol, "the server sends no final answer");
    co_return result;
}

async::Task<> Client::State::perform(Method method, Url url, std::string bytes, Call* call) {
    const std::string origin = url.origin();
    const bool to_head = method == Method::head;
    while (true) {
        std::unique_ptr<Stream> stream = take_idle(origin);
        const bool kept = stream != nullptr;
        if (!kept) {
            Result<std::unique_ptr<Stream>> opened =
                co_await open_stream(url, tls.get(), options.attempt_max);
            if (!opened.ok()) {
                call->result.emplace(opened.error());
                co_return;
            }
            stream = std::move(*opened);
        }
        note_kind(origin, stream->loopback);
        Exchange result = co_await exchange(stream.get(), bytes, to_head, &call->progress);
        if (result.error && kept && !result.any_byte) {
            continue;  // each turn uses up one kept connection, so this ends
        }
        if (result.error) {
            result.error->message = url.origin() + ": " + result.error->message;
            call->result.emplace(*result.error);
            co_return;
        }
        if (result.keep_alive) {
            keep(origin, std::move(stream));
        }
        call->result.emplace(std::move(result.answer));
        co_return;
    }
}

Client::Client(async::Executor executor, const Clock& clock, ClientOptions options)
    : state_(std::make_unique<State>(std::move(executor), clock, std::move(options))) {}

Client::~Client() = default;

async::Task<Result<Answer>> Client::request(Method method, std::string url,
                                            std::vector<HeaderField> headers, std::string body,
                                            Duration limit) {
    Result<Url> parsed = parse_url(url);
    if (!parsed.ok()) {
        co_return parsed.error();
    }
    for (const auto& [name, value] : headers) {
        if (breaks_a_line(name) || breaks_a_line(value)) {
            co_return caller_error(Code::invalid, "the header " + name + " holds a line break");
        }
    }
    if (parsed->secure) {
        Result<> prepared = state_->prepare_tls();
        if (!prepared.ok()) {
            co_return prepared.error();
        }
    }
    std::string bytes = write_request(method, *parsed, headers, body);
    const TimePoint now = state_->clock.now();
    Call call{Progress({limit}, now), std::nullopt};
    std::vector<async::Task<>> tasks;
    tasks.push_back(state_->perform(method, *parsed, std::move(bytes), &call));
    tasks.push_back(await_deadline(&call, now));
    co_await async::run_together(std::move(tasks));
    if (call.result) {
        co_return std::move(*call.result);
    }
    co_return network_error(Code::timed_out,
                            "the answer of " + parsed->origin() + " took too long");
}

bool Client::last_was_loopback(const std::string& origin) const {
    const auto found = state_->kinds.find(origin);
    return found != state_->kinds.end() && found->second;
}

void Client::close_idle() {
    state_->idle.clear();
}

}  // namespace swarmfs::http
