#pragma once
// What a Volume does for mounts that outlive the run of the node that made them. A volume that keeps
// nothing for them may leave it at this. Thread: any.

#include <optional>

#include "engine/node/request_mark.hpp"

namespace swarmfs::node {

class MountMemory {
public:
    virtual ~MountMemory() = default;

    // Whether an earlier run has done what the request asked for: a change of names or of extended
    // attributes.   Returns: the inode it made, or 0; nothing when it is still to be done.
    virtual std::optional<std::uint64_t> done_before(const RequestMark& request) {
        (void)request;
        return std::nullopt;
    }
    // A mount that an earlier run made may go on: what was open then is kept until mount_ended.
    // Requires: the node has not started.
    virtual void expect_mount(std::uint64_t mount) { (void)mount; }
    // The mount, of this run or an earlier one, is gone.
    virtual void mount_ended(std::uint64_t mount) { (void)mount; }
    // Nobody has the inode open any more, whoever opened it in an earlier run.
    virtual void forgotten(std::uint64_t inode) { (void)inode; }
};

}  // namespace swarmfs::node
