#pragma once
// Room kept back on the disk, for what has to work when there is no other: writing the journal to
// the tables when the Database is opened or closed. A file that is reserved and never written.
//
// It is given up when it is needed and made again when there is plenty of room; without it the
// Database works as well, as long as the disk is not full. Thread: one at a time.

#include "engine/store/disk.hpp"

namespace swarmfs::store {

class Ballast {
public:
    Ballast(Disk& disk, Path file, std::uint64_t bytes)
        : disk_(disk), file_(std::move(file)), bytes_(bytes) {}

    // Gives the room up. Returns: whether there was any.
    Result<bool> release();
    // Takes it again, unless it has it, or the disk has not several times as much.
    void restore();

private:
    Disk& disk_;
    const Path file_;
    const std::uint64_t bytes_;
};

}  // namespace swarmfs::store
