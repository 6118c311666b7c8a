#include "engine/discovery/tracker_session.hpp"

#include <algorithm>
#include <charconv>

#include "engine/core/log.hpp"
#include "engine/http/client.hpp"
#include "engine/http/url.hpp"
#include "engine/protocol/problem.hpp"

namespace swarmfs::discovery {

using http::Method;

namespace {

// What the tracker says of its heartbeat is a hint as well.
constexpr std::uint64_t kHeartbeatSecondsMin = 1;
constexpr std::uint64_t kHeartbeatSecondsMax = 300;
constexpr Duration kRetryAfterMax = std::chrono::minutes(5);
// Rounds trips of one sync: a terabyte of catalog would take fewer.
constexpr int kSyncTurnsMax = 1'000'000;
// Before the catalog goes out, so many pages of contents do (rule 3), and not all of a large store.
constexpr int kPagesBeforeSync = 64;
// Contents asked for at once: each may come with 512 KiB of chunk hashes.
constexpr std::size_t kContentsPerPage = 32;
constexpr std::size_t kAnnounceBytesAim = 1024 * 1024;
constexpr std::size_t kCatalogPieceBytes = 16 * 1024;
constexpr std::size_t kPeersAsked = 50;

// About what a content takes as JSON: 64 digits and quotes for each hash.
std::size_t json_bytes(const protocol::AnnouncedContent& content) {
    return 256 + content.name.size() * 2 + content.chunk_hashes.size() * 67;
}

std::string without_slash(std::string url) {
    while (!url.empty() && url.back() == '/') {
        url.pop_back();
    }
    return url;
}

Duration retry_after_of(const http::Answer& answer) {
    const auto text = answer.header("Retry-After");
    unsigned seconds = 0;
    if (text) {
        (void)std::from_chars(text->data(), text->data() + text->size(), seconds);
    }
    return std::min<Duration>(std::chrono::seconds(seconds), kRetryAfterMax);
}

}  // namespace

TrackerSession::TrackerSession(const TrackerClient::Parts& parts, const TrackerOptions& options,
                               TrackerNumber number)
    : parts_(parts),
      options_(options),
      number_(number),
      base_(without_slash(options.urls[number])) {}

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
            (void)co_await wake_.wait(std::min(heartbeat_at_, peers_at_));
        } else if (forgotten_ && failures_ == 0) {
            ++failures_;  // register again at once, but not for ever
        } else {
            failed(result.error());
            co_await back_off();
        }
        if (forgotten_) {
            forgotten_ = false;
            token_.reset();
        }
    }
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
    seen_as_ = registered.address;
    heartbeat_every_ = std::chrono::seconds(
        std::clamp(registered.heartbeat_seconds, kHeartbeatSecondsMin, kHeartbeatSecondsMax));
    const TimePoint now = parts_.clock.now();
    heartbeat_at_ = now + jittered(heartbeat_every_, 20);
    peers_at_ = now;
    changes_ = registered.changes;
    sync_due_ = true;
    // It may have lost what it knew: tell it everything.
    announcing_all_ = true;
    announced_to_.reset();
    waiting_.clear();
}

async::Task<Result<>> TrackerSession::do_what_is_due() {
    Result<> result = co_await heartbeat_if_due();
    if (result.ok()) {
        result = co_await announce_waiting();
    }
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
    if (result.ok() && parts_.clock.now() >= peers_at_) {
        result = co_await ask_for_peers();
    }
    if (result.ok()) {
        state_ = "online";
        detail_.clear();
        failures_ = 0;
    }
    co_return result;
}

async::Task<Result<>> TrackerSession::heartbeat_if_due() {
    if (parts_.clock.now() < heartbeat_at_) {
        co_return done();
    }
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
    heartbeat_at_ = parts_.clock.now() + jittered(heartbeat_every_, 20);
    note_changes(heard->changes);
    co_return done();
}

void TrackerSession::note_changes(std::uint64_t changes) {
    sync_due_ = sync_due_ || changes_ != changes;
    changes_ = changes;
}

async::Task<Result<>> TrackerSession::announce_waiting() {
    while (!waiting_.empty()) {
        std::vector<protocol::AnnouncedContent> contents;
        std::size_t bytes = 0;
        for (const protocol::AnnouncedContent& content : waiting_) {
            bytes += json_bytes(content);
            if (contents.size() == kAnnounceBatch ||
                (bytes > kAnnounceBytesAim && !contents.empty())) {
                break;
            }
            contents.push_back(content);
        }
        const std::size_t count = contents.size();
        const Result<> sent = co_await send_announce(std::move(contents));
        if (!sent.ok()) {
            co_return sent;
        }
        waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    }
    co_return done();
}

async::Task<Result<>> TrackerSession::announce_page() {
    std::vector<protocol::AnnouncedContent> batch;
    std::size_t bytes = 0;
    bool all = false;
    std::optional<ContentId> to = announced_to_;
    while (!all && bytes < kAnnounceBytesAim / 2 && batch.size() < kAnnounceBatch) {
        std::vector<protocol::AnnouncedContent> page =
            parts_.port.contents_after(to, kContentsPerPage);
        all = page.empty();
        for (protocol::AnnouncedContent& content : page) {
            bytes += json_bytes(content);
            to = content.content;
            batch.push_back(std::move(content));
            if (bytes > kAnnounceBytesAim) {
                break;  // the rest of the page comes again, after `to`
            }
        }
    }
    if (!batch.empty()) {
        const Result<> sent = co_await send_announce(std::move(batch));
        if (!sent.ok()) {
            co_return sent;
        }
    }
    announced_to_ = to;
    announcing_all_ = !all;
    co_return co_await heartbeat_if_due();
}

async::Task<Result<>> TrackerSession::send_announce(
    std::vector<protocol::AnnouncedContent> contents) {
    for (protocol::AnnouncedContent& content : contents) {
        if (content.name.empty()) {
            content.name = content.content.root.hex();  // the catalog knows a better one
        }
    }
    std::string body = protocol::encode(contents);
    const Result<std::string> answer =
        co_await call(Method::post, "/api/files/announce", std::move(body));
    if (!answer.ok()) {
        co_return answer.error();
    }
    co_return done();
}

async::Task<Result<>> TrackerSession::sync() {
    const std::string path = "/api/swarms/" + options_.swarm.hex() + "/changes";
    protocol::ChangesRequest request;
    bool first = true;
    for (int turn = 0; turn < kSyncTurnsMax; ++turn) {
        request.vector = parts_.port.catalog_vector();
        std::string body = protocol::encode(request);
        const Result<std::string> text = co_await call(Method::post, path, std::move(body));
        if (!text.ok()) {
            co_return text.error();
        }
        const Result<protocol::ChangesAnswer> answer = protocol::decode_changes_answer(*text);
        if (!answer.ok()) {
            co_return answer.error();
        }
        if (!answer->messages.empty()) {
            const Result<> taken = parts_.port.catalog_from(number_, answer->messages);
            if (!taken.ok()) {
                co_return taken;
            }
        }
        if (!answer->refused.empty()) {
            log_warning("discovery", base_ + " refused a part of the catalog: " +
                                         printable(answer->refused.front().detail));
        }
        request.cursor = answer->cursor;
        request.messages = collect_outgoing(answer->vector, first);
        first = false;
        if (request.cursor.empty() && request.messages.empty()) {
            break;
        }
        const Result<> beating = co_await heartbeat_if_due();
        if (!beating.ok()) {
            co_return beating;
        }
    }
    co_return done();
}

std::vector<Bytes> TrackerSession::collect_outgoing(const Bytes& their_vector, bool first) {
    std::vector<Bytes> outgoing;
    std::size_t bytes = 0;
    while (bytes < protocol::kChangesBytesAim && outgoing.size() < protocol::kChangesMessagesAim) {
        std::vector<Bytes> piece =
            parts_.port.catalog_for(number_, their_vector, first, kCatalogPieceBytes);
        first = false;
        if (piece.empty()) {
            break;
        }
        for (Bytes& message : piece) {
            bytes += message.size();
            outgoing.push_back(std::move(message));
        }
    }
    return outgoing;
}

async::Task<Result<>> TrackerSession::ask_for_peers() {
    const std::string path =
        "/api/swarms/" + options_.swarm.hex() + "/peers?limit=" + std::to_string(kPeersAsked);
    const Result<std::string> answer = co_await call(Method::get, path, "");
    if (!answer.ok()) {
        co_return answer.error();
    }
    Result<std::vector<protocol::TrackerPeer>> peers = protocol::decode_peers(*answer);
    if (!peers.ok()) {
        co_return peers.error();
    }
    peers_at_ = parts_.clock.now() + jittered(kPeersEvery, 20);
    std::erase_if(*peers,
                  [this](const protocol::TrackerPeer& peer) { return peer.peer == options_.node; });
    const Result<http::Url> url = http::parse_url(base_);
    const bool local = url.ok() && parts_.http.last_was_loopback(url->origin());
    parts_.port.on_tracker_peers(
        number_, *peers,
        local ? transport::TellerPlace::on_loopback : transport::TellerPlace::elsewhere);
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
    Result<http::Answer> answer = co_await parts_.http.request(
        method, std::move(url), std::move(headers), std::move(body), kTrackerAnswerWithin);
    if (!answer.ok()) {
        co_return answer.error();
    }
    if (answer->success()) {
        co_return std::move(answer->body);
    }
    const protocol::Problem problem = protocol::decode_problem(answer->status, answer->body);
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
    const Duration base =
        std::min<Duration>(kTrackerRetryFirst * (1 << std::min(failures_, 16U)), kTrackerRetryMax);
    ++failures_;
    const TimePoint until =
        parts_.clock.now() + std::max(jittered(base * 5 / 4, 40), std::exchange(retry_after_, {}));
    hurried_ = false;
    while (!hurried_ && parts_.clock.now() < until) {
        (void)co_await wake_.wait(until);
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

void TrackerSession::announce(const std::vector<protocol::AnnouncedContent>& contents) {
    if (!token_) {
        return;  // the full announce will tell of them
    }
    if (waiting_.size() + contents.size() > kAnnounceWaitingMax) {
        waiting_.clear();
        announcing_all_ = true;
        announced_to_.reset();
    } else {
        waiting_.insert(waiting_.end(), contents.begin(), contents.end());
    }
    wake_.notify();
}

void TrackerSession::catalog_changed() {
    sync_due_ = true;
    wake_.notify();
}

void TrackerSession::hurry() {
    const TimePoint now = parts_.clock.now();
    if (now - hurried_at_ < kHurryEvery) {
        return;
    }
    hurried_at_ = now;
    hurried_ = true;
    peers_at_ = now;
    wake_.notify();
}

TrackerReport TrackerSession::report() const {
    return {options_.urls[number_], state_, detail_, seen_as_};
}

// `length` less up to `percent` of it.
Duration TrackerSession::jittered(Duration length, unsigned percent) {
    const std::uint64_t thousandths = parts_.dice.below(percent * 10 + 1);
    return length - length * static_cast<Duration::rep>(thousandths) / 1000;
}

// A tracker counts a statement only when it is later than the last one.
std::uint64_t TrackerSession::statement_time() {
    statement_ms_ = std::max(parts_.clock.wall_ms(), statement_ms_ + 1);
    return statement_ms_;
}

}  // namespace swarmfs::discovery
