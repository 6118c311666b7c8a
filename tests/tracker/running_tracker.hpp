#pragma once
// A tracker on a free port, and members that speak to it over HTTP as a stranger would.

#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/catalog/grant.hpp"
#include "engine/crypto/signature.hpp"
#include "engine/protocol/tracker_messages.hpp"
#include "tests/catalog/members.hpp"
#include "tests/http/caller.hpp"
#include "tracker/storage.hpp"
#include "tracker/tracker.hpp"

namespace swarmfs::test {

inline const SystemClock kTestClock;

struct RunningTracker {
    explicit RunningTracker(std::string data = "", tracker::Settings settings = {})
        : settings_(std::move(settings)), data_(std::move(data)) {
        start();
    }

    void start() {
        settings_.listen = "127.0.0.1:0";
        settings_.data = data_;
        auto started = data_.empty() ? tracker::Tracker::start_on(tracker::make_memory_storage(),
                                                                  settings_, kTestClock)
                                     : tracker::Tracker::start(settings_, kTestClock);
        REQUIRE(started.ok());
        tracker = std::move(*started);
    }
    // On another port: the old one may have been given to somebody else meanwhile.
    void restart() {
        tracker.reset();
        start();
    }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(tracker->port()); }

    std::unique_ptr<tracker::Tracker> tracker;

private:
    tracker::Settings settings_;
    std::string data_;
};

struct JsonAnswer {
    unsigned status = 0;
    nlohmann::json body;
    std::string code() const { return body.is_object() ? body.value("code", "") : ""; }
};

struct Visitor {
    explicit Visitor(std::string base_in) : base(std::move(base_in)) {}

    JsonAnswer send(http::Method method, const std::string& path, const std::string& body,
                    std::vector<http::HeaderField> headers = {}) {
        const auto answer = caller.send(method, base + path, body, std::move(headers));
        if (!answer.ok()) {
            FAIL(answer.error().message);
        }
        if (answer->status >= 400) {
            CHECK(answer->header("Content-Type") == "application/problem+json");
        }
        return {answer->status, nlohmann::json::parse(answer->body, nullptr, false)};
    }
    JsonAnswer get(const std::string& path) { return send(http::Method::get, path, ""); }
    JsonAnswer post(const std::string& path, const nlohmann::json& body,
                    std::vector<http::HeaderField> headers = {}) {
        return send(http::Method::post, path, body.dump(), std::move(headers));
    }

    std::string base;
    Caller caller;
};

// A member of `swarm` with a key of its own, registered or not.
struct Registrant {
    explicit Registrant(std::uint64_t seed, SwarmId swarm_in = {})
        : key(catalog::testing::test_key(seed)), swarm(swarm_in) {}

    protocol::Registration registration() {
        last_ms = std::max(last_ms + 1, kTestClock.wall_ms());
        protocol::Registration statement;
        statement.peer = key.public_key();
        statement.swarm = swarm;
        statement.timestamp_ms = last_ms;
        statement.port = 6881;
        statement.grant = grant;
        sign(statement);
        return statement;
    }
    void sign(protocol::Registration& statement) const {
        statement.signature =
            key.sign(protocol::kRegisterPurpose, protocol::statement_of(statement)).bytes;
    }
    protocol::Leaving leaving() {
        last_ms = std::max(last_ms + 1, kTestClock.wall_ms());
        protocol::Leaving statement{key.public_key(), swarm, last_ms, {}};
        statement.signature =
            key.sign(protocol::kLeavePurpose, protocol::statement_of(statement)).bytes;
        return statement;
    }
    void enter(Visitor& visitor) {
        const JsonAnswer answer = visitor.send(http::Method::post, "/api/peers/register",
                                               protocol::encode(registration()));
        REQUIRE(answer.status == 200);
        token = answer.body["token"];
    }
    std::vector<http::HeaderField> shown() const { return {{protocol::kPeerTokenHeader, token}}; }
    std::string id() const { return key.public_key().hex(); }

    crypto::SigningKey key;
    SwarmId swarm;
    Bytes grant;
    std::string token;
    std::uint64_t last_ms = 0;
};

}  // namespace swarmfs::test
