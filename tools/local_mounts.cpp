#include "tools/local_mounts.hpp"

#include <poll.h>
#include <pwd.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "engine/core/mount_list.hpp"
#include "tools/descriptor.hpp"

namespace swarmfs::tools {
namespace {

// Longer than any mount that is alive takes to answer, short enough for a person who waits.
constexpr int kProbeMs = 3'000;

uid_t user_of(const std::string& options) {
    constexpr std::string_view kKey = "user_id=";
    uid_t user = 0;
    if (const std::size_t at = options.find(kKey); at != std::string::npos) {
        const char* const digits = options.data() + at + kKey.size();
        std::from_chars(digits, options.data() + options.size(), user);
    }
    return user;
}

struct Freed {
    void operator()(char* text) const { std::free(text); }
};

std::optional<std::string> real_path(const std::string& path) {
    const std::unique_ptr<char, Freed> resolved{::realpath(path.c_str(), nullptr)};
    return resolved ? std::optional<std::string>(resolved.get()) : std::nullopt;
}

std::string without_trailing_slashes(std::string path) {
    while (path.size() > 1 && path.back() == '/') {
        path.pop_back();
    }
    return path;
}

}  // namespace

std::optional<SwarmMount> find_swarm_mount(const std::string& directory) {
    const auto mount = find_mount(directory);
    if (!mount || mount->type != kSwarmMountType) {
        return std::nullopt;
    }
    constexpr std::string_view kBefore = kSwarmMountSource;
    const std::string& source = mount->source;
    return SwarmMount{directory,
                      source.starts_with(kBefore) ? source.substr(kBefore.size()) : source,
                      user_of(mount->options)};
}

std::string canonical_path(const std::string& given) {
    // A slash at the end would be a look into the mount, which a stale one does not allow.
    if (const auto path = real_path(without_trailing_slashes(given))) {
        return *path;
    }
    std::error_code ignored;
    const std::filesystem::path lexical = without_trailing_slashes(
        std::filesystem::absolute(given, ignored).lexically_normal().string());
    if (const auto path = real_path(lexical.string())) {
        return *path;
    }
    const auto parent = real_path(lexical.parent_path().string());
    return parent ? (std::filesystem::path(*parent) / lexical.filename()).string()
                  : lexical.string();
}

// Asked by a child, because a mount that never answers would keep whoever asks.
Liveness probe(const std::string& directory) {
    const pid_t child = ::fork();
    if (child == 0) {
        struct statfs about {};
        const bool answered = ::statfs(directory.c_str(), &about) == 0;
        ::_exit(!answered && (errno == ENOTCONN || errno == ECONNABORTED) ? 1 : 0);
    }
    const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    pollfd ended{process.get(), POLLIN, 0};
    if (child < 0 || process.get() < 0 || ::poll(&ended, 1, kProbeMs) != 1) {
        // Not waited for: the kernel may keep it until the mount answers.
        if (child > 0) {
            ::kill(child, SIGKILL);
        }
        return Liveness::silent;
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 1 ? Liveness::stale : Liveness::alive;
}

namespace {

bool detach_as_user(const std::string& directory) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::execlp("fusermount3", "fusermount3", "-u", "-q", "-z", "--", directory.c_str(), nullptr);
        ::_exit(127);
    }
    int status = 0;
    return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

}  // namespace

Result<> detach_stale(const SwarmMount& mount) {
    const std::string left = mount.directory + " was left mounted by a swarmfsd that is gone";
    if (::geteuid() == 0) {
        if (::umount2(mount.directory.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH) == 0) {
            return done();
        }
        return disk_error_from_errno(errno, left + ", and cannot be detached");
    }
    if (detach_as_user(mount.directory)) {
        return done();
    }
    if (mount.user != ::geteuid()) {
        return caller_error(Code::permission, left + " of " + user_name(mount.user) +
                                                  "; that user or root can take it away: "
                                                  "fusermount3 -u -z " +
                                                  mount.directory);
    }
    return caller_error(Code::io, left +
                                      ", and fusermount3 could not detach it; try as root: "
                                      "umount -l " +
                                      mount.directory);
}

std::string user_name(uid_t user) {
    const passwd* const entry = ::getpwuid(user);
    return entry != nullptr ? entry->pw_name : std::to_string(user);
}

}  // namespace swarmfs::tools
