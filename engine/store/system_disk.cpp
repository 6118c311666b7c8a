#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>

#include "engine/core/file_time.hpp"
#include "engine/lmdb/environment.hpp"
#include "engine/store/disk.hpp"

namespace swarmfs::store {
namespace {

// Bytes of one copy through memory, where the kernel cannot copy between two files itself.
constexpr std::size_t kCopyBytes = 1 << 20;
// Of one call that writes: the leaves of a chunk.
constexpr std::size_t kPartsAtOnce = 16;

Error failed(const char* doing, const Path& path) {
    return disk_error_from_errno(errno, std::string(doing) + " " + path.string());
}

FileStatus status_of(const struct stat& from) {
    FileStatus status;
    status.device = from.st_dev;
    status.inode = from.st_ino;
    status.size = static_cast<std::uint64_t>(from.st_size);
    status.allocated_bytes = static_cast<std::uint64_t>(from.st_blocks) * 512;
    status.mtime_ns = file_time_ns(from.st_mtim.tv_sec, from.st_mtim.tv_nsec);
    status.regular = S_ISREG(from.st_mode);
    status.folder = S_ISDIR(from.st_mode);
    return status;
}

class SystemFile final : public File {
public:
    SystemFile(Path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
    ~SystemFile() override { ::close(descriptor_); }

    Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan out) const override {
        std::size_t filled = 0;
        while (filled < out.size()) {
            const ssize_t got = ::pread(descriptor_, out.data() + filled, out.size() - filled,
                                        static_cast<off_t>(offset + filled));
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got < 0) {
                return failed("reading", path_);
            }
            if (got == 0) {
                break;
            }
            filled += static_cast<std::size_t>(got);
        }
        return filled;
    }

    Result<std::size_t> read_at(std::uint64_t offset,
                                std::span<const MutableByteSpan> parts) const override {
        std::array<iovec, kPartsAtOnce> vector{};
        std::size_t filled = 0;
        for (; !parts.empty(); parts = parts.subspan(std::min(parts.size(), kPartsAtOnce))) {
            const auto some = parts.first(std::min(parts.size(), kPartsAtOnce));
            std::size_t bytes = 0;
            for (std::size_t i = 0; i < some.size(); ++i) {
                vector[i] = {some[i].data(), some[i].size()};
                bytes += some[i].size();
            }
            const ssize_t got = ::preadv(descriptor_, vector.data(), static_cast<int>(some.size()),
                                         static_cast<off_t>(offset + filled));
            if (got < 0 && errno != EINTR) {
                return failed("reading", path_);
            }
            if (got >= 0 && static_cast<std::size_t>(got) == bytes) {
                filled += bytes;
                continue;
            }
            for (const MutableByteSpan part : some) {  // rare: all of it, one by one
                SWARM_TRY(const std::size_t alone, read_at(offset + filled, part));
                filled += alone;
                if (alone < part.size()) {
                    return filled;
                }
            }
        }
        return filled;
    }

    Result<> write_at(std::uint64_t offset, ByteSpan bytes) override {
        std::size_t written = 0;
        while (written < bytes.size()) {
            const ssize_t put =
                ::pwrite(descriptor_, bytes.data() + written, bytes.size() - written,
                         static_cast<off_t>(offset + written));
            if (put < 0 && errno == EINTR) {
                continue;
            }
            if (put < 0) {
                return failed("writing", path_);
            }
            written += static_cast<std::size_t>(put);
        }
        return done();
    }

    Result<> write_at(std::uint64_t offset, std::span<const ByteSpan> parts) override {
        std::array<iovec, kPartsAtOnce> vector{};
        for (; !parts.empty(); parts = parts.subspan(std::min(parts.size(), kPartsAtOnce))) {
            const auto some = parts.first(std::min(parts.size(), kPartsAtOnce));
            std::size_t bytes = 0;
            for (std::size_t i = 0; i < some.size(); ++i) {
                vector[i] = {const_cast<std::uint8_t*>(some[i].data()), some[i].size()};
                bytes += some[i].size();
            }
            const ssize_t put = ::pwritev(descriptor_, vector.data(), static_cast<int>(some.size()),
                                          static_cast<off_t>(offset));
            if (put < 0 && errno != EINTR) {
                return failed("writing", path_);
            }
            if (put < 0 || static_cast<std::size_t>(put) < bytes) {  // rare: all of it, one by one
                std::uint64_t at = offset;
                for (const ByteSpan part : some) {
                    SWARM_CHECK(write_at(at, part));
                    at += part.size();
                }
            }
            offset += bytes;
        }
        return done();
    }

    Result<> sync() override {
        return ::fdatasync(descriptor_) == 0 ? done() : Result<>(failed("syncing", path_));
    }

    Result<> truncate(std::uint64_t size) override {
        return ::ftruncate(descriptor_, static_cast<off_t>(size)) == 0
                   ? done()
                   : Result<>(failed("truncating", path_));
    }

    Result<> allocate(std::uint64_t offset, std::uint64_t length) override {
        if (change_room(0, offset, length)) {
            return done();
        }
        // Where blocks cannot be reserved, a full disk is met when writing: worse, not wrong.
        return errno == EOPNOTSUPP ? done() : Result<>(failed("reserving room for", path_));
    }

    Result<> punch(std::uint64_t offset, std::uint64_t length) override {
        if (change_room(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length)) {
            return done();
        }
        if (errno == EOPNOTSUPP) {
            return disk_error(Code::unsupported,
                              "freeing a part of " + path_.string() +
                                  ": this file system cannot give back parts of files");
        }
        return failed("freeing a part of", path_);
    }

    Result<std::uint64_t> next_data(std::uint64_t offset) const override {
        const off_t found = ::lseek(descriptor_, static_cast<off_t>(offset), SEEK_DATA);
        if (found >= 0) {
            return static_cast<std::uint64_t>(found);
        }
        if (errno == ENXIO) {  // nothing but a hole from there to the end
            SWARM_TRY(const FileStatus now, status());
            return std::max(offset, now.size);
        }
        return errno == EINVAL || errno == EOPNOTSUPP ? Result<std::uint64_t>(offset)
                                                      : failed("looking for bytes in", path_);
    }

    Result<std::uint64_t> next_hole(std::uint64_t offset) const override {
        const off_t found = ::lseek(descriptor_, static_cast<off_t>(offset), SEEK_HOLE);
        if (found >= 0) {
            return static_cast<std::uint64_t>(found);
        }
        if (errno != EINVAL && errno != EOPNOTSUPP) {
            return failed("looking for a hole in", path_);
        }
        SWARM_TRY(const FileStatus now, status());
        return now.size;
    }

    Result<> copy_from(const File& source, std::uint64_t source_offset, std::uint64_t offset,
                       std::uint64_t length) override {
        auto from = static_cast<off_t>(source_offset);
        auto to = static_cast<off_t>(offset);
        while (length > 0) {
            const ssize_t copied = ::copy_file_range(source.descriptor(), &from, descriptor_, &to,
                                                     static_cast<std::size_t>(length), 0);
            if (copied < 0 && errno == EINTR) {
                continue;
            }
            if (copied < 0 && (errno == EXDEV || errno == EOPNOTSUPP || errno == ENOSYS ||
                               errno == EINVAL || errno == EBADF)) {
                return copy_through_memory(source, static_cast<std::uint64_t>(from),
                                           static_cast<std::uint64_t>(to), length);
            }
            if (copied < 0) {
                return failed("copying into", path_);
            }
            if (copied == 0) {
                return disk_error(Code::io, "copying into " + path_.string() +
                                                ": the source is shorter than it was");
            }
            length -= static_cast<std::uint64_t>(copied);
        }
        return done();
    }

    Result<FileStatus> status() const override {
        struct stat found {};
        if (::fstat(descriptor_, &found) != 0) {
            return failed("examining", path_);
        }
        return status_of(found);
    }

    int descriptor() const override { return descriptor_; }

private:
    // tmpfs gives up at any signal.
    bool change_room(int mode, std::uint64_t offset, std::uint64_t length) {
        int changed = -1;
        do {
            changed = ::fallocate(descriptor_, mode, static_cast<off_t>(offset),
                                  static_cast<off_t>(length));
        } while (changed != 0 && errno == EINTR);
        return changed == 0;
    }

    Result<> copy_through_memory(const File& source, std::uint64_t from, std::uint64_t to,
                                 std::uint64_t length) {
        Bytes buffer(static_cast<std::size_t>(std::min<std::uint64_t>(length, kCopyBytes)));
        while (length > 0) {
            const auto part = MutableByteSpan(buffer).first(
                static_cast<std::size_t>(std::min<std::uint64_t>(length, buffer.size())));
            SWARM_TRY(const std::size_t got, source.read_at(from, part));
            if (got < part.size()) {
                return disk_error(Code::io, "copying into " + path_.string() +
                                                ": the source is shorter than it was");
            }
            SWARM_CHECK(write_at(to, part));
            from += part.size();
            to += part.size();
            length -= part.size();
        }
        return done();
    }

    Path path_;
    int descriptor_;
};

int flags_of(Open how) {
    constexpr int kAlways = O_CLOEXEC | O_NOFOLLOW;
    switch (how) {
        case Open::read: return kAlways | O_RDONLY;
        case Open::write: return kAlways | O_RDWR;
        case Open::create: return kAlways | O_RDWR | O_CREAT;
        case Open::create_new: return kAlways | O_RDWR | O_CREAT | O_EXCL;
    }
    return kAlways;
}

}  // namespace

Result<std::unique_ptr<File>> SystemDisk::open(const Path& path, Open how) {
    const int descriptor = ::open(path.c_str(), flags_of(how), 0600);
    if (descriptor < 0) {
        return failed("opening", path);
    }
    return std::unique_ptr<File>(std::make_unique<SystemFile>(path, descriptor));
}

Result<FileStatus> SystemDisk::status(const Path& path) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) {
        return failed("examining", path);
    }
    return status_of(found);
}

Result<> SystemDisk::rename(const Path& from, const Path& to) {
    return ::rename(from.c_str(), to.c_str()) == 0 ? done() : Result<>(failed("renaming", from));
}

Result<> SystemDisk::remove(const Path& path) {
    return ::unlink(path.c_str()) == 0 || errno == ENOENT ? done()
                                                          : Result<>(failed("removing", path));
}

Result<> SystemDisk::make_folder(const Path& path) {
    if (::mkdir(path.c_str(), 0700) == 0) {
        return done();
    }
    if (errno == ENOENT && path.has_parent_path() && path.parent_path() != path) {
        SWARM_CHECK(make_folder(path.parent_path()));
        return ::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST
                   ? done()
                   : Result<>(failed("creating", path));
    }
    if (errno == EEXIST) {
        struct stat found {};
        if (::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) {
            return done();
        }
        errno = ENOTDIR;
    }
    return failed("creating", path);
}

Result<> SystemDisk::sync_folder(const Path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        return failed("opening", path);
    }
    const bool synced = ::fsync(descriptor) == 0;
    const Result<> outcome = synced ? done() : Result<>(failed("syncing", path));
    ::close(descriptor);
    return outcome;
}

Result<std::vector<std::string>> SystemDisk::list(const Path& folder) {
    std::error_code error;
    std::vector<std::string> names;
    std::filesystem::directory_iterator at(folder, error);
    for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
        names.push_back(at->path().filename().string());
    }
    if (error) {
        return disk_error_from_errno(error.value(), "listing " + folder.string());
    }
    return names;
}

Result<std::uint64_t> SystemDisk::free_bytes(const Path& path) {
    struct statvfs found {};
    if (::statvfs(path.c_str(), &found) != 0) {
        return failed("examining", path);
    }
    return static_cast<std::uint64_t>(found.f_bavail) * found.f_frsize;
}

Result<> SystemDisk::sync_all(const Path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return failed("opening", path);
    }
    const bool synced = ::syncfs(descriptor) == 0;
    const Result<> outcome = synced ? done() : Result<>(failed("syncing", path));
    ::close(descriptor);
    return outcome;
}

std::string SystemDisk::boot() {
    std::string word;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> word;
    return word;
}

Result<> SystemDisk::commit(lmdb::WriteTransaction& transaction) {
    return transaction.commit();
}

}  // namespace swarmfs::store
