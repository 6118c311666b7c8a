#include "tools/node_client.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "engine/core/clock.hpp"
#include "engine/protocol/control.hpp"
#include "tools/daemon_start.hpp"
#include "tools/paths.hpp"

namespace swarmfs::tools {
namespace {

using nlohmann::json;

// As long as a start of our own may take (daemon_start.cpp).
constexpr std::chrono::seconds kOtherNodePatience{60};
// Doubled each time: a node that ends is gone soon; one that repairs its store takes its time.
constexpr int kStartAgainMsFirst = 250;
// A socket is in its directory a moment before it is listened on.
constexpr int kLookAgainMs = 50;

// How long sending and receiving may stand still; zero is for ever.
void bound(int socket, int option, std::chrono::milliseconds patience) {
    const auto count = patience.count();
    const timeval limit{count / 1000, count % 1000 * 1000};
    ::setsockopt(socket, SOL_SOCKET, option, &limit, sizeof(limit));
}

// The path may be longer than sun_path: it is reached through the descriptor of its directory.
// Errors: unavailable when nobody listens; timed_out when whoever does has not accepted for so long
// that no more callers may queue.
Result<Descriptor> connect_to(const std::string& home, std::chrono::milliseconds patience) {
    const Descriptor directory(::open(home.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path =
        "/proc/self/fd/" + std::to_string(directory.get()) + "/" + protocol::kControlSocketName;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    bound(connection.get(), SO_SNDTIMEO, patience);
    if (directory.get() >= 0 &&
        ::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
            0) {
        return connection;
    }
    if (directory.get() >= 0 && errno == EAGAIN) {
        return network_error(Code::timed_out, "swarmfsd on " + home + " accepts no more calls");
    }
    return network_error(Code::unavailable, "no swarmfsd runs on " + home +
                                                "; start it with `swarmfsd --home " + home +
                                                "` or by mounting a swarm");
}

// The process that listens at the other end; 0 when it cannot be seen from here.
pid_t process_behind(int socket) {
    ucred peer{};
    socklen_t size = sizeof(peer);
    return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

Error no_answer(int socket) {
    std::string whose;
    std::string ending;
    if (const pid_t process = process_behind(socket); process > 0) {
        whose = " (process " + std::to_string(process) + ")";
        ending = "; kill -9 " + std::to_string(process) +
                 " ends it, and what was closed or synced is not lost";
    }
    return network_error(Code::timed_out,
                         "swarmfsd" + whose +
                             " took the call and does not answer: it hangs, or was stopped. Its "
                             "log may say why. --timeout SECONDS waits longer" +
                             ending);
}

Result<> send_all(int socket, std::string_view text) {
    while (!text.empty()) {
        const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && errno == EAGAIN) {
            return no_answer(socket);
        }
        if (sent <= 0) {
            return network_error(Code::unavailable, "swarmfsd hung up");
        }
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return done();
}

Result<std::string> read_line(int socket, std::string& buffer) {
    for (;;) {
        if (const std::size_t end = buffer.find('\n'); end != std::string::npos) {
            std::string line = buffer.substr(0, end);
            buffer.erase(0, end + 1);
            return line;
        }
        char chunk[16 * 1024];
        const ssize_t got = ::recv(socket, chunk, sizeof(chunk), 0);
        if (got < 0 && errno == EINTR) {
            continue;  // a socket with a bound says so when we were stopped and go on (signal(7))
        }
        if (got < 0 && errno == EAGAIN) {
            return no_answer(socket);
        }
        if (got <= 0 || buffer.size() > protocol::kControlLineBytesMax) {
            return network_error(Code::unavailable,
                                 "swarmfsd hung up before it answered; its log may say why");
        }
        buffer.append(chunk, static_cast<std::size_t>(got));
    }
}

}  // namespace

bool NodeClient::is_running() const {
    const auto connection = connect_to(home_, std::chrono::milliseconds(1));
    return connection.ok() || connection.error().code == Code::timed_out;
}

Descriptor NodeClient::process() const {
    const auto connection = connect_to(home_, patience_);
    const pid_t process = connection.ok() ? process_behind(connection->get()) : 0;
    return Descriptor(process > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, process, 0)) : -1);
}

void NodeClient::wait_for_node(int ms) const {
    // Whatever happens in the home wakes us: the socket is made there.
    const Descriptor changes(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    ::inotify_add_watch(changes.get(), home_.c_str(), IN_CREATE | IN_ATTRIB);
    const SystemClock clock;
    const TimePoint end = clock.now() + std::chrono::milliseconds(ms);
    while (!is_running() && clock.now() < end) {
        pollfd watched{changes.get(), POLLIN, 0};
        ::poll(&watched, 1, kLookAgainMs);
        char events[4096];
        (void)!::read(changes.get(), events, sizeof(events));
    }
}

Result<> NodeClient::ensure_running() {
    const SystemClock clock;
    const TimePoint end = clock.now() + kOtherNodePatience;
    for (int wait_ms = kStartAgainMsFirst; !is_running(); wait_ms *= 2) {
        const auto started = start_daemon(program_beside("swarmfsd"), home_);
        if (started.ok() || started.error().code != Code::try_again || clock.now() > end) {
            return started;
        }
        // Another command is starting the node just now, or the node before is still ending.
        wait_for_node(wait_ms);
    }
    return done();
}

Result<json> NodeClient::call(const std::string& method, const json& params) {
    return exchange(method, params, patience_, {});
}

Result<json> NodeClient::call_for_long(const std::string& method, const json& params,
                                       const ProgressShown& shown) {
    return exchange(method, params, std::chrono::seconds(0), shown);
}

Result<json> NodeClient::exchange(const std::string& method, const json& params,
                                  std::chrono::seconds patience, const ProgressShown& shown) {
    SWARM_TRY(const Descriptor connection, connect_to(home_, patience_));
    bound(connection.get(), SO_RCVTIMEO, patience);
    protocol::ControlRequest request;
    request.id = 1;
    request.method = method;
    request.params = params;
    SWARM_CHECK(send_all(connection.get(), protocol::encode(request)));
    std::string buffer;
    for (;;) {
        SWARM_TRY(const std::string line, read_line(connection.get(), buffer));
        SWARM_TRY(protocol::ControlReply reply, protocol::decode_reply(line));
        if (reply.error) {
            return *reply.error;
        }
        if (!reply.progress) {
            return std::move(reply.result);
        }
        if (shown) {
            shown(*reply.progress);
        }
    }
}

Result<std::string> home_from(const std::string& flag) {
    const auto environment = [](const char* name) {
        const char* value = std::getenv(name);
        return std::string(value == nullptr ? "" : value);
    };
    std::string home = flag.empty() ? environment("SWARMFS_HOME") : flag;
    if (home.empty() && !environment("XDG_DATA_HOME").empty()) {
        home = environment("XDG_DATA_HOME") + "/swarmfs";
    }
    if (home.empty()) {
        home =
            ::geteuid() == 0 ? "/var/lib/swarmfs" : environment("HOME") + "/.local/share/swarmfs";
    }
    auto absolute = absolute_path(home);
    if (!absolute.ok()) {
        return caller_error(Code::configuration, "the home " + absolute.error().message);
    }
    return absolute;
}

std::string program_beside(const std::string& name) {
    std::error_code failed;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
    // A build tree keeps each program in its own room's folder.
    for (const char* place : {".", "../fs", "../tracker", "../sbin"}) {
        const auto candidate = self.parent_path() / place / name;
        if (!failed && ::access(candidate.c_str(), X_OK) == 0) {
            return candidate.lexically_normal().string();
        }
    }
    return name;
}

}  // namespace swarmfs::tools
