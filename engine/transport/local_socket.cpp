#include "engine/transport/local_socket.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace swarmfs::transport {
namespace {

constexpr int kBacklog = 16;  // people type slowly

// An address for `path`, by way of its directory's descriptor, which must stay open while it is
// used.
struct LocalAddress {
    int directory = -1;
    sockaddr_un address{};

    explicit LocalAddress(const std::string& path) {
        const std::size_t slash = path.rfind('/');
        const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
        const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
        directory = ::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        address.sun_family = AF_UNIX;
        const std::string text = "/proc/self/fd/" + std::to_string(directory) + "/" + name;
        SWARM_ASSERT(text.size() < sizeof(address.sun_path));
        std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
    }
    ~LocalAddress() {
        if (directory >= 0) {
            ::close(directory);
        }
    }
    LocalAddress(const LocalAddress&) = delete;
    LocalAddress& operator=(const LocalAddress&) = delete;

    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

}  // namespace

LocalConnection::~LocalConnection() {
    ::close(descriptor_);
}

Result<std::unique_ptr<LocalConnection>> LocalConnection::connect(const std::string& path) {
    const LocalAddress address(path);
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return disk_error_from_errno(errno, "making a local socket");
    }
    auto connection = std::make_unique<LocalConnection>(descriptor);
    if (::connect(descriptor, address.get(), sizeof(sockaddr_un)) != 0) {
        const int error_number = errno;
        if (error_number == EACCES) {
            return caller_error(Code::permission, path + " belongs to another user");
        }
        return network_error(Code::unavailable, "nobody listens on " + path);
    }
    return connection;
}

Result<std::optional<std::string>> LocalConnection::read_line(std::size_t bytes_max) {
    for (;;) {
        const std::size_t end = buffer_.find('\n');
        if (std::min(end, buffer_.size()) > bytes_max) {
            return caller_error(Code::too_large, "a line on a local socket is too long");
        }
        if (end != std::string::npos) {
            std::string line = buffer_.substr(0, end);
            buffer_.erase(0, end + 1);
            return std::optional(std::move(line));
        }
        char chunk[16 * 1024];
        const ssize_t got = ::recv(descriptor_, chunk, sizeof(chunk), 0);
        if (got == 0) {
            return std::optional<std::string>();
        }
        if (got < 0 && errno != EINTR) {
            return disk_error_from_errno(errno, "reading a local socket");
        }
        if (got > 0) {
            buffer_.append(chunk, static_cast<std::size_t>(got));
        }
    }
}

Result<> LocalConnection::write(std::string_view text) {
    while (!text.empty()) {
        const ssize_t sent = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return disk_error_from_errno(errno, "writing a local socket");
        }
        if (sent > 0) {
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    return done();
}

bool LocalConnection::hung_up() const {
    pollfd watched{descriptor_, POLLRDHUP, 0};
    return ::poll(&watched, 1, 0) > 0 && (watched.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void LocalConnection::stop_hearing() {
    ::shutdown(descriptor_, SHUT_RD);
}

void LocalConnection::shut_down() {
    ::shutdown(descriptor_, SHUT_RDWR);
}

Result<std::unique_ptr<LocalListener>> LocalListener::open(const std::string& path) {
    ::unlink(path.c_str());
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return disk_error_from_errno(errno, "making the control socket");
    }
    std::unique_ptr<LocalListener> listener(new LocalListener(descriptor, path));
    const LocalAddress address(path);
    if (::fchmod(descriptor, 0600) != 0 ||
        ::bind(descriptor, address.get(), sizeof(sockaddr_un)) != 0 ||
        ::chmod(path.c_str(), 0600) != 0 || ::listen(descriptor, kBacklog) != 0) {
        return disk_error_from_errno(errno, "opening the control socket " + path);
    }
    return listener;
}

LocalListener::~LocalListener() {
    ::close(descriptor_);
}

std::unique_ptr<LocalConnection> LocalListener::accept() {
    for (;;) {
        const int descriptor = ::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC);
        if (descriptor >= 0) {
            return std::make_unique<LocalConnection>(descriptor);
        }
        const bool passing = errno == EINTR || errno == ECONNABORTED;
        // Out of descriptors: wait until one may be free again instead of spinning.
        const bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
        if (exhausted) {
            ::poll(nullptr, 0, 100);
        }
        if (!passing && !exhausted) {
            return nullptr;
        }
    }
}

void LocalListener::shut_down() {
    ::unlink(path_.c_str());
    ::shutdown(descriptor_, SHUT_RDWR);
}

}  // namespace swarmfs::transport
