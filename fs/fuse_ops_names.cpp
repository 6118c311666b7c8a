// Names and inodes.

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "engine/core/file_time.hpp"
#include "fs/fuse_ops.hpp"
#include "fs/fuse_packing.hpp"
#include "fs/fuse_replies.hpp"

namespace swarmfs::fs {
namespace {

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

}  // namespace

void add_name_operations(fuse_lowlevel_ops& ops) {
    ops.lookup = op_lookup;
    ops.forget = op_forget;
    ops.forget_multi = op_forget_multi;
    ops.mknod = op_mknod;
    ops.mkdir = op_mkdir;
    ops.symlink = op_symlink;
    ops.link = op_link;
    ops.unlink = op_unlink;
    ops.rmdir = op_rmdir;
    ops.rename = op_rename;
    ops.getattr = op_getattr;
    ops.setattr = op_setattr;
    ops.readlink = op_readlink;
    ops.statfs = op_statfs;
}

}  // namespace swarmfs::fs
