#include "engine/http/client.hpp"

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "engine/async/block_on.hpp"
#include "engine/http/server.hpp"
#include "tests/http/caller.hpp"
#include "tests/http/tls_server.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace swarmfs;
using namespace swarmfs::http;
using swarmfs::test::Caller;

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const SystemClock kClock;

std::unique_ptr<Server> echo_server() {
    Routes routes;
    routes.add(Method::get, "/hello", 0, [](const Request& request) {
        return Response::text("hello " + std::string(request.header("host").value_or("")));
    });
    routes.add(Method::post, "/echo", 1 << 20, [](const Request& request) {
        return Response::text(std::string(request.body), 201);
    });
    routes.add(Method::get, "/big", 0,
               [](const Request&) { return Response::text(std::string(500'000, 'x')); });
    routes.add(Method::get, "/moved", 0, [](const Request&) {
        Response response = Response::empty(302);
        response.headers.emplace_back("Location", "http://127.0.0.1/");
        return response;
    });
    ServerOptions options;
    options.listen = "127.0.0.1:0";
    auto server = Server::start(std::move(routes), std::move(options), kClock);
    REQUIRE(server.ok());
    return std::move(*server);
}

std::string base_of(const Server& server) {
    return "http://127.0.0.1:" + std::to_string(server.port());
}

enum class Delivery : std::uint8_t { at_once, byte_by_byte };

// Answers each connection with the next of `scripts`, byte for byte, and closes it.
class ScriptedServer {
public:
    explicit ScriptedServer(std::vector<std::string> scripts,
                            Delivery delivery = Delivery::at_once) {
        thread_ = std::thread([this, scripts = std::move(scripts), delivery] {
            for (const std::string& script : scripts) {
                boost::system::error_code failed;
                tcp::socket socket = acceptor_.accept(failed);
                if (failed) {
                    return;
                }
                std::string input;
                asio::read_until(socket, asio::dynamic_buffer(input), "\r\n\r\n", failed);
                socket.set_option(tcp::no_delay(true), failed);
                const std::size_t step = delivery == Delivery::at_once ? script.size() : 1;
                for (std::size_t at = 0; at < script.size() && !failed; at += step) {
                    asio::write(socket, asio::buffer(script.data() + at, step), failed);
                }
            }
        });
    }
    ~ScriptedServer() {
        ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
        thread_.join();
    }
    std::string url() const {
        return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/";
    }

private:
    asio::io_context context_;
    tcp::acceptor acceptor_{context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    std::thread thread_;
};

Result<Answer> answer_to(const std::string& script, ClientOptions options = {},
                         Delivery delivery = Delivery::at_once) {
    ScriptedServer server({script}, delivery);
    Caller caller(std::move(options));
    return caller.get(server.url());
}

}  // namespace

TEST_CASE("a request is answered, and its connection used again") {
    const auto server = echo_server();
    Caller caller;
    const auto hello = caller.get(base_of(*server) + "/hello");
    REQUIRE(hello.ok());
    CHECK(hello->status == 200);
    CHECK(hello->body == "hello 127.0.0.1:" + std::to_string(server->port()));
    CHECK(hello->header("content-type") == "text/plain; charset=utf-8");
    const std::string large(300'000, 'y');
    const auto echo = caller.send(Method::post, base_of(*server) + "/echo", large);
    REQUIRE(echo.ok());
    CHECK(echo->status == 201);
    CHECK(echo->body == large);
    CHECK(caller.send(Method::head, base_of(*server) + "/hello", "")->body.empty());
    CHECK(caller.get(base_of(*server) + "/big")->body.size() == 500'000);
    CHECK(server->counts().accepted == 1);
    CHECK(caller.client.last_was_loopback(base_of(*server)));
}

TEST_CASE("names are resolved, and every address of theirs tried") {
    const auto server = echo_server();  // on IPv4 only; localhost may be ::1 first
    Caller caller;
    const auto hello = caller.get("http://localhost:" + std::to_string(server->port()) + "/hello");
    REQUIRE(hello.ok());
    CHECK(hello->status == 200);
}

TEST_CASE("errors and redirects are answers; redirects are not followed") {
    const auto server = echo_server();
    Caller caller;
    CHECK(caller.get(base_of(*server) + "/nothing")->status == 404);
    CHECK(caller.get(base_of(*server) + "/moved")->status == 302);
}

TEST_CASE("a kept connection that has died is replaced") {
    auto server = echo_server();
    const std::uint16_t port = server->port();
    Caller caller;
    CHECK(caller.get(base_of(*server) + "/hello").ok());
    server.reset();
    const auto refused = caller.get("http://127.0.0.1:" + std::to_string(port) + "/hello");
    REQUIRE(!refused.ok());
    CHECK(refused.error().code == Code::unavailable);
    CHECK(refused.error().whose == Whose::network);

    ScriptedServer closing({"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1",
                            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"});
    CHECK(caller.get(closing.url())->body == "1");
    CHECK(caller.get(closing.url())->body == "2");
}

TEST_CASE("a server that does not answer is given up after the limit") {
    asio::io_context context;
    tcp::acceptor silent(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    Caller caller;
    const auto answer = caller.get(
        "http://127.0.0.1:" + std::to_string(silent.local_endpoint().port()), milliseconds(50));
    REQUIRE(!answer.ok());
    CAPTURE(answer.error().message);
    CHECK(answer.error().code == Code::timed_out);
}

TEST_CASE("answers of every framing are understood, also one byte at a time") {
    for (const Delivery delivery : {Delivery::at_once, Delivery::byte_by_byte}) {
        CAPTURE(delivery);
        const auto answer = [&](const std::string& script) {
            return answer_to(script, {}, delivery);
        };
        CHECK(answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
                  ->body == "abcde");
        CHECK(answer("HTTP/1.0 200 OK\r\n\r\nuntil the end")->body == "until the end");
        CHECK(answer("HTTP/1.1 204 No Content\r\n\r\n")->status == 204);
        CHECK(answer("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n"
                     "Content-Length: 2\r\n\r\nok")
                  ->body == "ok");
    }
}

TEST_CASE("answers that are no HTTP, too large, or cut short are errors, however they arrive") {
    for (const Delivery delivery : {Delivery::at_once, Delivery::byte_by_byte}) {
        CAPTURE(delivery);
        const auto code_of = [&](const std::string& script) {
            ClientOptions options;
            options.answer_bytes_max = 100;
            const auto answer = answer_to(script, options, delivery);
            return answer.ok() ? std::string("ok") : name_of(answer.error().code);
        };
        CHECK(code_of("SSH-2.0-OpenSSH_9.2\r\n\r\n") == "protocol");
        CHECK(code_of("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n") == "too_large");
        CHECK(code_of("HTTP/1.1 200 OK\r\n\r\n" + std::string(101, 'x')) == "too_large");
        CHECK(code_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\nx") ==
              "too_large");
        if (delivery == Delivery::at_once) {  // in pieces, these are cut short
            CHECK(code_of("SSH-2.0-OpenSSH_9.2\r\n") == "protocol");
            CHECK(code_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n") ==
                  "too_large");
        }
        CHECK(code_of("HTTP/1.1 200 OK\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n") ==
              "too_large");
        CHECK(code_of("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort") == "unavailable");
        CHECK(code_of("HTTP/1.1 200") == "unavailable");
        CHECK(code_of("") == "unavailable");
        std::string stalling;
        for (int i = 0; i < 10; ++i) {
            stalling += "HTTP/1.1 100 Continue\r\n\r\n";
        }
        CHECK(code_of(stalling) == "protocol");
    }
}

TEST_CASE("what would break a request is refused before it is sent") {
    Caller caller;
    CHECK(caller.get("not a url").error().code == Code::invalid);
    const auto broken = async::run_here(
        caller.context, caller.client.request(Method::get, "http://127.0.0.1:1/",
                                              {{"X-API-Key", "a\r\nb: c"}}, "", seconds(1)));
    CHECK(broken.error().code == Code::invalid);
}

TEST_CASE("https believes only certificates that are trusted and carry the name") {
    test::TemporaryDirectory folder;
    test::TlsServer right("localhost", folder.file("right.pem"));
    test::TlsServer wrong("elsewhere.example", folder.file("wrong.pem"));
    const auto url_of = [](const test::TlsServer& server) {
        return "https://localhost:" + std::to_string(server.port()) + "/";
    };
    ClientOptions believes_right;
    believes_right.ca_file = folder.file("right.pem");
    Caller caller(believes_right);
    for (int i = 0; i < 2; ++i) {
        const auto answer = caller.get(url_of(right));
        REQUIRE(answer.ok());
        CHECK(answer->body == "secret");
    }
    caller.client.close_idle();  // the server serves one connection after the other
    ClientOptions believes_wrong;
    believes_wrong.ca_file = folder.file("wrong.pem");
    Caller other(believes_wrong);
    CHECK(other.get(url_of(right)).error().code == Code::unavailable);
    CHECK(other.get(url_of(wrong)).error().code == Code::unavailable);
    Caller usual;
    CHECK(usual.get(url_of(right)).error().code == Code::unavailable);
    ClientOptions nothing;
    nothing.ca_file = folder.file("absent.pem");
    Caller misconfigured(nothing);
    CHECK(misconfigured.get(url_of(right)).error().code == Code::configuration);
}
