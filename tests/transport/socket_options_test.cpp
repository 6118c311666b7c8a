#include "engine/transport/socket_options.hpp"

#include <doctest/doctest.h>
// Not <netinet/tcp.h>: its tcp_info ends before the rate.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace swarmfs::transport {

namespace {

using namespace std::chrono_literals;

// Two ends of one connection over loopback.
class Connection {
public:
    Connection() {
        const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof(address);
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        REQUIRE(::bind(listener, any, length) == 0);
        REQUIRE(::listen(listener, 1) == 0);
        REQUIRE(::getsockname(listener, any, &length) == 0);
        near_ = ::socket(AF_INET, SOCK_STREAM, 0);
        REQUIRE(::connect(near_, any, length) == 0);
        far_ = ::accept(listener, nullptr, nullptr);
        REQUIRE(far_ >= 0);
        ::close(listener);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() {
        ::close(near_);
        ::close(far_);
    }

    int near() const { return near_; }

    bool control(const std::string& how) const {
        return ::setsockopt(near_, IPPROTO_TCP, TCP_CONGESTION, how.data(),
                            static_cast<socklen_t>(how.size())) == 0;
    }
    std::string control() const {
        char name[16] = {};
        socklen_t length = sizeof(name);
        REQUIRE(::getsockopt(near_, IPPROTO_TCP, TCP_CONGESTION, name, &length) == 0);
        return name;
    }
    // Lets the pace fall to this many bytes a second, and be free again.
    void slow_down(unsigned rate) const {
        for (const unsigned most : {rate, ~0U}) {
            REQUIRE(::setsockopt(near_, SOL_SOCKET, SO_MAX_PACING_RATE, &most, sizeof(most)) == 0);
        }
    }
    tcp_info info() const {
        tcp_info info{};
        socklen_t length = sizeof(info);
        REQUIRE(::getsockopt(near_, IPPROTO_TCP, TCP_INFO, &info, &length) == 0);
        return info;
    }
    // Sends so much, and waits until it has arrived and been acknowledged.
    void carry(std::size_t bytes) const {
        std::vector<char> data(bytes);
        REQUIRE(::send(near_, data.data(), bytes, 0) == static_cast<ssize_t>(bytes));
        REQUIRE(::recv(far_, data.data(), bytes, MSG_WAITALL) == static_cast<ssize_t>(bytes));
        // An answer of the other end carries the acknowledgement of all that came before it.
        REQUIRE(::send(far_, data.data(), 1, 0) == 1);
        REQUIRE(::recv(near_, data.data(), 1, MSG_WAITALL) == 1);
        REQUIRE(info().tcpi_unacked == 0);
    }

private:
    int near_ = -1, far_ = -1;
};

}  // namespace

TEST_CASE("BBR is started anew when its window allows a quarter more than it sends") {
    // Ten packets in 50 ms; at its start BBR sends 2.88 times that.
    constexpr std::uint64_t kTen = 14'480;
    const Sending first{
        .gain = 739, .window = kTen, .round_trip = 50ms, .rate = kTen * 20 * 288 / 100};
    CHECK_FALSE(is_worth_hastening(first));
    auto sending = first;
    sending.window = kTen * 124 / 100;
    CHECK_FALSE(is_worth_hastening(sending));
    sending.window = kTen * 126 / 100;
    CHECK(is_worth_hastening(sending));
    sending.round_trip = 100ms;
    CHECK_FALSE(is_worth_hastening(sending));
    sending.round_trip = 39ms;
    sending.window = kTen;
    CHECK(is_worth_hastening(sending));
}

TEST_CASE(
    "a flow whose BBR has found the path's limit is left alone, as is one that is under way") {
    const Sending grown{.gain = 739, .window = 60'000, .round_trip = 50ms, .rate = 800'000};
    REQUIRE(is_worth_hastening(grown));
    auto sending = grown;
    for (const std::uint32_t gain : {88U, 192U, 256U, 320U}) {
        sending.gain = gain;
        CHECK_FALSE(is_worth_hastening(sending));
    }
    sending = grown;
    sending.under_way = 1;
    CHECK_FALSE(is_worth_hastening(sending));
    sending = grown;
    sending.round_trip = 0ms;  // not known
    CHECK_FALSE(is_worth_hastening(sending));
}

TEST_CASE("a socket that was slowed down is hastened, and keeps BBR and its window") {
    const Connection connection;
    if (!connection.control("bbr")) {
        MESSAGE("skipped: this kernel offers no BBR");
        return;
    }
    connection.carry(1000);
    constexpr unsigned kSlow = 1000;
    connection.slow_down(kSlow);
    const tcp_info before = connection.info();
    REQUIRE(before.tcpi_pacing_rate == kSlow);
    hasten(connection.near());
    const tcp_info after = connection.info();
    CHECK(after.tcpi_pacing_rate >= kSlow * 5 / 4);
    CHECK(after.tcpi_snd_cwnd == before.tcpi_snd_cwnd);
    CHECK(connection.control() == "bbr");
    connection.carry(50'000);
}

TEST_CASE("a socket without BBR is left alone") {
    const Connection connection;
    REQUIRE(connection.control("reno"));
    connection.carry(1000);
    connection.slow_down(1000);
    hasten(connection.near());
    CHECK(connection.control() == "reno");
    CHECK(connection.info().tcpi_pacing_rate == 1000);
}

TEST_CASE("a short path has no pacing of ours, and next door none at all") {
    const Connection connection;
    connection.carry(1000);
    const std::string before = connection.control();
    const bool next_door = connection.info().tcpi_rtt < 1000;  // as a rule; the machine may be busy
    CHECK(fit_to_path(connection.near()) == Pacing::none);
    CHECK(connection.control() == (before == "bbr" && next_door ? "cubic" : before));
    REQUIRE(connection.control("reno"));  // what else an administrator has chosen stays
    CHECK(fit_to_path(connection.near()) == Pacing::none);
    CHECK(connection.control() == "reno");
}

}  // namespace swarmfs::transport
