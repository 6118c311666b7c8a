// Extended attributes.

#include <sys/xattr.h>

#include "fs/fuse_ops.hpp"
#include "fs/fuse_replies.hpp"

namespace swarmfs::fs {
namespace {

// As getxattr(2) and listxattr(2) have it: no room asks how much is needed.
void reply_bytes(fuse_req_t request, std::size_t room, ByteSpan bytes) {
    if (room == 0) {
        fuse_reply_xattr(request, bytes.size());
    } else if (bytes.size() > room) {
        reply_refusal(request, Refusal::no_room_for_attribute);
    } else {
        fuse_reply_buf(request, reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
}

// First what costs most if it is slow: the kernel asks for security.capability before it writes.
void op_getxattr(fuse_req_t request, fuse_ino_t inode, const char* name, std::size_t room) {
    if (!files_of(request).keeps_attribute(name)) {
        reply_refusal(request, Refusal::foreign_attribute);
        return;
    }
    const std::shared_ptr<FuseSession> session = session_of(request).shared_from_this();
    answer_later(request, session, [&](std::uint64_t number) {
        return session->file_system().attribute(
            inode, name,
            [session, request, number, room](const Result<std::optional<Bytes>>& value) {
                session->pending_reads().end(number);
                if (!value.ok()) {
                    fuse_reply_err(request, errno_of_attribute_call(value.error()));
                } else if (!*value) {
                    reply_refusal(request, Refusal::no_such_attribute);
                } else {
                    reply_bytes(request, room, **value);
                }
            });
    });
}

void op_listxattr(fuse_req_t request, fuse_ino_t inode, std::size_t room) {
    const auto names = files_of(request).attribute_names(inode);
    if (!names.ok()) {
        fuse_reply_err(request, errno_of_attribute_call(names.error()));
        return;
    }
    Bytes all;
    for (const std::string& name : *names) {
        all.insert(all.end(), name.begin(), name.end());
        all.push_back(0);
    }
    reply_bytes(request, room, all);
}

void reply_changed(fuse_req_t request, const Result<bool>& found) {
    if (!found.ok()) {
        fuse_reply_err(request, errno_of_attribute_call(found.error()));
    } else if (!*found) {
        reply_refusal(request, Refusal::no_such_attribute);
    } else {
        fuse_reply_err(request, 0);
    }
}

void op_setxattr(fuse_req_t request, fuse_ino_t inode, const char* name, const char* value,
                 std::size_t size, int flags) {
    FileSystem& files = files_of(request);
    node::AttributeRule rule = node::AttributeRule::set;
    if (flags == XATTR_CREATE) {
        rule = node::AttributeRule::create;
    } else if (flags == XATTR_REPLACE) {
        rule = node::AttributeRule::replace;
    } else if (flags != 0) {
        reply_refusal(request, Refusal::unknown_flags);
        return;
    }
    if (!files.keeps_attribute(name)) {
        reply_refusal(request, Refusal::foreign_attribute);
        return;
    }
    reply_changed(request,
                  files.set_attribute(inode, name, as_bytes(std::string_view(value, size)), rule));
}

void op_removexattr(fuse_req_t request, fuse_ino_t inode, const char* name) {
    FileSystem& files = files_of(request);
    if (!files.keeps_attribute(name)) {
        reply_refusal(request, Refusal::foreign_attribute);
        return;
    }
    reply_changed(request, files.remove_attribute(inode, name));
}

}  // namespace

void add_attribute_operations(fuse_lowlevel_ops& ops) {
    ops.getxattr = op_getxattr;
    ops.listxattr = op_listxattr;
    ops.setxattr = op_setxattr;
    ops.removexattr = op_removexattr;
}

}  // namespace swarmfs::fs
