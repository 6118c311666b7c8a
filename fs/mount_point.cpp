#include "fs/mount_point.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "engine/core/log.hpp"
#include "fs/child_process.hpp"
#include "fs/mount_users.hpp"

namespace swarmfs::fs {
namespace {

// Longer than any mount that is alive takes to answer, short enough for a person who waits.
constexpr int kProbeMs = 3'000;

struct Freed {
    void operator()(char* text) const { std::free(text); }
};

// The canonical path; the last part may be a mount that is dead and answers nothing.
std::optional<std::string> canonical(const std::string& directory) {
    if (const std::unique_ptr<char, Freed> path{::realpath(directory.c_str(), nullptr)}) {
        return std::string(path.get());
    }
    if (errno != ENOTCONN) {
        return std::nullopt;
    }
    std::string trimmed = directory;
    while (trimmed.size() > 1 && trimmed.back() == '/') {
        trimmed.pop_back();
    }
    const std::size_t slash = trimmed.rfind('/');
    const std::string above = slash == std::string::npos ? "." : trimmed.substr(0, slash + 1);
    const std::unique_ptr<char, Freed> parent{::realpath(above.c_str(), nullptr)};
    if (!parent) {
        return std::nullopt;
    }
    const std::string name = trimmed.substr(slash + 1);
    return std::string(parent.get()) == "/" ? "/" + name : std::string(parent.get()) + "/" + name;
}

bool is_inside(const std::string& path, const std::string& directory) {
    return directory == "/" || path == directory || path.rfind(directory + "/", 0) == 0;
}

enum class Answer { alive, dead, silent };

// Dead is only what has nobody behind it: the kernel says ENOTCONN then, and ECONNABORTED to who was
// waiting while it came to that. Any other error came from a swarmfsd that is alive (its disk fails,
// say), or from the way to the directory; whatever is written there must not be cut off.
Answer probe(const std::string& directory) {
    const auto failed = statfs_error(directory, kProbeMs);
    if (!failed) {
        return Answer::silent;
    }
    return *failed == ENOTCONN || *failed == ECONNABORTED ? Answer::dead : Answer::alive;
}

Result<> clear_stale_mount(const std::string& directory) {
    const auto mount = find_mount(directory);
    if (!mount) {
        return done();
    }
    if (mount->type != kSwarmMountType) {
        // Mounting over another file system is the user's business; mount(8) allows it, too.
        return done();
    }
    switch (probe(directory)) {
        case Answer::alive:
            return caller_error(Code::busy,
                                directory + " is mounted already (" + printable(mount->source) +
                                    "); unmount it first: swarmfs unmount " + directory);
        case Answer::silent:
            return caller_error(Code::busy,
                                directory +
                                    " is mounted by a swarmfsd that does not answer; stop "
                                    "that one, then try again");
        case Answer::dead: break;
    }
    log_warning("fs", directory + " was left mounted by a swarmfsd that died; detaching it");
    abort_connection(mount->minor);
    return detach(directory, Detach::at_once);
}

Result<> check_contents(const std::string& directory) {
    struct Closed {
        void operator()(DIR* stream) const { ::closedir(stream); }
    };
    const std::unique_ptr<DIR, Closed> stream{::opendir(directory.c_str())};
    if (!stream) {
        return disk_error_from_errno(errno, "the mount point " + directory);
    }
    while (const dirent* const entry = ::readdir(stream.get())) {
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") {
            return caller_error(Code::not_empty,
                                directory +
                                    " is not empty; choose an empty directory, or hide "
                                    "what is in it with -o nonempty");
        }
    }
    return done();
}

}  // namespace

Result<std::string> prepare_mount_point(const std::string& directory, const std::string& home,
                                        Contents contents) {
    if (directory.empty() || directory.front() != '/') {
        return caller_error(Code::invalid, "the mount point must be an absolute path");
    }
    const auto path = canonical(directory);
    if (!path) {
        return errno == ENOENT
                   ? caller_error(Code::not_found, directory +
                                                       " does not exist; make it first: "
                                                       "mkdir -p " +
                                                       directory)
                   : disk_error_from_errno(errno, "the mount point " + directory);
    }
    const std::string home_path = canonical(home).value_or(home);
    if (is_inside(*path, home_path)) {
        return caller_error(Code::invalid, directory + " lies inside this node's home " + home +
                                               "; choose another mount point");
    }
    if (is_inside(home_path, *path)) {
        return caller_error(Code::invalid, "this node's home " + home + " lies inside " +
                                               directory +
                                               " and would be hidden; choose another "
                                               "mount point");
    }
    SWARM_CHECK(clear_stale_mount(*path));
    struct stat status {};
    if (::stat(path->c_str(), &status) != 0) {
        return disk_error_from_errno(errno, "the mount point " + directory);
    }
    if (!S_ISDIR(status.st_mode)) {
        return caller_error(Code::not_directory, directory + " is not a directory");
    }
    if (contents == Contents::must_be_empty) {
        SWARM_CHECK(check_contents(*path));
    }
    return *path;
}

// ---- taking away ----

namespace {

Result<> detach_as_root(const std::string& directory, Detach how) {
    const int flags = UMOUNT_NOFOLLOW | (how == Detach::at_once ? MNT_DETACH : 0);
    if (::umount2(directory.c_str(), flags) == 0) {
        return done();
    }
    if (errno == EBUSY) {
        return caller_error(Code::busy, directory + " is in use by " + users_of(directory) +
                                            "; end that and try again");
    }
    if (errno == EINVAL || errno == ENOENT) {
        return caller_error(Code::not_found, "nothing is mounted on " + directory);
    }
    return disk_error_from_errno(errno, "unmounting " + directory);
}

Result<> detach_as_user(const std::string& directory, Detach how) {
    constexpr int kPatienceMs = 10'000;
    std::vector<std::string> words = {"fusermount3", "-u", "-q"};
    if (how == Detach::at_once) {
        words.push_back("-z");
    }
    words.insert(words.end(), {"--", directory});
    const auto code = run_program(words, kPatienceMs);
    if (code && *code == 0) {
        return done();
    }
    if (!find_mount(directory)) {
        return caller_error(Code::not_found, "nothing is mounted on " + directory);
    }
    return caller_error(
        Code::busy, directory + " could not be unmounted; it is in use by " + users_of(directory));
}

}  // namespace

bool is_dead_mount(const std::string& directory) {
    const auto mount = find_mount(directory);
    return mount && mount->type == kSwarmMountType && probe(directory) == Answer::dead;
}

Result<> detach(const std::string& directory, Detach how) {
    return ::geteuid() == 0 ? detach_as_root(directory, how) : detach_as_user(directory, how);
}

namespace {

bool write_file(const std::string& path, const std::string& text) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    const bool written =
        ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(file);
    return written;
}

}  // namespace

bool abort_connection(unsigned connection) {
    const std::string control = "/sys/fs/fuse/connections";
    const std::string file = control + "/" + std::to_string(connection) + "/abort";
    if (write_file(file, "1")) {
        return true;
    }
    // A container may come without it; root may bring it in.
    if (::geteuid() != 0 || ::mount("none", control.c_str(), "fusectl", 0, nullptr) != 0) {
        return false;
    }
    return write_file(file, "1");
}

bool set_read_ahead(const MountedDirectory& mount, unsigned kibibytes) {
    return write_file("/sys/class/bdi/" + std::to_string(mount.major) + ":" +
                          std::to_string(mount.minor) + "/read_ahead_kb",
                      std::to_string(kibibytes));
}

}  // namespace swarmfs::fs
