#include "tools/daemon_start.hpp"

#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <vector>

#include "engine/core/home_error.hpp"
#include "tools/descriptor.hpp"

extern char** environ;

namespace swarmfs::tools {
namespace {

// A node that repairs a large store after a crash re-hashes what is in doubt; a minute covers about
// a hundred gigabytes of page-cached doubt, and the daemon goes on when we give up waiting.
constexpr int kReadyMsMax = 60'000;

struct NotifySocket {
    Descriptor descriptor;
    std::string name;  // abstract: "@" and the rest
};

Result<NotifySocket> make_notify_socket() {
    NotifySocket socket{Descriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)), ""};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // Binding without a name lets the kernel choose an abstract one that nobody else has.
    if (socket.descriptor.get() < 0 ||
        ::bind(socket.descriptor.get(), reinterpret_cast<sockaddr*>(&address),
               sizeof(sa_family_t)) != 0) {
        return disk_error_from_errno(errno, "making a socket to wait on");
    }
    socklen_t size = sizeof(address);
    ::getsockname(socket.descriptor.get(), reinterpret_cast<sockaddr*>(&address), &size);
    const std::size_t length = size - offsetof(sockaddr_un, sun_path);
    socket.name = "@" + std::string(address.sun_path + 1, length - 1);
    return socket;
}

// A password is for one command; in the daemon's environment others would find it for as long as it
// runs.
constexpr std::array<std::string_view, 2> kNotInherited = {"NOTIFY_SOCKET=", "SWARMFS_PASSWORD="};

std::vector<std::string> environment_for_daemon(const std::string& notify_name) {
    std::vector<std::string> variables = {"NOTIFY_SOCKET=" + notify_name};
    for (char** at = environ; *at != nullptr; ++at) {
        const std::string_view variable = *at;
        const bool inherited =
            std::none_of(kNotInherited.begin(), kNotInherited.end(),
                         [&](std::string_view name) { return variable.starts_with(name); });
        if (inherited) {
            variables.emplace_back(variable);
        }
    }
    return variables;
}

// Opened by us and not by the daemon, which could not say what is wrong with its own log.
Result<Descriptor> open_log(const std::string& home, const std::string& log) {
    std::error_code failed;
    std::filesystem::create_directories(home, failed);
    if (failed) {
        return home_error(home, failed.value());
    }
    Descriptor file(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (file.get() < 0) {
        return home_error(home, errno);
    }
    return file;
}

Result<pid_t> spawn(const std::string& program, const std::string& home, int log,
                    const std::string& notify_name) {
    std::vector<std::string> variables = environment_for_daemon(notify_name);
    std::vector<char*> environment;
    for (std::string& variable : variables) {
        environment.push_back(variable.data());
    }
    environment.push_back(nullptr);

    std::string name = program;
    std::string flag = "--home";
    std::string home_copy = home;
    std::string supervised = "--supervise";  // nobody else starts it again
    char* const arguments[] = {name.data(), flag.data(), home_copy.data(), supervised.data(),
                               nullptr};

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, log, 2);
    posix_spawn_file_actions_addchdir_np(&actions, "/");
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    pid_t child = 0;
    const int failed = ::posix_spawnp(&child, program.c_str(), &actions, &attributes, arguments,
                                      environment.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        return disk_error_from_errno(failed, "starting " + program);
    }
    return child;
}

std::string last_line_after(const std::string& log, std::streamoff from) {
    std::ifstream in(log);
    in.seekg(from);
    std::string last;
    for (std::string line; std::getline(in, line);) {
        if (!line.empty()) {
            last = line;
        }
    }
    return last.empty() ? "it said nothing" : last;
}

Code code_of_exit(int status) {
    if (!WIFEXITED(status)) {
        return Code::io;
    }
    switch (WEXITSTATUS(status)) {
        case EX_CONFIG: return Code::configuration;
        case EX_DATAERR: return Code::corrupt;
        case EX_UNAVAILABLE: return Code::unavailable;
        case EX_TEMPFAIL: return Code::try_again;
        case EX_NOPERM: return Code::permission;
        default: return Code::io;
    }
}

bool says_ready(int socket) {
    char message[4096];
    const ssize_t got = ::recv(socket, message, sizeof(message), MSG_DONTWAIT);
    return got > 0 && std::string_view(message, static_cast<std::size_t>(got)).find("READY=1") !=
                          std::string_view::npos;
}

}  // namespace

Result<> start_daemon(const std::string& program, const std::string& home) {
    const std::string log = home + "/swarmfsd.log";
    SWARM_TRY(const Descriptor log_file, open_log(home, log));
    const std::streamoff log_end = ::lseek(log_file.get(), 0, SEEK_END);

    SWARM_TRY(const NotifySocket notify, make_notify_socket());
    SWARM_TRY(const pid_t child, spawn(program, home, log_file.get(), notify.name));
    const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    for (;;) {
        pollfd watched[] = {{notify.descriptor.get(), POLLIN, 0}, {process.get(), POLLIN, 0}};
        const int ready = ::poll(watched, 2, kReadyMsMax);
        if (ready == 0) {
            return caller_error(Code::timed_out,
                                "swarmfsd is not ready after a minute; see " + log);
        }
        if ((watched[0].revents & POLLIN) != 0 && says_ready(notify.descriptor.get())) {
            return done();
        }
        if ((watched[1].revents & POLLIN) != 0) {
            int status = 0;
            ::waitpid(child, &status, 0);
            return caller_error(code_of_exit(status),
                                "swarmfsd did not start: " + last_line_after(log, log_end));
        }
    }
}

}  // namespace swarmfs::tools
