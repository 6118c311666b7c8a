#include "fs/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <mutex>

extern char** environ;

namespace swarmfs::fs {
namespace {

// A killed child is gone in moments, on a busy machine too; later only when the kernel keeps it.
constexpr int kDeathMs = 1'000;

std::mutex left_mutex;
std::vector<pid_t> left_behind;  // guarded by left_mutex

void collect_left() {
    const std::scoped_lock lock(left_mutex);
    std::erase_if(left_behind, [](pid_t child) { return ::waitpid(child, nullptr, WNOHANG) != 0; });
}

// Returns: the exit code of a child that ended by itself in time.
std::optional<int> outcome_of(pid_t child, int patience_ms) {
    const int handle = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
    pollfd end{handle, POLLIN, 0};
    if (handle < 0 || ::poll(&end, 1, patience_ms) != 1) {
        ::kill(child, SIGKILL);
        ::poll(&end, 1, kDeathMs);
    }
    if (handle >= 0) {
        ::close(handle);
    }
    int status = 0;
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == 0) {
        const std::scoped_lock lock(left_mutex);
        left_behind.push_back(child);
    }
    return ended == child && WIFEXITED(status) ? std::optional(WEXITSTATUS(status)) : std::nullopt;
}

}  // namespace

std::optional<int> run_program(const std::vector<std::string>& words, int patience_ms) {
    collect_left();
    std::vector<std::string> copies = words;
    std::vector<char*> arguments;
    for (std::string& word : copies) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        ::posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0);
    }
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t none;
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    pid_t child = 0;
    const int failed =
        ::posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        return std::nullopt;
    }
    return outcome_of(child, patience_ms);
}

std::optional<int> statfs_error(const std::string& path, int patience_ms) {
    collect_left();
    const char* const asked = path.c_str();
    const pid_t child = ::fork();
    if (child == 0) {
        // Should it never come back, it must not keep the home's lock and our ports with it.
        ::close_range(0, ~0U, 0);
        struct statfs about {};
        ::_exit(::statfs(asked, &about) == 0 ? 0 : errno);
    }
    return child < 0 ? std::nullopt : outcome_of(child, patience_ms);
}

}  // namespace swarmfs::fs
