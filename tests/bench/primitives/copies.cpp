// What the kernel copies: a byte from one program to another, and a byte into a file.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "tests/bench/primitives/primitives.hpp"

namespace swarmfs::bench {
namespace {

class Descriptor {
public:
    Descriptor(int number, const char* what) : number_(number) {
        if (number < 0) {
            give_up(what);
        }
    }
    ~Descriptor() { ::close(number_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int number() const { return number_; }

private:
    int number_;
};

sockaddr* plain(sockaddr_in& address) {
    return reinterpret_cast<sockaddr*>(&address);
}

void send_all(int socket, std::uint64_t bytes) {
    const std::vector<char> block(kCallBytes, 1);
    while (bytes > 0) {
        const ssize_t sent =
            ::send(socket, block.data(), std::min<std::uint64_t>(bytes, block.size()), 0);
        if (sent <= 0) {
            give_up("send");
        }
        bytes -= static_cast<std::uint64_t>(sent);
    }
    ::shutdown(socket, SHUT_WR);
}

}  // namespace

double socket_cost(std::uint64_t bytes) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    const Descriptor listener(::socket(AF_INET, SOCK_STREAM, 0), "socket");
    if (::bind(listener.number(), plain(address), length) != 0 ||
        ::listen(listener.number(), 1) != 0 ||
        ::getsockname(listener.number(), plain(address), &length) != 0) {
        give_up("listen");
    }
    const Descriptor sender(::socket(AF_INET, SOCK_STREAM, 0), "socket");
    // Without the timers of BBR, should that be the machine's default: nobody needs them here.
    (void)::setsockopt(sender.number(), IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
    if (::connect(sender.number(), plain(address), length) != 0) {
        give_up("connect");
    }
    const Descriptor receiver(::accept(listener.number(), nullptr, nullptr), "accept");

    std::vector<char> block(kCallBytes);
    const double start = process_cpu_seconds();
    std::thread sending([&] { send_all(sender.number(), bytes); });
    std::uint64_t received = 0;
    for (;;) {
        const ssize_t got = ::recv(receiver.number(), block.data(), block.size(), 0);
        if (got < 0) {
            give_up("recv");
        }
        if (got == 0) {
            break;
        }
        received += static_cast<std::uint64_t>(got);
    }
    sending.join();
    return (process_cpu_seconds() - start) / static_cast<double>(received);
}

double write_cost(const std::string& directory, std::uint64_t bytes) {
    const std::string path = directory + "/primitive-write";
    const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600), "a new file");
    ::unlink(path.c_str());
    if (::ftruncate(file.number(), static_cast<off_t>(bytes)) != 0) {
        give_up("ftruncate");
    }
    const std::vector<char> block(kCallBytes, 1);
    const double start = thread_cpu_seconds();
    std::uint64_t at = 0;
    while (at < bytes) {
        const ssize_t put =
            ::pwrite(file.number(), block.data(), std::min<std::uint64_t>(bytes - at, block.size()),
                     static_cast<off_t>(at));
        if (put <= 0) {
            give_up("pwrite");
        }
        at += static_cast<std::uint64_t>(put);
    }
    return (thread_cpu_seconds() - start) / static_cast<double>(bytes);
}

}  // namespace swarmfs::bench
