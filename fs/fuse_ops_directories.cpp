// Open directories.

#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "fs/fuse_ops.hpp"
#include "fs/fuse_packing.hpp"
#include "fs/fuse_replies.hpp"

namespace swarmfs::fs {
namespace {

using node::Inode;

void op_opendir(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) {
    FileSystem& files = files_of(request);
    const auto stream = files.open_directory(inode);
    if (!stream.ok()) {
        fuse_reply_err(request, errno_of_inode_call(stream.error()));
        return;
    }
    info->fh = *stream;
    info->cache_readdir = 1;  // a change drops the cached listing
    info->keep_cache = 1;
    if (fuse_reply_open(request, info) < 0) {
        files.close_directory(*stream);
    }
}

// What one entry takes of a reply at least, to ask for about as many as fit.
constexpr std::size_t kPlainEntryBytes = 32;
constexpr std::size_t kPlusEntryBytes = 160;
constexpr std::size_t kEntriesMax = 4096;  // of one page of names in memory

class DirectoryReply {
public:
    DirectoryReply(fuse_req_t request, std::size_t size, FileSystem::Lookups lookups)
        : request_(request), buffer_(size), lookups_(lookups) {}

    bool add(std::string_view name, const std::optional<FileStatus>& status, std::uint64_t next) {
        // Names reach libfuse with a terminator; they never hold a NUL.
        name_.assign(name);
        fuse_entry_param entry{};
        entry.attr.st_ino = kUnknownInode;
        entry.attr.st_mode = S_IFDIR;
        if (status) {
            entry.attr = stat_of(*status);
        }
        const bool counted = lookups_ == FileSystem::Lookups::counted;
        if (counted && name != "." && name != "..") {
            entry.ino = status->attributes.inode;
            entry.attr_timeout = seconds_of(status->keep);
            entry.entry_timeout = entry.attr_timeout;
        }
        char* const at = buffer_.data() + used_;
        const std::size_t room = buffer_.size() - used_;
        const auto offset = static_cast<off_t>(next);
        const std::size_t needs =
            counted ? fuse_add_direntry_plus(request_, at, room, name_.c_str(), &entry, offset)
                    : fuse_add_direntry(request_, at, room, name_.c_str(), &entry.attr, offset);
        if (needs > room) {
            return false;
        }
        used_ += needs;
        if (entry.ino != 0) {
            counted_.push_back(entry.ino);
        }
        return true;
    }

    void send(const Result<>& result) {
        FileSystem& files = files_of(request_);
        // What was found before an error goes out; the error comes again with the next request.
        const bool sent = result.ok() || used_ > 0
                              ? fuse_reply_buf(request_, buffer_.data(), used_) == 0
                              : fuse_reply_err(request_, errno_of_inode_call(result.error())) == 0;
        if (!sent) {
            for (const Inode inode : counted_) {
                files.forget(inode, 1);
            }
        }
    }

private:
    static constexpr ino_t kUnknownInode = 0xffffffff;  // libfuse's own word for it

    const fuse_req_t request_;
    std::vector<char> buffer_;
    std::size_t used_ = 0;
    const FileSystem::Lookups lookups_;
    std::vector<Inode> counted_;
    std::string name_;
};

void read_directory(fuse_req_t request, Inode inode, std::size_t size, off_t offset,
                    fuse_file_info* info, FileSystem::Lookups lookups) {
    const std::size_t each =
        lookups == FileSystem::Lookups::counted ? kPlusEntryBytes : kPlainEntryBytes;
    DirectoryReply reply(request, size, lookups);
    const auto result = files_of(request).read_directory(
        inode, info->fh, static_cast<std::uint64_t>(offset),
        std::clamp(size / each, std::size_t{1}, kEntriesMax), lookups,
        [&reply](std::string_view name, const std::optional<FileStatus>& status,
                 std::uint64_t next) { return reply.add(name, status, next); });
    reply.send(result);
}

void op_readdir(fuse_req_t request, fuse_ino_t inode, std::size_t size, off_t offset,
                fuse_file_info* info) {
    read_directory(request, inode, size, offset, info, FileSystem::Lookups::uncounted);
}

void op_readdirplus(fuse_req_t request, fuse_ino_t inode, std::size_t size, off_t offset,
                    fuse_file_info* info) {
    read_directory(request, inode, size, offset, info, FileSystem::Lookups::counted);
}

void op_releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    files_of(request).close_directory(info->fh);
    fuse_reply_err(request, 0);
}

}  // namespace

void add_directory_operations(fuse_lowlevel_ops& ops) {
    ops.opendir = op_opendir;
    ops.readdir = op_readdir;
    ops.readdirplus = op_readdirplus;
    ops.releasedir = op_releasedir;
}

}  // namespace swarmfs::fs
