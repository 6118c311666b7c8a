#include "engine/core/result.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace swarmfs {

void assertion_failed(const char* expression, const char* file, int line) {
    std::fprintf(stderr, "swarmfs: broken invariant: %s (%s:%d)\n", expression, file, line);
    std::abort();
}

const char* name_of(Code code) {
    switch (code) {
        case Code::invalid: return "invalid";
        case Code::not_found: return "not_found";
        case Code::exists: return "exists";
        case Code::not_directory: return "not_directory";
        case Code::is_directory: return "is_directory";
        case Code::not_empty: return "not_empty";
        case Code::name_too_long: return "name_too_long";
        case Code::too_large: return "too_large";
        case Code::permission: return "permission";
        case Code::read_only: return "read_only";
        case Code::unsupported: return "unsupported";
        case Code::no_space: return "no_space";
        case Code::io: return "io";
        case Code::corrupt: return "corrupt";
        case Code::unavailable: return "unavailable";
        case Code::timed_out: return "timed_out";
        case Code::cancelled: return "cancelled";
        case Code::busy: return "busy";
        case Code::try_again: return "try_again";
        case Code::configuration: return "configuration";
        case Code::protocol: return "protocol";
    }
    return "unknown";
}

const char* name_of(Whose whose) {
    switch (whose) {
        case Whose::peer: return "peer";
        case Whose::network: return "network";
        case Whose::disk: return "disk";
        case Whose::caller: return "caller";
    }
    return "unknown";
}

namespace {

Code code_from_errno(int error_number) {
    switch (error_number) {
        case ENOSPC:
        case EDQUOT: return Code::no_space;
        case ENOENT: return Code::not_found;
        case EEXIST: return Code::exists;
        case EACCES:
        case EPERM: return Code::permission;
        case EROFS: return Code::read_only;
        case ENOTDIR: return Code::not_directory;
        case EISDIR: return Code::is_directory;
        case ENAMETOOLONG: return Code::name_too_long;
        case EFBIG: return Code::too_large;
        default: return Code::io;
    }
}

}  // namespace

Error disk_error_from_errno(int error_number, const std::string& what) {
    return disk_error(code_from_errno(error_number),
                      what + ": " + std::generic_category().message(error_number));
}

}  // namespace swarmfs
