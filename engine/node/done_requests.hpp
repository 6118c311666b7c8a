#pragma once
// What requests of mounts have done, in the Database (request_mark.hpp): one row for each thread of a
// mount, which its next change writes anew.
//
//   requests space, mount u64, run u16, worker u16  ->  request u64, inode it made u64 (0: none)
//
// Thread: any; the writer's as the batch's.

#include <optional>

#include "engine/core/key_value.hpp"
#include "engine/core/result.hpp"
#include "engine/node/request_mark.hpp"
#include "engine/node/volume.hpp"
#include "engine/store/database.hpp"

namespace swarmfs::node {

// To be called in the batch that does what this thread's request asks for. No effect when it works
// for none.
void note_done(KeyValueWriter& batch, Inode made);

// Returns: what the request made, or 0, when an earlier run has done it.
std::optional<Inode> find_done(const KeyValueReader& rows, const RequestMark& request);

// The mount is gone for good.
Result<> forget_done(store::Database& database, std::uint64_t mount);

}  // namespace swarmfs::node
