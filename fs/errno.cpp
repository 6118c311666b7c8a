#include "fs/errno.hpp"

#include <cerrno>

namespace swarmfs::fs {

int errno_of(const Error& error) {
    switch (error.code) {
        case Code::invalid: return EINVAL;
        case Code::not_found: return ENOENT;
        case Code::exists: return EEXIST;
        case Code::not_directory: return ENOTDIR;
        case Code::is_directory: return EISDIR;
        case Code::not_empty: return ENOTEMPTY;
        case Code::name_too_long: return ENAMETOOLONG;
        case Code::too_large: return EFBIG;
        case Code::permission: return EACCES;
        case Code::read_only: return EROFS;
        case Code::unsupported: return EOPNOTSUPP;
        case Code::no_space: return ENOSPC;
        case Code::cancelled: return EINTR;
        case Code::busy: return EBUSY;
        case Code::try_again: return EAGAIN;
        // Programs know EIO; the reason is in the log.
        case Code::io:
        case Code::corrupt:
        case Code::unavailable:
        case Code::timed_out:
        case Code::configuration:
        case Code::protocol: return EIO;
    }
    return EIO;
}

int errno_of(Refusal refusal) {
    switch (refusal) {
        case Refusal::hard_link:
        case Refusal::special_file:
        case Refusal::foreign_owner: return EPERM;
        case Refusal::unknown_flags: return EINVAL;
        case Refusal::name_taken: return ESTALE;
        case Refusal::failed: return EIO;
        case Refusal::no_such_byte: return ENXIO;
        case Refusal::unknown_allocation:
        case Refusal::foreign_attribute: return EOPNOTSUPP;
        case Refusal::no_such_attribute: return ENODATA;
        case Refusal::no_room_for_attribute: return ERANGE;
    }
    return EIO;
}

int errno_of_inode_call(const Error& error) {
    return error.code == Code::not_found ? ESTALE : errno_of(error);
}

int errno_of_attribute_call(const Error& error) {
    switch (error.code) {
        case Code::too_large: return E2BIG;
        case Code::permission: return EPERM;
        default: return errno_of_inode_call(error);
    }
}

}  // namespace swarmfs::fs
