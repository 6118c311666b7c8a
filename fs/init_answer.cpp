#include "fs/init_answer.hpp"

#include <linux/fuse.h>
#include <unistd.h>

#include "fs/fuse_api.hpp"
#include "fs/fuse_session.hpp"

namespace swarmfs::fs {
namespace {

extern "C" ssize_t swarmfs_fuse_writev(int descriptor, iovec* parts, int count, void* user_data) {
    return static_cast<FuseSession*>(user_data)->send(descriptor, parts, count);
}

extern "C" ssize_t swarmfs_fuse_read(int descriptor, void* into, std::size_t room, void*) {
    return ::read(descriptor, into, room);
}

}  // namespace

bool pass_answers_through(fuse_session* session) {
#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
    (void)session;
    return false;
#else
    fuse_custom_io io{};
    io.writev = swarmfs_fuse_writev;
    io.read = swarmfs_fuse_read;
    return fuse_session_custom_io(session, &io, fuse_session_fd(session)) == 0;
#endif
}

bool promise_is_to_be_added(const fuse_conn_info& connection) {
#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
    (void)connection;
    return false;
#else
    constexpr unsigned kMinorThatHasIt = 33;
    return connection.proto_major == FUSE_KERNEL_VERSION &&
           connection.proto_minor >= kMinorThatHasIt;
#endif
}

void add_promise(const iovec* parts, int count) {
    constexpr int kHeaderAndBody = 2;
    if (count != kHeaderAndBody || parts[0].iov_len != sizeof(fuse_out_header) ||
        parts[1].iov_len < offsetof(fuse_init_out, flags) + sizeof(fuse_init_out::flags)) {
        return;
    }
    if (static_cast<const fuse_out_header*>(parts[0].iov_base)->error == 0) {
        static_cast<fuse_init_out*>(parts[1].iov_base)->flags |= FUSE_HANDLE_KILLPRIV_V2;
    }
}

}  // namespace swarmfs::fs
