#include "tests/discovery/fake_tracker.hpp"

#include <doctest/doctest.h>

#include "engine/protocol/problem.hpp"

namespace swarmfs::discovery::test {

using http::Method;
using http::Request;
using http::Response;

namespace {

const SystemClock kClock;

std::string header_of(const Request& request, std::string_view name) {
    return std::string(request.header(name).value_or(""));
}

}  // namespace

Bytes vector_of(const Texts& texts) {
    std::string joined;
    for (const std::string& text : texts) {
        joined += text + "\n";
    }
    return to_bytes(as_bytes(joined));
}

Texts texts_of(ByteSpan vector) {
    Texts texts;
    std::string_view left = as_text(vector);
    while (!left.empty()) {
        const std::size_t end = left.find('\n');
        texts.emplace(left.substr(0, end));
        left.remove_prefix(std::min(left.size(), end + 1));
    }
    return texts;
}

protocol::PeerSignature fake_signature(std::string_view purpose, ByteSpan statement) {
    protocol::PeerSignature signature{};
    std::size_t at = 0;
    const auto mix = [&](ByteSpan bytes) {
        for (const std::uint8_t byte : bytes) {
            std::uint8_t& here = signature[at++ % signature.size()];
            here = static_cast<std::uint8_t>(here * 31U + byte + at);
        }
    };
    mix(as_bytes(purpose));
    mix(statement);
    return signature;
}

Response refusal(unsigned status, const std::string& code, const std::string& detail) {
    Response response =
        Response::json(protocol::encode(protocol::Problem{status, code, detail}), status);
    response.content_type = protocol::kProblemType;
    return response;
}

FakeTracker::FakeTracker(std::uint16_t port) {
    http::Routes routes;
    const auto serve = [this](const Request& request, http::Reply reply) {
        handle(request, std::move(reply));
    };
    constexpr std::size_t kBodyBytesMax = protocol::kChangesBodyBytesMax;
    routes.add_deferred(Method::post, "/api/peers/{what}", kBodyBytesMax, serve);
    routes.add_deferred(Method::delete_, "/api/peers/{id}", kBodyBytesMax, serve);
    routes.add_deferred(Method::post, "/api/files/announce", kBodyBytesMax, serve);
    routes.add_deferred(Method::get, "/api/swarms/{id}/peers", 0, serve);
    routes.add_deferred(Method::post, "/api/swarms/{id}/changes", kBodyBytesMax, serve);
    http::ServerOptions options;
    options.listen = "127.0.0.1:" + std::to_string(port);
    auto server = http::Server::start(std::move(routes), std::move(options), kClock);
    REQUIRE(server.ok());
    server_ = std::move(*server);
}

FakeTracker::~FakeTracker() {
    {
        const std::lock_guard lock(mutex_);
        waiting_.clear();
    }
    server_.reset();
}

void FakeTracker::handle(const Request& request, http::Reply reply) {
    const std::string id = request.parameters.empty() ? "" : std::string(request.parameters[0]);
    std::string path(request.path);
    if (id.size() == 64) {
        path.replace(path.find(id), id.size(), "{id}");
    }
    Seen seen{std::string(name_of(request.method)) + " " + path, std::string(request.query),
              std::string(request.body), header_of(request, "X-API-Key"),
              header_of(request, protocol::kPeerTokenHeader)};
    const std::lock_guard lock(mutex_);
    seen_.push_back(seen);
    if (unanswered_.contains(seen.what)) {
        waiting_.push_back(std::move(reply));
        return;
    }
    std::optional<Response> own;
    if (misbehave_) {
        own = misbehave_(seen);
    }
    reply(own ? *std::move(own) : answer(seen));
}

Response FakeTracker::answer(const Seen& seen) {
    if (seen.what == "POST /api/peers/register") {
        return enter(seen);
    }
    if (seen.what == "POST /api/peers/heartbeat") {
        return beat(seen);
    }
    if (seen.what == "POST /api/files/announce") {
        return announce(seen);
    }
    if (seen.what == "GET /api/swarms/{id}/peers") {
        return Response::json(protocol::encode(peers_));
    }
    if (seen.what == "POST /api/swarms/{id}/changes") {
        return changes(seen);
    }
    return leave(seen);
}

Response FakeTracker::enter(const Seen& seen) {
    auto registration = protocol::decode_registration(seen.body);
    if (!registration.ok() ||
        registration->signature !=
            fake_signature(protocol::kRegisterPurpose, protocol::statement_of(*registration))) {
        return refusal(403, "bad_signature", "the registration is not signed by its peer");
    }
    registered_ = *std::move(registration);
    token_ = protocol::PeerToken{};
    token_->bytes.fill(static_cast<std::uint8_t>(seen_.size()));
    protocol::Registered registered;
    registered.token = *token_;
    registered.address = "192.0.2.7:6881";
    registered.heartbeat_seconds = heartbeat_seconds_;
    registered.changes = moves_;
    return Response::json(protocol::encode(registered));
}

Response FakeTracker::beat(const Seen& seen) {
    const auto heartbeat = protocol::decode_heartbeat(seen.body);
    if (!heartbeat.ok() || !token_ || heartbeat->token != *token_) {
        return refusal(404, "unknown_peer", "register first");
    }
    return Response::json(protocol::encode(protocol::HeartbeatAnswer{moves_}));
}

Response FakeTracker::leave(const Seen& seen) {
    const auto leaving = protocol::decode_leaving(seen.body);
    if (!leaving.ok() || leaving->signature != fake_signature(protocol::kLeavePurpose,
                                                              protocol::statement_of(*leaving))) {
        return refusal(403, "bad_signature", "leaving is not signed by its peer");
    }
    registered_.reset();
    token_.reset();
    return Response::empty(204);
}

Response FakeTracker::announce(const Seen& seen) {
    if (!token_ || seen.token != token_->hex()) {
        return refusal(404, "unknown_peer", "register first");
    }
    const auto announce = protocol::decode_announce(seen.body);
    if (!announce.ok()) {
        return refusal(400, "invalid", announce.error().message);
    }
    for (const protocol::AnnouncedContent& content : announce->contents) {
        announced_.insert(content.content);
    }
    return Response::json("{}");
}

Response FakeTracker::changes(const Seen& seen) {
    const auto request = protocol::decode_changes_request(seen.body);
    if (!request.ok()) {
        return refusal(400, "invalid", request.error().message);
    }
    Texts theirs = texts_of(request->vector);
    for (const Bytes& message : request->messages) {
        const std::string text(as_text(message));
        theirs.insert(text);
        moves_ += catalog_.insert(text).second ? 1 : 0;
    }
    protocol::ChangesAnswer answer;
    answer.vector = vector_of(catalog_);
    for (const std::string& text : catalog_) {
        if (theirs.contains(text)) {
            continue;
        }
        if (answer.messages.size() == page_) {
            answer.cursor = "more";
            break;
        }
        answer.messages.push_back(to_bytes(as_bytes(text)));
    }
    return Response::json(protocol::encode(answer));
}

void FakeTracker::misbehave(Misbehave how) {
    const std::lock_guard lock(mutex_);
    misbehave_ = std::move(how);
}

void FakeTracker::never_answer(const std::string& what) {
    const std::lock_guard lock(mutex_);
    unanswered_.insert(what);
}

void FakeTracker::put_catalog(Texts texts) {
    const std::lock_guard lock(mutex_);
    catalog_ = std::move(texts);
    ++moves_;
}

void FakeTracker::put_peers(std::vector<protocol::TrackerPeer> peers) {
    const std::lock_guard lock(mutex_);
    peers_ = std::move(peers);
}

void FakeTracker::put_heartbeat_seconds(std::uint64_t seconds) {
    const std::lock_guard lock(mutex_);
    heartbeat_seconds_ = seconds;
}

void FakeTracker::put_page(std::size_t messages) {
    const std::lock_guard lock(mutex_);
    page_ = messages;
}

std::size_t FakeTracker::count(const std::string& what) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(
        seen_.begin(), seen_.end(), [&](const Seen& one) { return one.what == what; }));
}

std::vector<FakeTracker::Seen> FakeTracker::seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
}

Texts FakeTracker::catalog() const {
    const std::lock_guard lock(mutex_);
    return catalog_;
}

std::set<ContentId> FakeTracker::announced() const {
    const std::lock_guard lock(mutex_);
    return announced_;
}

std::optional<protocol::Registration> FakeTracker::registered() const {
    const std::lock_guard lock(mutex_);
    return registered_;
}

}  // namespace swarmfs::discovery::test
