#include "fs/fuse_ops.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/core/file_time.hpp"
#include "fs/errno.hpp"
#include "fs/fuse_packing.hpp"
#include "fs/fuse_session.hpp"

namespace swarmfs::fs {
namespace {

using node::Inode;

FuseSession& session_of(fuse_req_t request) {
    return *static_cast<FuseSession*>(fuse_req_userdata(request));
}

FileSystem& files_of(fuse_req_t request) {
    return session_of(request).file_system();
}

// ---- answering ----

void reply_done(fuse_req_t request, const Result<>& result) {
    fuse_reply_err(request, result.ok() ? 0 : errno_of(result.error()));
}

void reply_refusal(fuse_req_t request, Refusal refusal) {
    fuse_reply_err(request, errno_of(refusal));
}

// A reply that does not arrive (the caller was killed) was not counted by the kernel either.
void reply_name(fuse_req_t request, const Result<NameStatus>& name) {
    if (!name.ok()) {
        fuse_reply_err(request, errno_of(name.error()));
        return;
    }
    FileSystem& files = files_of(request);
    const fuse_entry_param entry = entry_of(*name);
    if (fuse_reply_entry(request, &entry) < 0 && entry.ino != 0) {
        files.forget(entry.ino, 1);
    }
}

void reply_status(fuse_req_t request, const Result<FileStatus>& status) {
    if (!status.ok()) {
        fuse_reply_err(request, errno_of_inode_call(status.error()));
        return;
    }
    const struct stat out = stat_of(*status);
    fuse_reply_attr(request, &out, seconds_of(status->keep));
}

// ---- the beginning ----

void op_init(void* user_data, fuse_conn_info* connection) {
    static_cast<FuseSession*>(user_data)->negotiate(*connection);
}

// ---- names ----

void op_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
    reply_name(request, files_of(request).lookup(parent, name));
}

void op_forget(fuse_req_t request, fuse_ino_t inode, std::uint64_t count) {
    files_of(request).forget(inode, count);
    fuse_reply_none(request);
}

void op_forget_multi(fuse_req_t request, std::size_t count, fuse_forget_data* forgets) {
    for (std::size_t i = 0; i < count; ++i) {
        files_of(request).forget(forgets[i].ino, forgets[i].nlookup);
    }
    fuse_reply_none(request);
}

void op_mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
    if (!S_ISREG(mode)) {
        reply_refusal(request, Refusal::special_file);
        return;
    }
    reply_name(request, files_of(request).make_file(parent, name, mode));
}

void op_mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
    reply_name(request, files_of(request).make_directory(parent, name, mode));
}

void op_symlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) {
    reply_name(request, files_of(request).make_symlink(parent, name, target));
}

void op_link(fuse_req_t request, fuse_ino_t, fuse_ino_t, const char*) {
    reply_refusal(request, Refusal::hard_link);
}

void op_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
    reply_done(request, files_of(request).remove_file(parent, name));
}

void op_rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) {
    reply_done(request, files_of(request).remove_directory(parent, name));
}

void op_rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
               const char* new_name, unsigned flags) {
    node::RenameRule rule = node::RenameRule::replace;
    if (flags == RENAME_NOREPLACE) {
        rule = node::RenameRule::keep_existing;
    } else if (flags == RENAME_EXCHANGE) {
        rule = node::RenameRule::exchange;
    } else if (flags != 0) {
        reply_refusal(request, Refusal::unknown_flags);
        return;
    }
    reply_done(request, files_of(request).rename(parent, name, new_parent, new_name, rule));
}

// ---- inodes ----

void op_getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
    reply_status(request, files_of(request).status(inode));
}

void op_setattr(fuse_req_t request, fuse_ino_t inode, struct stat* wanted, int set,
                fuse_file_info*) {
    StatusChange change;
    if ((set & FUSE_SET_ATTR_MODE) != 0) {
        change.mode = wanted->st_mode;
    }
    if ((set & FUSE_SET_ATTR_UID) != 0) {
        change.uid = wanted->st_uid;
    }
    if ((set & FUSE_SET_ATTR_GID) != 0) {
        change.gid = wanted->st_gid;
    }
    if ((set & FUSE_SET_ATTR_SIZE) != 0) {
        change.size = static_cast<std::uint64_t>(wanted->st_size);
    }
    if ((set & FUSE_SET_ATTR_MTIME_NOW) != 0) {
        change.mtime_now = true;
    } else if ((set & FUSE_SET_ATTR_MTIME) != 0) {
        change.mtime_ns = file_time_ns(wanted->st_mtim.tv_sec, wanted->st_mtim.tv_nsec);
    }
    const auto changed = files_of(request).change_status(inode, change);
    if (!changed.ok() && changed.error().code == Code::permission) {
        reply_refusal(request, Refusal::foreign_owner);
        return;
    }
    reply_status(request, changed);
}

void op_readlink(fuse_req_t request, fuse_ino_t inode) {
    const auto target = files_of(request).read_link(inode);
    if (!target.ok()) {
        fuse_reply_err(request, errno_of_inode_call(target.error()));
        return;
    }
    fuse_reply_readlink(request, target->c_str());
}

void op_statfs(fuse_req_t request, fuse_ino_t) {
    constexpr std::uint64_t kBlock = 4096;
    const node::Space space = files_of(request).space();
    struct statvfs out {};
    out.f_bsize = kBlock;
    out.f_frsize = kBlock;
    out.f_blocks = space.total_bytes / kBlock;
    out.f_bfree = space.free_bytes / kBlock;
    out.f_bavail = out.f_bfree;
    out.f_namemax = 255;  // f_files and f_ffree stay 0, which says that inodes are not counted
    fuse_reply_statfs(request, &out);
}

// ---- files ----

OpenRequest open_request_of(const fuse_file_info& info) {
    OpenRequest request;
    switch (info.flags & O_ACCMODE) {
        case O_WRONLY: request.access = node::Access::write; break;
        case O_RDWR: request.access = node::Access::read_write; break;
        default: request.access = node::Access::read; break;
    }
    request.truncate = (info.flags & O_TRUNC) != 0;
    request.exclusive = (info.flags & O_EXCL) != 0;
    return request;
}

void pack_opened(fuse_file_info& info, const Opened& opened) {
    info.fh = opened.handle.number();
    info.keep_cache = opened.keep_pages ? 1 : 0;
    info.direct_io = opened.direct ? 1 : 0;
    info.noflush = opened.handle.writable() ? 0 : 1;  // closing what was read settles nothing
}

void op_create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* info) {
    FileSystem& files = files_of(request);
    const auto created = files.create(parent, name, mode, open_request_of(*info));
    if (!created.ok()) {
        const bool taken = created.error().code == Code::exists && (info->flags & O_EXCL) == 0;
        fuse_reply_err(request, taken ? errno_of(Refusal::name_taken) : errno_of(created.error()));
        return;
    }
    pack_opened(*info, created->opened);
    const fuse_entry_param entry = entry_of(created->name);
    if (fuse_reply_create(request, &entry, info) < 0) {
        files.forget(entry.ino, 1);
        files.release(created->opened.handle);
    }
}

void reply_opened(fuse_req_t request, FileSystem& files, fuse_file_info info,
                  const Result<Opened>& opened) {
    if (!opened.ok()) {
        fuse_reply_err(request, errno_of_inode_call(opened.error()));
        return;
    }
    pack_opened(info, *opened);
    if (fuse_reply_open(request, &info) < 0) {
        files.release(opened->handle);
    }
}

// `data` is the number of a pending read or opening.
void on_interrupt(fuse_req_t request, void* data) {
    FuseSession& session = session_of(request);
    const auto number = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(data));
    if (const auto ticket = session.pending_reads().interrupt(number)) {
        session.file_system().cancel_read(*ticket);
    }
}

// Runs `begin(number)`, which has the volume answer the request later and gives its ticket.
template <class Begin>
void answer_later(fuse_req_t request, const std::shared_ptr<FuseSession>& session,
                  const Begin& begin) {
    const std::uint64_t number = session->pending_reads().begin();
    fuse_req_interrupt_func(request, on_interrupt, reinterpret_cast<void*>(number));
    // From here on the request may be answered, and gone, at any moment.
    const node::ReadTicket ticket = begin(number);
    if (ticket != 0 && session->pending_reads().started(number, ticket)) {
        session->file_system().cancel_read(ticket);
    }
}

// The answer may come when the mount has gone: then the handle is given back, and nobody listens.
void open_later(fuse_req_t request, Inode inode, const OpenRequest& wanted,
                const fuse_file_info& info) {
    const std::shared_ptr<FuseSession> session = session_of(request).shared_from_this();
    const std::shared_ptr<node::Volume> volume = session->file_system().volume();
    answer_later(request, session, [&](std::uint64_t number) {
        const auto answer = [session, volume, request, number, inode, wanted,
                             info](const Result<node::FileHandle>& handle) {
            session->pending_reads().end(number);
            if (!handle.ok()) {
                if (handle.error().code != Code::not_found) {  // which the kernel mends
                    session->explain("opening a file", handle.error());
                }
                fuse_reply_err(request, errno_of_inode_call(handle.error()));
                return;
            }
            const bool there = session->while_serving([&](FileSystem& files) {
                reply_opened(request, files, info, files.finish_open(inode, *handle, wanted));
            });
            if (!there) {
                volume->release(*handle);
                reply_refusal(request, Refusal::failed);
            }
        };
        return session->file_system().begin_open(inode, wanted, answer);
    });
}

void op_open(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) {
    FileSystem& files = files_of(request);
    const OpenRequest wanted = open_request_of(*info);
    if (files.waits_to_open(inode, wanted)) {
        open_later(request, inode, wanted, *info);
        return;
    }
    reply_opened(request, files, *info, files.open(inode, wanted));
}

void op_read(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
    const std::shared_ptr<FuseSession> session = session_of(request).shared_from_this();
    answer_later(request, session, [&](std::uint64_t number) {
        return session->file_system().read(
            OpenHandle::from(info->fh), static_cast<std::uint64_t>(offset), size,
            [session, request, number](Result<ByteSpan> bytes) {
                session->pending_reads().end(number);
                if (bytes.ok()) {
                    fuse_reply_buf(request, reinterpret_cast<const char*>(bytes->data()),
                                   bytes->size());
                } else {
                    session->explain("a read", bytes.error());
                    fuse_reply_err(request, errno_of(bytes.error()));
                }
            });
    });
}

void op_write(fuse_req_t request, fuse_ino_t, const char* bytes, std::size_t size, off_t offset,
              fuse_file_info* info) {
    const auto written =
        files_of(request).write(OpenHandle::from(info->fh), static_cast<std::uint64_t>(offset),
                                as_bytes(std::string_view(bytes, size)));
    if (!written.ok()) {
        fuse_reply_err(request, errno_of(written.error()));
        return;
    }
    fuse_reply_write(request, *written);
}

void op_flush(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    reply_done(request, files_of(request).flush(OpenHandle::from(info->fh)));
}

void op_fsync(fuse_req_t request, fuse_ino_t, int, fuse_file_info* info) {
    reply_done(request, files_of(request).sync(OpenHandle::from(info->fh)));
}

void op_release(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    files_of(request).release(OpenHandle::from(info->fh));
    fuse_reply_err(request, 0);
}

// ---- directories ----

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

void read_directory(fuse_req_t request, std::size_t size, off_t offset, fuse_file_info* info,
                    FileSystem::Lookups lookups) {
    const std::size_t each =
        lookups == FileSystem::Lookups::counted ? kPlusEntryBytes : kPlainEntryBytes;
    DirectoryReply reply(request, size, lookups);
    const auto result = files_of(request).read_directory(
        info->fh, static_cast<std::uint64_t>(offset),
        std::clamp(size / each, std::size_t{1}, kEntriesMax), lookups,
        [&reply](std::string_view name, const std::optional<FileStatus>& status,
                 std::uint64_t next) { return reply.add(name, status, next); });
    reply.send(result);
}

void op_readdir(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset,
                fuse_file_info* info) {
    read_directory(request, size, offset, info, FileSystem::Lookups::uncounted);
}

void op_readdirplus(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset,
                    fuse_file_info* info) {
    read_directory(request, size, offset, info, FileSystem::Lookups::counted);
}

void op_releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    files_of(request).close_directory(info->fh);
    fuse_reply_err(request, 0);
}

fuse_lowlevel_ops make_operations() {
    fuse_lowlevel_ops ops{};
    ops.init = op_init;
    ops.lookup = op_lookup;
    ops.forget = op_forget;
    ops.forget_multi = op_forget_multi;
    ops.getattr = op_getattr;
    ops.setattr = op_setattr;
    ops.readlink = op_readlink;
    ops.mknod = op_mknod;
    ops.mkdir = op_mkdir;
    ops.unlink = op_unlink;
    ops.rmdir = op_rmdir;
    ops.symlink = op_symlink;
    ops.rename = op_rename;
    ops.link = op_link;
    ops.open = op_open;
    ops.create = op_create;
    ops.read = op_read;
    ops.write = op_write;
    ops.flush = op_flush;
    ops.release = op_release;
    ops.fsync = op_fsync;
    ops.opendir = op_opendir;
    ops.readdir = op_readdir;
    ops.readdirplus = op_readdirplus;
    ops.releasedir = op_releasedir;
    ops.statfs = op_statfs;
    return ops;
}

}  // namespace

const fuse_lowlevel_ops& fuse_operations() {
    static const fuse_lowlevel_ops operations = make_operations();
    return operations;
}

}  // namespace swarmfs::fs
