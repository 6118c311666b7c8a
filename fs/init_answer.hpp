#pragma once
// What this file system promises the kernel at INIT and libfuse before 3.17 cannot say for it.
//
// HANDLE_KILLPRIV_V2 (Linux 5.12): no file here has set-uid or set-gid bits or file capabilities, so
// none are left to take away when it is written to. Without that promise the kernel asks for
// security.capability before every write(2), a request more for each; with it, once for an inode
// whose attributes it has just been told.
//
// Newer libfuse has FUSE_CAP_HANDLE_KILLPRIV_V2, and nothing here is used. Thread: fuse.

#include <sys/uio.h>

struct fuse_conn_info;
struct fuse_session;

namespace swarmfs::fs {

// Lets answers of the session pass through FuseSession::send from now on.
// Requires: it is mounted, and serves nothing yet; its user data is its FuseSession.
// Returns: false when libfuse does not let them; they are sent as ever.
bool pass_answers_through(fuse_session* session);

// Whether this kernel takes the promise, and libfuse has to be helped to give it.
bool promise_is_to_be_added(const fuse_conn_info& connection);

// Adds it to the answer to INIT. No effect on anything else, or on an answer of a shape not known.
void add_promise(const iovec* parts, int count);

}  // namespace swarmfs::fs
