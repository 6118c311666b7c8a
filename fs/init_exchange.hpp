#pragma once
// What the kernel and libfuse said to each other when a mount began: FUSE_INIT and its answer. It
// passes through here for two reasons.
//
//   1. HANDLE_KILLPRIV_V2 (Linux 5.12), which libfuse before 3.17 cannot promise, is added to the
//      answer. No file here has set-uid or set-gid bits or file capabilities, so none are left to
//      take away when it is written to. Without that promise the kernel asks for security.capability
//      before every write(2), a request more for each; with it, once for an inode whose attributes
//      it has just been told.
//   2. Both are kept. The kernel says INIT once in a mount's life; a later run of this program that
//      goes on with the mount says it to its own libfuse, and can go on only if that answers the
//      same, since the kernel holds on to what it was answered.
// Thread: fuse; while INIT is answered nothing else is.

#include <sys/uio.h>

#include <atomic>

#include "engine/core/bytes.hpp"

struct fuse_conn_info;
struct fuse_session;

namespace swarmfs::fs {

// Both as they pass through /dev/fuse, headers included.
struct InitMessages {
    Bytes request;
    Bytes answer;

    bool operator==(const InitMessages&) const = default;
};

class InitExchange {
public:
    // Lets what a mounted session reads and writes pass through its FuseSession, which is its user
    // data.   Requires: it serves nothing yet.
    // Returns: false when libfuse does not let it.
    static bool attach(fuse_session* session, int descriptor);

    // Whether this kernel takes the promise, and libfuse has to be helped to give it.
    static bool promise_is_to_be_added(const fuse_conn_info& connection);
    // The next answer is the one to INIT.
    void expect_answer(bool add_promise);

    void note_read(ByteSpan message);
    // Returns: whether this was the answer to INIT; then it stands in messages(), with the promise.
    bool note_answer(const iovec* parts, int count);

    // Both are there once the mount is live.
    const InitMessages& messages() const { return messages_; }

private:
    InitMessages messages_;
    std::atomic<bool> has_request_ = false;
    std::atomic<bool> answer_is_next_ = false;
    bool adds_promise_ = false;
};

// Whether the kernel that said this INIT sends again, on demand, what nobody has answered
// (FUSE_HAS_RESEND, Linux 6.9).
bool can_resend(const InitMessages& messages);

}  // namespace swarmfs::fs
