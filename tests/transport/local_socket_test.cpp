#include "engine/transport/local_socket.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "engine/protocol/control.hpp"

namespace swarmfs::transport {
namespace {

// One end of a pair of sockets that keep boundaries: each send is a receive of its own at the other
// end, so a byte that is sent alone arrives alone.
class Trickle {
public:
    Trickle() {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
        sender_ = ends[0];
        connection = std::make_unique<LocalConnection>(ends[1]);
    }
    ~Trickle() {
        connection.reset();  // a sender that waits for room learns that there will be none
        if (thread_.joinable()) {
            thread_.join();
        }
        ::close(sender_);
    }

    // On a thread of its own, as the kernel holds only some hundred messages; then its end closes.
    void say(std::string text, std::size_t step = 1) {
        thread_ = std::thread([this, text = std::move(text), step] {
            for (std::size_t at = 0; at < text.size(); at += step) {
                const std::string part = text.substr(at, step);
                if (::send(sender_, part.data(), part.size(), MSG_NOSIGNAL) < 0) {
                    return;
                }
            }
            ::shutdown(sender_, SHUT_WR);
        });
    }

    std::unique_ptr<LocalConnection> connection;

private:
    int sender_ = -1;
    std::thread thread_;
};

std::string code_of(const Result<std::optional<std::string>>& line) {
    return line.ok() ? (*line ? "line" : "end") : name_of(line.error().code);
}

}  // namespace

TEST_CASE("control lines that arrive one byte at a time are read as they were written") {
    protocol::ControlRequest request;
    request.id = 3;
    request.method = "list";
    request.params = {{"path", "a\nb\xC3\xA9"}};
    protocol::ControlReply reply;
    reply.id = 3;
    reply.result = {{"entries", {"x", "y"}}};
    Trickle trickle;
    trickle.say(protocol::encode(request) + protocol::encode(reply) + "\ncut short");
    const auto next = [&] { return trickle.connection->read_line(protocol::kControlLineBytesMax); };

    const auto asked = next();
    REQUIRE(code_of(asked) == "line");
    const auto request_read = protocol::decode_request(**asked);
    REQUIRE(request_read.ok());
    CHECK(request_read->id == 3);
    CHECK(request_read->method == "list");
    CHECK(request_read->params == request.params);
    const auto answered = next();
    REQUIRE(code_of(answered) == "line");
    const auto reply_read = protocol::decode_reply(**answered);
    REQUIRE(reply_read.ok());
    CHECK(reply_read->result == reply.result);
    const auto empty = next();
    REQUIRE(code_of(empty) == "line");
    CHECK((*empty)->empty());
    CHECK(code_of(next()) == "end");  // what has no newline is no line
    CHECK(code_of(next()) == "end");
}

TEST_CASE("a control message cut anywhere is no message") {
    protocol::ControlRequest request;
    request.method = "status";
    request.params = {{"deep", {{"list", {1, 2, 3}}}}};
    std::string whole = protocol::encode(request);
    whole.pop_back();  // the newline
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CHECK_FALSE(protocol::decode_request(std::string_view(whole).substr(0, size)).ok());
    }
    CHECK(protocol::decode_request(whole).ok());
}

TEST_CASE("a line is as long as its bound and no longer, however it arrives") {
    constexpr std::size_t kMax = 1000;
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
        CAPTURE(step);
        Trickle fits;
        fits.say(std::string(kMax, 'x') + "\n", step);
        const auto line = fits.connection->read_line(kMax);
        REQUIRE(code_of(line) == "line");
        CHECK((*line)->size() == kMax);

        Trickle longer;
        longer.say(std::string(kMax + 1, 'x') + "\n" + "next\n", step);
        CHECK(code_of(longer.connection->read_line(kMax)) == "too_large");
        CHECK(code_of(longer.connection->read_line(kMax)) == "too_large");

        Trickle endless;
        endless.say(std::string(100 * kMax, 'x'), step);
        CHECK(code_of(endless.connection->read_line(kMax)) == "too_large");
    }
}

}  // namespace swarmfs::transport
