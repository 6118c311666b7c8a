#include "tests/http/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "engine/core/assert.hpp"

namespace swarmfs::test {

RawClient::RawClient(std::uint16_t port, int unread_bytes_max) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SWARM_ASSERT(socket_ >= 0);
    const timeval patience{10, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (unread_bytes_max > 0) {
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &unread_bytes_max, sizeof(unread_bytes_max));
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    SWARM_ASSERT(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
}

RawClient::~RawClient() {
    ::close(socket_);
}

bool RawClient::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

void RawClient::finish_sending() {
    ::shutdown(socket_, SHUT_WR);
}

bool RawClient::receive() {
    std::array<char, 16 * 1024> piece{};
    const ssize_t received = ::recv(socket_, piece.data(), piece.size(), 0);
    timed_out_ = received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (received <= 0) {
        return false;
    }
    buffer_.append(piece.data(), static_cast<std::size_t>(received));
    return true;
}

std::string RawClient::answer(bool to_head) {
    std::size_t head_end = 0;
    while ((head_end = buffer_.find("\r\n\r\n")) == std::string::npos) {
        if (!receive()) {
            return "";
        }
    }
    std::size_t size = head_end + 4;
    const std::string name = "\r\nContent-Length: ";
    const std::size_t length = buffer_.find(name);
    if (!to_head && length < head_end) {
        size += std::strtoul(buffer_.c_str() + length + name.size(), nullptr, 10);
    }
    while (buffer_.size() < size) {
        if (!receive()) {
            return "";
        }
    }
    std::string answer = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return answer;
}

std::string RawClient::rest() {
    while (receive()) {
    }
    return std::move(buffer_);
}

bool RawClient::closed() {
    return rest().empty() && !timed_out_;
}

int status_of(const std::string& answer) {
    return answer.size() < 12 ? 0 : std::atoi(answer.c_str() + 9);
}

std::string body_of(const std::string& answer) {
    const std::size_t end = answer.find("\r\n\r\n");
    return end == std::string::npos ? "" : answer.substr(end + 4);
}

}  // namespace swarmfs::test
