#include "fs/fuse_replies.hpp"

#include "fs/fuse_packing.hpp"

namespace swarmfs::fs {
namespace {

// `data` is the number of a pending read.
void on_interrupt(fuse_req_t request, void* data) {
    FuseSession& session = session_of(request);
    const auto number = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(data));
    if (const auto ticket = session.pending_reads().interrupt(number)) {
        session.file_system().cancel_read(*ticket);
    }
}

}  // namespace

FuseSession& session_of(fuse_req_t request) {
    return *static_cast<FuseSession*>(fuse_req_userdata(request));
}

FileSystem& files_of(fuse_req_t request) {
    return session_of(request).file_system();
}

void end_when_interrupted(fuse_req_t request, std::uint64_t number) {
    fuse_req_interrupt_func(request, on_interrupt, reinterpret_cast<void*>(number));
}

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

}  // namespace swarmfs::fs
