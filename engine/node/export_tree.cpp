#include "engine/node/export_tree.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace swarmfs::node {
namespace {

constexpr std::uint32_t kModeShown = 01777;

// A temporary name must fit beside a name of 255 bytes.
constexpr std::size_t kPartStemMax = 200;

std::string last_part(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

int open_beneath(int root, const std::string& path, std::uint64_t flags) {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    return static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how)));
}

void times_of(std::int64_t mtime_ns, timespec (&times)[2]) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    std::int64_t seconds = mtime_ns / kSecond;
    std::int64_t rest = mtime_ns % kSecond;
    if (rest < 0) {
        rest += kSecond;
        --seconds;
    }
    times[0] = {0, UTIME_OMIT};
    times[1] = {static_cast<time_t>(seconds), static_cast<long>(rest)};
}

// A device, a pipe or a socket is somebody's, and no earlier version of what is written.
// Errors: exists, unless nothing is there, or a file or a symbolic link, which may be replaced.
Result<> check_replaceable(int directory, const std::string& name, const std::string& shown) {
    struct stat status {};
    const bool there = ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode) && !S_ISDIR(status.st_mode)) {
        return caller_error(Code::exists, shown +
                                              " is a device, a pipe or a socket, which is not "
                                              "replaced; name another place with -o");
    }
    return done();
}

}  // namespace

ExportFile::ExportFile(int directory, int file, std::string name)
    : directory_(directory), file_(file), name_(std::move(name)) {}

ExportFile::ExportFile(ExportFile&& other) noexcept
    : directory_(std::exchange(other.directory_, -1)),
      file_(std::exchange(other.file_, -1)),
      name_(other.name_),
      finished_(other.finished_) {}

ExportFile::~ExportFile() {
    if (file_ >= 0) {
        ::close(file_);
    }
    if (directory_ >= 0) {
        if (!finished_) {
            ::unlinkat(directory_, part_name().c_str(), 0);
        }
        ::close(directory_);
    }
}

std::string ExportFile::part_name() const {
    return "." + name_.substr(0, kPartStemMax) + ".swarmfs-part";
}

Result<> ExportFile::append(ByteSpan bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(file_, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) {
            return disk_error_from_errno(errno, "writing " + name_);
        }
        if (written > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        }
    }
    return done();
}

Result<> ExportFile::finish(std::uint32_t mode, std::int64_t mtime_ns) {
    timespec times[2];
    times_of(mtime_ns, times);
    if (::fchmod(file_, mode & kModeShown) != 0 || ::futimens(file_, times) != 0 ||
        ::renameat(directory_, part_name().c_str(), directory_, name_.c_str()) != 0) {
        return disk_error_from_errno(errno, "finishing " + name_);
    }
    finished_ = true;
    return done();
}

ExportTree::ExportTree(ExportTree&& other) noexcept
    : root_(std::exchange(other.root_, -1)), out_(other.out_), file_name_(other.file_name_) {}

ExportTree::~ExportTree() {
    if (root_ >= 0) {
        ::close(root_);
    }
}

Error ExportTree::failed(int error_number, const std::string& path) const {
    return disk_error_from_errno(error_number, "writing " + out_ + "/" + path);
}

Result<ExportTree> ExportTree::into_directory(const std::string& out) {
    if (::mkdir(out.c_str(), 0777) != 0 && errno != EEXIST) {
        return disk_error_from_errno(errno, "making " + out);
    }
    const int root = ::open(out.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return disk_error_from_errno(errno, "opening " + out);
    }
    return ExportTree(root, out);
}

Result<ExportTree> ExportTree::for_file(const std::string& out, const std::string& name,
                                        store::InodeKind kind) {
    struct stat status {};
    const bool directory = ::stat(out.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
    const std::filesystem::path path =
        directory ? std::filesystem::path(out) / name : std::filesystem::path(out);
    SWARM_TRY(ExportTree tree, into_directory(path.parent_path().string()));
    tree.file_name_ = path.filename().string();
    SWARM_CHECK(check_replaceable(tree.root_, tree.file_name_, path.string()));
    // What it leads to may be meant, as with /dev/stdout, and that is outside.
    if (kind != store::InodeKind::symlink &&
        ::fstatat(tree.root_, tree.file_name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(status.st_mode)) {
        return caller_error(Code::exists, path.string() +
                                              " is a symbolic link, which is neither followed nor "
                                              "replaced; name the file it leads to with -o, or "
                                              "remove it");
    }
    return tree;
}

// Returns: a descriptor of the directory that holds `path`, the caller's to close.
Result<int> ExportTree::open_parent(const std::string& path) const {
    const std::size_t slash = path.rfind('/');
    const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash);
    const int directory = open_beneath(root_, parent, O_RDONLY | O_DIRECTORY);
    if (directory < 0) {
        return failed(errno, parent);
    }
    return directory;
}

Result<> ExportTree::make_directory(const std::string& path) {
    SWARM_TRY(const int parent, open_parent(path));
    const std::string name = last_part(path);
    int result = ::mkdirat(parent, name.c_str(), 0700);
    if (result != 0 && errno == EEXIST) {
        struct stat status {};
        const bool there = ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
        if (there && S_ISDIR(status.st_mode)) {
            result = 0;
        } else if (auto may = check_replaceable(parent, name, out_ + "/" + path); !may.ok()) {
            ::close(parent);
            return may;
        } else if (::unlinkat(parent, name.c_str(), 0) == 0) {
            result = ::mkdirat(parent, name.c_str(), 0700);
        }
    }
    const int error_number = errno;
    ::close(parent);
    return result == 0 ? done() : Result<>(failed(error_number, path));
}

Result<> ExportTree::make_symlink(const std::string& path, const std::string& target,
                                  std::int64_t mtime_ns) {
    SWARM_TRY(const int parent, open_parent(path));
    const std::string name = last_part(path);
    if (auto may = check_replaceable(parent, name, out_ + "/" + path); !may.ok()) {
        ::close(parent);
        return may;
    }
    int result = ::symlinkat(target.c_str(), parent, name.c_str());
    if (result != 0 && errno == EEXIST && ::unlinkat(parent, name.c_str(), 0) == 0) {
        result = ::symlinkat(target.c_str(), parent, name.c_str());
    }
    const int error_number = errno;
    if (result == 0) {
        timespec times[2];
        times_of(mtime_ns, times);
        ::utimensat(parent, name.c_str(), times, AT_SYMLINK_NOFOLLOW);
    }
    ::close(parent);
    return result == 0 ? done() : Result<>(failed(error_number, path));
}

Result<ExportFile> ExportTree::begin_file(const std::string& path) {
    SWARM_TRY(const int parent, open_parent(path));
    ExportFile file(parent, -1, last_part(path));
    SWARM_CHECK(check_replaceable(parent, last_part(path), out_ + "/" + path));
    ::unlinkat(parent, file.part_name().c_str(), 0);
    file.file_ = ::openat(parent, file.part_name().c_str(),
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file.file_ < 0) {
        return failed(errno, path);
    }
    return file;
}

Result<> ExportTree::set_directory(const std::string& path, std::uint32_t mode,
                                   std::int64_t mtime_ns) {
    const int directory = open_beneath(root_, path, O_RDONLY | O_DIRECTORY);
    if (directory < 0) {
        return failed(errno, path);
    }
    timespec times[2];
    times_of(mtime_ns, times);
    const bool set =
        ::fchmod(directory, mode & kModeShown) == 0 && ::futimens(directory, times) == 0;
    const int error_number = errno;
    ::close(directory);
    return set ? done() : Result<>(failed(error_number, path));
}

}  // namespace swarmfs::node
