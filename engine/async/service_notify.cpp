#include "engine/async/service_notify.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace swarmfs::async {
namespace {

constexpr int kFirstKept = 3;  // SD_LISTEN_FDS_START

// With `descriptor` (-1: none) attached.
bool send_to_manager(std::string_view state, int descriptor) {
    const char* const path = std::getenv("NOTIFY_SOCKET");
    if (path == nullptr || (path[0] != '/' && path[0] != '@')) {
        return false;
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::size_t length = std::strlen(path);
    if (length >= sizeof(address.sun_path)) {
        return false;
    }
    std::memcpy(address.sun_path, path, length);
    if (path[0] == '@') {
        address.sun_path[0] = '\0';  // an abstract socket
    }
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) {
        return false;
    }
    iovec text{const_cast<char*>(state.data()), state.size()};
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    message.msg_iov = &text;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
    if (descriptor >= 0) {
        message.msg_control = room.data();
        message.msg_controllen = room.size();
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    ::close(socket);
    return sent == static_cast<ssize_t>(state.size());
}

std::string variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

}  // namespace

bool notify_service(std::string_view state) {
    return send_to_manager(state, -1);
}

bool keep_descriptor(int descriptor, std::string_view name) {
    return send_to_manager("FDSTORE=1\nFDNAME=" + std::string(name), descriptor);
}

bool forget_descriptor(std::string_view name) {
    return send_to_manager("FDSTOREREMOVE=1\nFDNAME=" + std::string(name), -1);
}

std::vector<KeptDescriptor> take_kept_descriptors() {
    // For another process: what a shell that was started so passes on to its children.
    const bool ours = variable("LISTEN_PID") == std::to_string(::getpid());
    const int count = ours ? std::atoi(variable("LISTEN_FDS").c_str()) : 0;
    std::istringstream names(variable("LISTEN_FDNAMES"));
    ::unsetenv("LISTEN_PID");
    ::unsetenv("LISTEN_FDS");
    ::unsetenv("LISTEN_FDNAMES");
    std::vector<KeptDescriptor> kept;
    for (int i = 0; i < count; ++i) {
        KeptDescriptor one;
        one.descriptor = kFirstKept + i;
        std::getline(names, one.name, ':');
        if (::fcntl(one.descriptor, F_SETFD, FD_CLOEXEC) == 0) {
            kept.push_back(std::move(one));
        }
    }
    return kept;
}

void pass_kept_descriptors(const std::vector<KeptDescriptor>& kept) {
    const int count = static_cast<int>(kept.size());
    std::string names;
    std::vector<int> moved;
    for (const KeptDescriptor& one : kept) {
        names += (names.empty() ? "" : ":") + one.name;
        // Beyond the places to be taken, so that none is overwritten before it was moved.
        moved.push_back(::fcntl(one.descriptor, F_DUPFD_CLOEXEC, kFirstKept + count));
    }
    for (int i = 0; i < count; ++i) {
        ::dup2(moved[static_cast<std::size_t>(i)], kFirstKept + i);
    }
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", std::to_string(count).c_str(), 1);
    ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
}

}  // namespace swarmfs::async
