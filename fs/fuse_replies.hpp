#pragma once
// What the operations of a mount have in common: whom a request belongs to, and the usual answers.
// Thread: fuse; a reply may come from any.

#include "fs/errno.hpp"
#include "fs/fuse_api.hpp"
#include "fs/fuse_session.hpp"

namespace swarmfs::fs {

FuseSession& session_of(fuse_req_t request);
FileSystem& files_of(fuse_req_t request);

// Cancels the pending read, or opening, of that number when a signal ends the request.
void end_when_interrupted(fuse_req_t request, std::uint64_t number);

// Runs `begin(number)`, which has the volume answer the request later and gives its ticket. The
// answer says session->pending_reads().end(number) first.
template <class Begin>
void answer_later(fuse_req_t request, const std::shared_ptr<FuseSession>& session,
                  const Begin& begin) {
    const std::uint64_t number = session->pending_reads().begin();
    end_when_interrupted(request, number);
    // From here on the request may be answered, and gone, at any moment.
    const node::ReadTicket ticket = begin(number);
    if (ticket != 0 && session->pending_reads().started(number, ticket)) {
        session->file_system().cancel_read(ticket);
    }
}

void reply_done(fuse_req_t request, const Result<>& result);
void reply_refusal(fuse_req_t request, Refusal refusal);
void reply_name(fuse_req_t request, const Result<NameStatus>& name);
void reply_status(fuse_req_t request, const Result<FileStatus>& status);

}  // namespace swarmfs::fs
