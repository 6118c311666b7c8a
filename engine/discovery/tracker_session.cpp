#include "engine/discovery/tracker_session.hpp"

#include <algorithm>
#include <charconv>

#include "engine/core/log.hpp"
#include "engine/http/client.hpp"
#include "engine/protocol/problem.hpp"

namespace swarmfs::discovery {

using http::Method;

namespace {

constexpr Duration kRetryAfterMax = std::chrono::minutes(5);
// Before the catalog goes out, so many pages of contents do (rule 4), and not all of a large store.
constexpr int kPagesBeforeSync = 64;

Duration retry_after_of(const http::Answer& answer) {
    const auto text = answer.header("Retry-After");
    unsigned seconds = 0;
    if (text) {
        (void)std::from_chars(text->data(), text->data() + text->size(), seconds);
    }
    return std::min<Duration>(std::chrono::seconds(seconds), kRetryAfterMax);
}

}  // namespace

Duration shortened(Duration length, unsigned percent, Dice& dice) {
    const std::uint64_t thousandths = dice.below(percent * 10 + 1);
    return length - length * static_cast<Duration::rep>(thousandths) / 1000;
}

Duration tracker_retry_after(unsigned failures, Dice& dice) {
    const Duration plain =
        std::min<Duration>(kTrackerRetryFirst * (1 << std::min(failures, 16U)), kTrackerRetryMax);
    return shortened(plain * 5 / 4, 40, dice);
}

TrackerSession::TrackerSession(const TrackerClient::Parts& parts, const TrackerOptions& options,
                               TrackerNumber number)
    : parts_(parts), options_(options), number_(number), base_(options.urls[number]) {}

async::Task<> TrackerSession::run() {
    while (true) {
        Result<> result = done();
        if (!token_) {
            result = co_await enter();
        }
        if (result.ok()) {
            result = co_await do_what_is_due();
        }
        if (result.ok()) {
            state_ = "online";
            detail_.clear();
            failures_ = 0;
            (void)co_await wake_.wait(std::min(heartbeat_at_, peers_at_));
            continue;
        }
        const bool forgotten = std::exchange(forgotten_, false);
        if (forgotten) {
            token_.reset();
        }
        if (!forgotten || forgets_too_often()) {
            failed(result.error());
            co_await back_off();
        }
    }
}

bool TrackerSession::forgets_too_often() {
    if (parts_.clock.now() - registered_at_ >= kRememberedMin) {
        forgettings_ = 0;
        return false;
    }
    failures_ = std::max(failures_, forgettings_++);
    return true;
}

async::Task<Result<>> TrackerSession::enter() {
    protocol::Registration registration;
    registration.peer = options_.node;
    registration.swarm = options_.swarm;
    registration.timestamp_ms = statement_time();
    registration.port = options_.listen_port;
    registration.addresses = parts_.port.own_addresses();
    registration.addresses.resize(
        std::min(registration.addresses.size(), protocol::kPeerAddressesMax));
    registration.grant = options_.grant;
    registration.signature =
        parts_.port.sign(protocol::kRegisterPurpose, protocol::statement_of(registration));
    std::string body = protocol::encode(registration);
    const Result<std::string> answer =
        co_await call(Method::post, "/api/peers/register", std::move(body));
    if (!answer.ok()) {
        co_return answer.error();
    }
    const Result<protocol::Registered> registered = protocol::decode_registered(*answer);
    if (!registered.ok()) {
        co_return registered.error();
    }
    became_known(*registered);
    co_return done();
}

void TrackerSession::became_known(const protocol::Registered& registered) {
    token_ = registered.token;
    seen_as_ = printable(registered.address);
    const auto wanted = std::clamp<std::uint64_t>(registered.heartbeat_seconds, 1, 60);
    heartbeat_every_ = std::min<Duration>(std::chrono::seconds(wanted), kPollEvery);
    const TimePoint now = parts_.clock.now();
    registered_at_ = now;
    heartbeat_at_ = now + shortened(heartbeat_every_, 20, parts_.dice);
    peers_at_ = now;
    changes_ = registered.changes;
    sync_due_ = true;
    waiting_.clear();
    announce_anew();  // it may have lost what it knew
}

async::Task<Result<>> TrackerSession::do_what_is_due() {
    Result<> result = co_await keep_up();
    for (int page = 0; result.ok() && announcing_all_ && page < kPagesBeforeSync; ++page) {
        result = co_await announce_page();
    }
    if (result.ok() && sync_due_) {
        sync_due_ = false;
        result = co_await sync();
        sync_due_ = sync_due_ || !result.ok();
    }
    if (result.ok() && announcing_all_) {
        result = co_await announce_page();
        wake_.notify();  // the next page, after whatever has become more urgent
    }
    co_return result;
}

async::Task<Result<>> TrackerSession::keep_up() {
    Result<> result = done();
    if (parts_.clock.now() >= heartbeat_at_) {
        result = co_await heartbeat();
    }
    if (result.ok() && parts_.clock.now() >= peers_at_) {
        result = co_await ask_for_peers();
    }
    if (result.ok()) {
        result = co_await announce_waiting();
    }
    co_return result;
}

async::Task<Result<>> TrackerSession::heartbeat() {
    std::string body = protocol::encode(protocol::Heartbeat{options_.node, *token_});
    const Result<std::string> answer =
        co_await call(Method::post, "/api/peers/heartbeat", std::move(body));
    if (!answer.ok()) {
        co_return answer.error();
    }
    const Result<protocol::HeartbeatAnswer> heard = protocol::decode_heartbeat_answer(*answer);
    if (!heard.ok()) {
        co_return heard.error();
    }
    heartbeat_at_ = parts_.clock.now() + shortened(heartbeat_every_, 20, parts_.dice);
    sync_due_ = sync_due_ || changes_ != heard->changes;
    changes_ = heard->changes;
    co_return done();
}

async::Task<Result<std::string>> TrackerSession::call(Method method, std::string path,
                                                      std::string body) {
    Headers headers;
    if (!body.empty()) {
        headers.emplace_back("Content-Type", "application/json");
    }
    if (!options_.api_key.empty()) {
        headers.emplace_back("X-API-Key", options_.api_key);
    }
    if (token_) {
        headers.emplace_back(protocol::kPeerTokenHeader, token_->hex());
    }
    std::string url = base_ + path;
    refused_with_ = 0;
    retry_after_ = {};
    Result<http::Answer> answer = co_await parts_.http.request(
        method, std::move(url), std::move(headers), std::move(body), kTrackerAnswerWithin);
    if (!answer.ok()) {
        co_return answer.error();
    }
    if (answer->success()) {
        last_ok_ms_ = parts_.clock.wall_ms();
        co_return std::move(answer->body);
    }
    const protocol::Problem problem = protocol::decode_problem(answer->status, answer->body);
    refused_with_ = answer->status;
    retry_after_ = retry_after_of(*answer);
    forgotten_ = problem.code == "unknown_peer";
    co_return network_error(Code::unavailable, base_ + " refused " + path.substr(0, 60) + ": " +
                                                   printable(problem.detail));
}

void TrackerSession::failed(const Error& error) {
    state_ = "unreachable";
    if (detail_ != error.message) {
        log_warning("discovery", error.message);
    }
    detail_ = error.message;
}

async::Task<> TrackerSession::back_off() {
    const TimePoint now = parts_.clock.now();
    const TimePoint not_before = now + std::exchange(retry_after_, {});
    const TimePoint until =
        std::max(not_before, now + tracker_retry_after(failures_++, parts_.dice));
    hurried_ = false;
    TimePoint end = until;
    while (parts_.clock.now() < end) {
        (void)co_await wake_.wait(end);
        end = hurried_ ? not_before : until;
    }
}

async::Task<> TrackerSession::leave() {
    if (!token_) {
        co_return;
    }
    protocol::Leaving leaving{options_.node, options_.swarm, statement_time(), {}};
    leaving.signature = parts_.port.sign(protocol::kLeavePurpose, protocol::statement_of(leaving));
    std::string body = protocol::encode(leaving);
    std::string path = "/api/peers/" + options_.node.hex();
    const Result<std::string> answer =
        co_await call(Method::delete_, std::move(path), std::move(body));
    if (!answer.ok()) {
        log_debug("discovery", answer.error().message);
    }
    token_.reset();
}

void TrackerSession::catalog_changed() {
    sync_due_ = true;
    wake_.notify();
}

void TrackerSession::hurry() {
    const TimePoint now = parts_.clock.now();
    if (now < hurry_from_) {
        return;
    }
    hurry_from_ = now + kHurryEvery;
    hurried_ = true;
    peers_at_ = now;
    wake_.notify();
}

TrackerReport TrackerSession::report() const {
    return {base_, state_, detail_, seen_as_, last_ok_ms_};
}

// A tracker counts a statement only when it is later than the last one.
std::uint64_t TrackerSession::statement_time() {
    statement_ms_ = std::max(parts_.clock.wall_ms(), statement_ms_ + 1);
    return statement_ms_;
}

}  // namespace swarmfs::discovery
