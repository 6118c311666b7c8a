#include "engine/http/server.hpp"

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "engine/http/request_parser.hpp"
#include "tests/http/raw_client.hpp"

using namespace swarmfs;
using namespace swarmfs::http;
using std::chrono::milliseconds;
using swarmfs::test::body_of;
using swarmfs::test::RawClient;
using swarmfs::test::status_of;

namespace {

const SystemClock kClock;

// Answers what it is asked, and keeps deferred replies until the test gives them.
struct Fixture {
    explicit Fixture(ServerOptions options = {}) {
        Routes routes;
        routes.add(Method::get, "/hello", 0,
                   [](const Request&) { return Response::text("hello"); });
        routes.add(Method::post, "/echo", 1000, [](const Request& request) {
            return Response::text(std::string(request.body));
        });
        routes.add(Method::get, "/things/{id}/parts/{part}", 0, [](const Request& request) {
            return Response::text(std::string(request.parameters[0]) + "|" +
                                  std::string(request.parameters[1]) + "|" +
                                  std::string(request.query) + "|" +
                                  std::string(request.header("x-test").value_or("none")) + "|" +
                                  std::string(request.remote_address));
        });
        routes.add(Method::get, "/big", 0,
                   [](const Request&) { return Response::text(std::string(300'000, 'x')); });
        routes.add(Method::get, "/fails", 0,
                   [](const Request&) -> Response { throw std::runtime_error("a bug"); });
        routes.add_deferred(Method::get, "/later", 0, [this](const Request&, Reply reply) {
            const std::lock_guard lock(mutex);
            kept.emplace(std::move(reply));
            arrived.notify_all();
        });
        routes.add_deferred(Method::get, "/fails-later", 0, [](const Request&, Reply reply) {
            const Reply lost = std::move(reply);
            throw std::runtime_error("a bug");
        });
        options.listen = "127.0.0.1:0";
        options.sweep_period = milliseconds(20);
        auto started = Server::start(std::move(routes), std::move(options), kClock);
        REQUIRE(started.ok());
        server = std::move(*started);
    }

    Reply take_kept() {
        std::unique_lock lock(mutex);
        REQUIRE(
            arrived.wait_for(lock, std::chrono::seconds(10), [this] { return kept.has_value(); }));
        Reply reply = std::move(*kept);
        kept.reset();
        return reply;
    }

    std::mutex mutex;
    std::condition_variable arrived;
    std::optional<Reply> kept;
    std::unique_ptr<Server> server;
};

// One request on a connection of its own.
std::string ask(Fixture& fixture, std::string_view bytes) {
    RawClient client(fixture.server->port());
    client.send(bytes);
    return client.answer();
}

ServerOptions impatient() {
    ServerOptions options;
    options.idle_timeout = milliseconds(60);
    options.request_timeout = milliseconds(60);
    options.answer_timeout = milliseconds(60);
    return options;
}

}  // namespace

TEST_CASE("a request is answered and the connection kept") {
    Fixture fixture;
    RawClient client(fixture.server->port());
    for (int i = 0; i < 3; ++i) {
        client.send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
        const std::string answer = client.answer();
        CHECK(status_of(answer) == 200);
        CHECK(body_of(answer) == "hello");
        CHECK(answer.find("\r\nDate: ") != std::string::npos);
    }
    CHECK(fixture.server->counts().accepted == 1);
    CHECK(fixture.server->counts().requests == 3);
}

TEST_CASE("pipelined requests are answered in order, also behind a deferred one") {
    Fixture fixture;
    RawClient client(fixture.server->port());
    client.send(
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none\r\n"
        "GET /later HTTP/1.1\r\nHost: h\r\n\r\n"
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nthree");
    CHECK(body_of(client.answer()) == "one");
    Reply reply = fixture.take_kept();
    reply(Response::text("two"));
    CHECK(body_of(client.answer()) == "two");
    CHECK(body_of(client.answer()) == "three");
}

TEST_CASE("hundreds of pipelined requests with large answers are all answered") {
    Fixture fixture;
    RawClient client(fixture.server->port());
    constexpr int kCount = 300;
    std::thread sender([&client] {
        for (int i = 0; i < kCount; ++i) {
            client.send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
        }
    });
    for (int i = 0; i < kCount; ++i) {
        CHECK(body_of(client.answer()).size() == 300'000);
    }
    sender.join();
}

TEST_CASE("parameters, query, headers and the address reach the handler") {
    Fixture fixture;
    const std::string answer =
        ask(fixture, "GET /things/a%20b/parts/7?x=1 HTTP/1.1\r\nHost: h\r\nX-Test: yes\r\n\r\n");
    CHECK(body_of(answer) == "a b|7|x=1|yes|127.0.0.1");
}

TEST_CASE("a request may arrive byte by byte") {
    Fixture fixture;
    RawClient client(fixture.server->port());
    for (const char c :
         std::string("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                     "\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nHost: trailer\r\n\r\n")) {
        client.send(std::string_view(&c, 1));
    }
    CHECK(body_of(client.answer()) == "abcde");
    client.send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(body_of(client.answer()) == "hello");
}

TEST_CASE("a last chunk that arrives in pieces ends its request, and not the program") {
    Fixture fixture;
    for (const std::string_view first : {"0", "0\r", "0\r\n", "0\r\n\r"}) {
        RawClient client(fixture.server->port());
        client.send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send(first);
        // A request on another connection of the same thread shows that the first piece was read.
        CHECK(status_of(ask(fixture, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n")) == 200);
        CHECK(status_of(ask(fixture, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n")) == 200);
        const std::string_view whole = "0\r\n\r\n";
        for (const char c : whole.substr(first.size())) {
            client.send(std::string_view(&c, 1));
        }
        CHECK(status_of(client.answer()) == 200);
    }
}

TEST_CASE("HEAD is answered like GET, without the body") {
    Fixture fixture;
    RawClient client(fixture.server->port());
    client.send("HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    const std::string head = client.answer(true);
    CHECK(status_of(head) == 200);
    CHECK(head.find("Content-Length: 5\r\n") != std::string::npos);
    CHECK(body_of(client.answer()) == "hello");
}

TEST_CASE("a client that waits for 100 Continue gets it before it sends the body") {
    Fixture fixture;
    RawClient client(fixture.server->port());
    client.send(
        "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    CHECK(status_of(client.answer()) == 100);
    client.send("ok");
    CHECK(body_of(client.answer()) == "ok");
}

TEST_CASE("HTTP/1.0 is served and its connection closed unless kept") {
    Fixture fixture;
    RawClient client(fixture.server->port());
    client.send("GET /hello HTTP/1.0\r\n\r\n");
    CHECK(body_of(client.rest()) == "hello");
    RawClient keeper(fixture.server->port());
    keeper.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(body_of(keeper.answer()) == "hello");
    keeper.send("GET /hello HTTP/1.0\r\n\r\n");
    CHECK(body_of(keeper.answer()) == "hello");
}

TEST_CASE("unknown paths and wrong methods are refused and the connection kept") {
    Fixture fixture;
    RawClient client(fixture.server->port());
    client.send("GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(status_of(client.answer()) == 404);
    client.send("DELETE /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    const std::string answer = client.answer();
    CHECK(status_of(answer) == 405);
    CHECK(answer.find("\r\nAllow: GET, HEAD\r\n") != std::string::npos);
    client.send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(status_of(client.answer()) == 200);
}

TEST_CASE("a handler that fails costs its own request only") {
    Fixture fixture;
    RawClient client(fixture.server->port());
    client.send("GET /fails HTTP/1.1\r\nHost: h\r\n\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(status_of(client.answer()) == 500);
    CHECK(status_of(client.answer()) == 200);
}

TEST_CASE("requests that are malformed or ambiguous are refused and the connection ends") {
    Fixture fixture;
    const std::string get = "GET /hello HTTP/1.1\r\n";
    const std::string post = "POST /echo HTTP/1.1\r\nHost: h\r\n";
    const std::vector<std::pair<std::string, int>> cases = {
        {"\x16\x03\x01\x02\x01 TLS hello\r\n\r\n", 400},
        {"GET\r\n\r\n", 400},
        {"GET /hello HTTP/2.0\r\nHost: h\r\n\r\n", 505},
        {"GET /hello\r\n\r\n", 400},
        {"BREW /hello HTTP/1.1\r\nHost: h\r\n\r\n", 501},
        {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 501},
        {"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 501},
        {"GET http://h/hello HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET /hello#x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET /%ff HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET /../etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET /\xC3\xBC HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {get + "\r\n", 400},                        // no Host
        {get + "Host: a\r\nHost: b\r\n\r\n", 400},  // two
        {get + "Host: h\r\nBad Name: x\r\n\r\n", 400},
        {get + "Host : h\r\n\r\n", 400},
        {post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
        {post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
        {post + "Content-Length: 3, 3\r\n\r\nabc", 400},
        {post + "Content-Length: +3\r\n\r\nabc", 400},
        {post + "Content-Length: -1\r\n\r\n", 400},
        {post + "Content-Length: 99999999999999999999\r\n\r\n", 400},
        {post + "Transfer-Encoding: gzip\r\n\r\n", 400},
        {post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
        {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", 400},
        {post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {post + "Content-Length: 1001\r\n\r\n", 413},
        {post + "Transfer-Encoding: chunked\r\n\r\n400\r\n" + std::string(0x400, 'x'), 413},
        {post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx", 413},
        {"GET /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", 413},
        {post + "Expect: a-miracle\r\n\r\n", 417},
        {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414},
        {get + "Host: h\r\nX: " + std::string(17 * 1024, 'a') + "\r\n\r\n", 431},
    };
    for (const auto& [bytes, status] : cases) {
        CAPTURE(bytes.substr(0, 200));
        RawClient client(fixture.server->port());
        client.send(bytes);
        const std::string answer = client.answer();
        CHECK(status_of(answer) == status);
        CHECK(answer.find("Connection: close") != std::string::npos);
        client.finish_sending();
        CHECK(client.closed());
    }
    std::string many = get + "Host: h\r\n";
    for (std::size_t i = 0; i < kFieldsMax; ++i) {
        many += "X-" + std::to_string(i) + ": y\r\n";
    }
    CHECK(status_of(ask(fixture, many + "\r\n")) == 431);
    // A header that trickles in field by field is bounded as a whole.
    RawClient trickle(fixture.server->port());
    trickle.send(get + "Host: h\r\n");
    for (int i = 0; i < 40 && trickle.send("A: " + std::string(800, 'x') + "\r\n"); ++i) {
    }
    CHECK(status_of(trickle.answer()) == 431);
    CHECK(status_of(ask(fixture, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n")) == 200);
}

TEST_CASE("a chunked body's header lines and trailer are bounded") {
    Fixture fixture;
    RawClient client(fixture.server->port());
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;");
    const std::string extension(1024, 'x');
    for (int i = 0; i < 200 && client.send(extension); ++i) {
    }
    CHECK(status_of(client.answer()) == 400);
}

TEST_CASE("slow clients are told so, idle ones are closed") {
    Fixture fixture(impatient());
    RawClient slow(fixture.server->port());
    slow.send("GET /hello HT");
    CHECK(status_of(slow.answer()) == 408);
    RawClient slow_body(fixture.server->port());
    slow_body.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nab");
    CHECK(status_of(slow_body.answer()) == 408);
    RawClient silent(fixture.server->port());
    CHECK(silent.closed());
    RawClient idle(fixture.server->port());
    idle.send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(status_of(idle.answer()) == 200);
    CHECK(idle.closed());
}

TEST_CASE("a client that does not take its answers is closed") {
    ServerOptions options;
    options.write_timeout = milliseconds(60);
    Fixture fixture(std::move(options));
    RawClient client(fixture.server->port());
    bool sent = true;
    for (int i = 0; i < 10'000'000 && sent; ++i) {  // more than any buffer on the way takes
        sent = client.send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    CHECK(!sent);
}

TEST_CASE("a deferred answer that does not come is replaced by 503") {
    Fixture fixture(impatient());
    RawClient client(fixture.server->port());
    client.send("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(status_of(client.answer()) == 503);
    Reply reply = fixture.take_kept();
    reply(Response::text("too late"));
    CHECK(client.closed());
}

TEST_CASE("a deferred reply that is dropped, or whose handler fails, answers 500") {
    ServerOptions options;
    options.refusal = [](unsigned status, const std::string& code, const std::string&) {
        return Response{status, "application/problem+json", code, {}};
    };
    Fixture fixture(std::move(options));
    RawClient client(fixture.server->port());
    client.send("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    { const Reply dropped = fixture.take_kept(); }
    const std::string dropped = client.answer();
    CHECK(status_of(dropped) == 500);
    CHECK(dropped.find("application/problem+json") != std::string::npos);
    CHECK(body_of(dropped) == "internal");
    client.send("GET /fails-later HTTP/1.1\r\nHost: h\r\n\r\n");
    const std::string failed = client.answer();
    CHECK(status_of(failed) == 500);
    CHECK(body_of(failed) == "internal");
    client.send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(status_of(client.answer()) == 200);
}

TEST_CASE("a reply may outlive its client and its server") {
    std::optional<Reply> reply;
    {
        Fixture fixture;
        RawClient client(fixture.server->port());
        client.send("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
        reply = fixture.take_kept();
    }
    (*reply)(Response::text("nobody hears"));
}

TEST_CASE("a flood of half-open connections does not keep an honest client out") {
    ServerOptions options;
    options.connections_per_address_max = 32;
    options.threads = 1;  // each newcomer is entered before the next is accepted
    Fixture fixture(std::move(options));
    std::vector<std::unique_ptr<RawClient>> flood;
    for (int i = 0; i < 200; ++i) {
        flood.push_back(std::make_unique<RawClient>(fixture.server->port()));
        flood.back()->send("GET /hel");
    }
    RawClient honest(fixture.server->port());
    honest.send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(status_of(honest.answer()) == 200);
    CHECK(fixture.server->counts().pushed_out > 100);
    CHECK(flood.front()->closed());
}

TEST_CASE("draining answers what is under way, closes the rest, and accepts no more") {
    ServerOptions options;
    options.threads = 1;  // when the idle one is closed, the busy one knows
    Fixture fixture(std::move(options));
    RawClient idle(fixture.server->port());
    idle.send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(status_of(idle.answer()) == 200);
    RawClient busy(fixture.server->port());
    busy.send("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    Reply reply = fixture.take_kept();
    std::thread draining([&] { fixture.server->drain(std::chrono::seconds(10)); });
    CHECK(idle.closed());
    reply(Response::text("at last"));
    const std::string answer = busy.answer();
    CHECK(body_of(answer) == "at last");
    CHECK(answer.find("Connection: close") != std::string::npos);
    CHECK(busy.closed());
    draining.join();
    CHECK(fixture.server->counts().connections == 0);
}

TEST_CASE("a port in use and an address that is none are told apart") {
    Fixture fixture;
    ServerOptions options;
    options.listen = "127.0.0.1:" + std::to_string(fixture.server->port());
    const auto in_use = Server::start(Routes{}, options, kClock);
    REQUIRE(!in_use.ok());
    CHECK(in_use.error().code == Code::busy);
    for (const char* listen :
         {"", "8080", ":8080", "localhost:80", "::1:80", "1.2.3.4:x", "[::1]"}) {
        options.listen = listen;
        const auto bad = Server::start(Routes{}, options, kClock);
        REQUIRE(!bad.ok());
        CHECK(bad.error().code == Code::configuration);
    }
}
