// What a server holds for strangers, and how long it waits for them.
#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>

#include "engine/http/server.hpp"
#include "tests/http/raw_client.hpp"

using namespace swarmfs;
using namespace swarmfs::http;
using std::chrono::seconds;
using swarmfs::test::body_of;
using swarmfs::test::RawClient;
using swarmfs::test::status_of;

namespace {

constexpr std::size_t kBigBytes = 300'000;
// Far below an answer, so that the server sees what is taken and what is not.
constexpr int kUnreadBytes = 16 * 1024;

// The machine's clocks, and what a test puts in front of them.
class AdvancedClock final : public Clock {
public:
    TimePoint now() const override { return real_.now() + seconds(ahead_.load()); }
    std::uint64_t wall_ms() const override {
        return real_.wall_ms() + static_cast<std::uint64_t>(ahead_.load()) * 1000;
    }
    void advance(int by_seconds) { ahead_ += by_seconds; }

private:
    const SystemClock real_;
    std::atomic<int> ahead_{0};
};

struct Fixture {
    explicit Fixture(ServerOptions options = {}) {
        Routes routes;
        routes.add(Method::get, "/hello", 0,
                   [](const Request&) { return Response::text("hello"); });
        routes.add(Method::get, "/big", 0,
                   [](const Request&) { return Response::text(std::string(kBigBytes, 'x')); });
        routes.add(Method::post, "/large", 1'000'000, [](const Request& request) {
            return Response::text(std::to_string(request.body.size()));
        });
        options.listen = "127.0.0.1:0";
        options.threads = 1;
        options.sweep_period = std::chrono::milliseconds(5);
        auto started = Server::start(std::move(routes), std::move(options), clock);
        REQUIRE(started.ok());
        server = std::move(*started);
    }

    std::string ask(std::string_view bytes) {
        RawClient client(server->port());
        client.send(bytes);
        return client.answer();
    }
    bool until(const std::function<bool()>& seen) {
        const TimePoint end = real.now() + seconds(20);
        while (!seen()) {
            if (real.now() > end) {
                return false;
            }
            (void)ask("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
        }
        return true;
    }
    // Time passes, and the server knows. It dates its answers anew when it looks at deadlines.
    void let_pass(int by_seconds) {
        const auto date = [this] {
            const std::string answer = ask("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
            return answer.substr(answer.find("Date: "), 40);
        };
        const std::string before = date();
        clock.advance(by_seconds);
        REQUIRE(until([&] { return date() != before; }));
    }

    const SystemClock real;
    AdvancedClock clock;
    std::unique_ptr<Server> server;
};

const std::string kLargeHead = "POST /large HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n";
const std::string kBig = "GET /big HTTP/1.1\r\nHost: h\r\n\r\n";

}  // namespace

TEST_CASE("bodies that are only announced take nothing from those that are sent") {
    ServerOptions options;
    options.body_bytes_max = 13'500'000;  // a ninth for each address
    Fixture fixture(std::move(options));
    std::vector<std::unique_ptr<RawClient>> idle;
    for (int i = 0; i < 40; ++i) {
        idle.push_back(std::make_unique<RawClient>(fixture.server->port()));
        idle.back()->send(i % 2 == 0 ? kLargeHead
                                     : "POST /large HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                                       "chunked\r\n\r\nf0000\r\n");
    }
    CHECK(body_of(fixture.ask(kLargeHead + std::string(1'000'000, 'x'))) == "1000000");
    CHECK(fixture.server->counts().body_bytes == 0);
}

TEST_CASE("large bodies of one address share a budget, which they give back") {
    ServerOptions options;
    options.body_bytes_max = 13'500'000;  // a ninth for each address
    Fixture fixture(std::move(options));
    for (int round = 0; round < 3; ++round) {
        RawClient first(fixture.server->port());
        first.send(kLargeHead + std::string(900'000, 'x'));
        REQUIRE(fixture.until([&] { return fixture.server->counts().body_bytes >= 900'000; }));
        CHECK(status_of(fixture.ask(kLargeHead + std::string(1'000'000, 'x'))) == 503);
        first.send(std::string(100'000, 'x'));
        CHECK(body_of(first.answer()) == "1000000");
        CHECK(status_of(fixture.ask(kLargeHead + std::string(1'000'000, 'x'))) == 200);
    }
    RawClient gone(fixture.server->port());
    gone.send(kLargeHead + std::string(900'000, 'x'));
    gone.finish_sending();
    CHECK(gone.closed());
    CHECK(fixture.until([&] { return fixture.server->counts().body_bytes == 0; }));
}

TEST_CASE("answers that nobody takes are bounded, and given up when they are") {
    ServerOptions options;
    options.answer_bytes_max = 18'000'000;  // a ninth for each address
    Fixture fixture(std::move(options));
    std::vector<std::unique_ptr<RawClient>> deaf;
    bool refused = false;
    for (int i = 0; i < 100 && !refused; ++i) {
        deaf.push_back(std::make_unique<RawClient>(fixture.server->port(), kUnreadBytes));
        deaf.back()->send(kBig + kBig + kBig);
        refused = status_of(fixture.ask(kBig)) == 503;
        CHECK(fixture.server->counts().answer_bytes <= 2'000'000);
    }
    CHECK(refused);
    CHECK(status_of(fixture.ask("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n")) == 200);
    deaf.clear();
    CHECK(fixture.until([&] { return status_of(fixture.ask(kBig)) == 200; }));
}

TEST_CASE("who does not take an answer makes room for who does") {
    ServerOptions options;
    options.connections_per_address_max = 8;
    Fixture fixture(std::move(options));
    std::vector<std::unique_ptr<RawClient>> deaf;
    for (std::size_t i = 0; i < 8; ++i) {
        deaf.push_back(std::make_unique<RawClient>(fixture.server->port(), kUnreadBytes));
        deaf.back()->send(kBig + kBig + kBig);
        REQUIRE(deaf.back()->send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"));
    }
    fixture.clock.advance(1);
    for (int i = 0; i < 8; ++i) {
        CHECK(status_of(fixture.ask("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n")) == 200);
    }
}

TEST_CASE("a body on a slow line has longer than the patience with one that stands still") {
    Fixture fixture;
    RawClient slow(fixture.server->port());
    slow.send(kLargeHead);
    for (std::size_t sent = 0; sent < 1'000'000; sent += 200'000) {
        slow.send(std::string(200'000, 'x'));
        const std::uint64_t arrived = sent + 200'000;
        if (arrived < 1'000'000) {
            REQUIRE(fixture.until([&] { return fixture.server->counts().body_bytes >= arrived; }));
            fixture.let_pass(15);
        }
    }
    CHECK(body_of(slow.answer()) == "1000000");

    RawClient stalled(fixture.server->port());
    stalled.send(kLargeHead + std::string(500'000, 'x'));
    REQUIRE(fixture.until([&] { return fixture.server->counts().body_bytes >= 500'000; }));
    fixture.let_pass(21);
    CHECK(status_of(stalled.answer()) == 408);
}

TEST_CASE("an answer that is taken slowly is given the time, one that is not taken ends") {
    ServerOptions options;
    Fixture fixture(std::move(options));
    RawClient slow(fixture.server->port(), kUnreadBytes);
    for (int i = 0; i < 10; ++i) {
        slow.send(kBig);
    }
    for (int i = 0; i < 10; ++i) {
        CHECK(body_of(slow.answer()).size() == kBigBytes);
        fixture.let_pass(20);
    }
    RawClient deaf(fixture.server->port(), kUnreadBytes);
    deaf.send(kBig + kBig + kBig);
    REQUIRE(fixture.until([&] { return fixture.server->counts().answer_bytes > 0; }));
    fixture.let_pass(31);
    CHECK(fixture.until([&] { return fixture.server->counts().answer_bytes == 0; }));
}
