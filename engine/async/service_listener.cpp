#include "engine/async/service_listener.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace swarmfs::async {

Result<ServiceListener> ServiceListener::open() {
    ServiceListener made(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const int on = 1;
    // Binding without a name lets the kernel choose an abstract one that nobody else has.
    if (made.socket_ < 0 ||
        ::setsockopt(made.socket_, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0 ||
        ::bind(made.socket_, reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)) != 0) {
        return disk_error_from_errno(errno, "making a socket to hear from a service");
    }
    socklen_t size = sizeof(address);
    ::getsockname(made.socket_, reinterpret_cast<sockaddr*>(&address), &size);
    made.name_ =
        "@" + std::string(address.sun_path + 1, size - offsetof(sockaddr_un, sun_path) - 1);
    return made;
}

ServiceListener::~ServiceListener() {
    if (socket_ >= 0) {
        ::close(socket_);
    }
}

ServiceListener::ServiceListener(ServiceListener&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), name_(std::move(other.name_)) {}

std::optional<ServiceListener::Message> ServiceListener::take() const {
    std::array<char, 4096> text{};
    iovec part{text.data(), text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int))> room{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = room.data();
    header.msg_controllen = room.size();
    const ssize_t got = ::recvmsg(socket_, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0) {
        return std::nullopt;
    }
    Message message{std::string(text.data(), static_cast<std::size_t>(got)), -1};
    bool ours = false;
    for (cmsghdr* at = CMSG_FIRSTHDR(&header); at != nullptr; at = CMSG_NXTHDR(&header, at)) {
        if (at->cmsg_type == SCM_RIGHTS) {
            std::memcpy(&message.descriptor, CMSG_DATA(at), sizeof(int));
        } else if (at->cmsg_type == SCM_CREDENTIALS) {
            ucred who{};
            std::memcpy(&who, CMSG_DATA(at), sizeof(who));
            ours = who.uid == ::geteuid();
        }
    }
    if (!ours && message.descriptor >= 0) {
        ::close(message.descriptor);
    }
    return ours ? std::optional(std::move(message)) : std::nullopt;
}

}  // namespace swarmfs::async
