#pragma once
// What the operations of a mount have in common: whom a request belongs to, and the usual answers.
// Thread: fuse; a reply may come from any.

#include "fs/errno.hpp"
#include "fs/fuse_api.hpp"
#include "fs/fuse_session.hpp"

namespace swarmfs::fs {

FuseSession& session_of(fuse_req_t request);
FileSystem& files_of(fuse_req_t request);

void reply_done(fuse_req_t request, const Result<>& result);
void reply_refusal(fuse_req_t request, Refusal refusal);
void reply_name(fuse_req_t request, const Result<NameStatus>& name);
void reply_status(fuse_req_t request, const Result<FileStatus>& status);

}  // namespace swarmfs::fs
