#include "tests/mount/mounted.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>

#include <doctest/doctest.h>

extern char** environ;

namespace swarmfs::test {

namespace {

// What docs/fs-semantics.md promises. Sanitizers slow every step down about tenfold.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::chrono::milliseconds kPatience{3'000};
#else
constexpr std::chrono::milliseconds kPatience{300};
#endif

}  // namespace

Mounted::Mounted(fs::MountOptions options) : table(home.path(), {}, clock, dice) {
    REQUIRE(::mkdir(directory.c_str(), 0755) == 0);
    const auto mounted = table.mount(volume, directory, options);
    REQUIRE_MESSAGE(mounted.ok(), mounted.error().message);
}

Mounted::~Mounted() {
    table.stop();
}

bool Mounted::told() {
    return table.wait_until_told(kPatience);
}

Ran shell(const std::string& command) {
    Ran ran;
    FILE* const pipe = ::popen((command + " 2>&1").c_str(), "re");
    REQUIRE(pipe != nullptr);
    std::array<char, 4096> buffer{};
    for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
        ran.output.append(buffer.data(), got);
    }
    const int status = ::pclose(pipe);
    ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return ran;
}

std::string quoted(const std::string& word) {
    std::string text = "'";
    for (const char c : word) {
        text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return text + "'";
}

Program::Program(const std::vector<std::string>& words) {
    std::array<int, 2> out{};
    std::array<int, 2> in{};
    REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
    REQUIRE(::pipe2(in.data(), O_CLOEXEC) == 0);
    std::vector<std::string> copies = words;
    std::vector<char*> arguments;
    for (std::string& word : copies) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    const int failed =
        ::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    ::close(in[0]);
    output_ = out[0];
    input_ = in[1];
    REQUIRE(failed == 0);
}

Program::~Program() {
    if (!over_) {
        signal(SIGKILL);
        wait(std::chrono::seconds(10));
    }
    ::close(output_);
    ::close(input_);
}

std::string Program::read_line() {
    std::string line;
    for (char byte = 0; ::read(output_, &byte, 1) == 1 && byte != '\n';) {
        line += byte;
    }
    return line;
}

void Program::signal(int number) {
    ::kill(pid_, number);
}

std::optional<int> Program::wait(std::chrono::milliseconds patience) {
    const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    pollfd end{handle, POLLIN, 0};
    const int ready = ::poll(&end, 1, static_cast<int>(patience.count()));
    ::close(handle);
    int status = 0;
    if (ready != 1 || ::waitpid(pid_, &status, 0) != pid_) {
        return std::nullopt;
    }
    over_ = true;
    return status;
}

std::optional<std::string> read_file(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return std::nullopt;
    }
    std::string content;
    std::array<char, 65536> buffer{};
    ssize_t got = 0;
    while ((got = ::read(file, buffer.data(), buffer.size())) > 0) {
        content.append(buffer.data(), static_cast<std::size_t>(got));
    }
    const int failed = errno;
    ::close(file);
    errno = failed;
    return got < 0 ? std::nullopt : std::optional(content);
}

bool write_file(const std::string& path, const std::string& content) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) {
        return false;
    }
    const bool written =
        ::write(file, content.data(), content.size()) == static_cast<ssize_t>(content.size());
    return ::close(file) == 0 && written;
}

}  // namespace swarmfs::test
