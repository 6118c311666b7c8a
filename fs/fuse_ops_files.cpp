// Open files.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "fs/fuse_ops.hpp"
#include "fs/fuse_packing.hpp"
#include "fs/fuse_replies.hpp"

namespace swarmfs::fs {
namespace {

using node::Inode;

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

OpenHandle handle_of(fuse_req_t request, Inode inode, const fuse_file_info& info) {
    return files_of(request).current(OpenHandle::from(info.fh), inode);
}

void op_read(fuse_req_t request, fuse_ino_t inode, std::size_t size, off_t offset,
             fuse_file_info* info) {
    const std::shared_ptr<FuseSession> session = session_of(request).shared_from_this();
    const OpenHandle handle = handle_of(request, inode, *info);
    answer_later(request, session, [&](std::uint64_t number) {
        return session->file_system().read(
            handle, static_cast<std::uint64_t>(offset), size,
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

void op_write(fuse_req_t request, fuse_ino_t inode, const char* bytes, std::size_t size,
              off_t offset, fuse_file_info* info) {
    const auto written = files_of(request).write(handle_of(request, inode, *info),
                                                 static_cast<std::uint64_t>(offset),
                                                 as_bytes(std::string_view(bytes, size)));
    if (!written.ok()) {
        fuse_reply_err(request, errno_of(written.error()));
        return;
    }
    fuse_reply_write(request, *written);
}

void op_flush(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) {
    reply_done(request, files_of(request).flush(handle_of(request, inode, *info)));
}

void op_fsync(fuse_req_t request, fuse_ino_t inode, int, fuse_file_info* info) {
    reply_done(request, files_of(request).sync(handle_of(request, inode, *info)));
}

void op_release(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) {
    files_of(request).release(OpenHandle::from(info->fh), inode);
    fuse_reply_err(request, 0);
}

void op_fallocate(fuse_req_t request, fuse_ino_t inode, int mode, off_t offset, off_t length,
                  fuse_file_info* info) {
    constexpr int kKnown = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
    if ((mode & ~kKnown) != 0) {
        reply_refusal(request, Refusal::unknown_allocation);
        return;
    }
    node::Allocation wanted;
    wanted.zeros = (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0;
    wanted.room = (mode & FALLOC_FL_PUNCH_HOLE) == 0;
    wanted.keeps_length = (mode & FALLOC_FL_KEEP_SIZE) != 0;
    reply_done(request, files_of(request).allocate(handle_of(request, inode, *info),
                                                   static_cast<std::uint64_t>(offset),
                                                   static_cast<std::uint64_t>(length), wanted));
}

void op_lseek(fuse_req_t request, fuse_ino_t inode, off_t offset, int whence,
              fuse_file_info* info) {
    const auto what = whence == SEEK_HOLE ? node::SeekFor::hole : node::SeekFor::data;
    const auto found = files_of(request).seek(handle_of(request, inode, *info),
                                              static_cast<std::uint64_t>(offset), what);
    if (found.ok()) {
        fuse_reply_lseek(request, static_cast<off_t>(*found));
    } else if (found.error().code == Code::not_found) {
        reply_refusal(request, Refusal::no_such_byte);
    } else {
        fuse_reply_err(request, errno_of(found.error()));
    }
}

void op_copy_file_range(fuse_req_t request, fuse_ino_t from_inode, off_t from_offset,
                        fuse_file_info* from, fuse_ino_t to_inode, off_t to_offset,
                        fuse_file_info* to, std::size_t length, int) {
    // The answer has room for 32 bits; a longer copy goes on with another request.
    constexpr std::size_t kAtOnce = std::size_t{1} << 31;
    const auto copied = files_of(request).copy_range(
        handle_of(request, from_inode, *from), static_cast<std::uint64_t>(from_offset),
        handle_of(request, to_inode, *to), static_cast<std::uint64_t>(to_offset),
        std::min(length, kAtOnce));
    if (!copied.ok()) {
        fuse_reply_err(request, errno_of(copied.error()));
        return;
    }
    fuse_reply_write(request, static_cast<std::size_t>(*copied));
}

}  // namespace

void add_file_operations(fuse_lowlevel_ops& ops) {
    ops.create = op_create;
    ops.open = op_open;
    ops.read = op_read;
    ops.write = op_write;
    ops.flush = op_flush;
    ops.fsync = op_fsync;
    ops.release = op_release;
    ops.fallocate = op_fallocate;
    ops.lseek = op_lseek;
    ops.copy_file_range = op_copy_file_range;
}

}  // namespace swarmfs::fs
