#pragma once
// The one place where an Error becomes an errno, so that a program sees the same number for the
// same failure whichever call met it. docs/fs-semantics.md prints the table.

#include "engine/core/result.hpp"

namespace swarmfs::fs {

// What the file system refuses by itself, without an Error of the engine's.
enum class Refusal {
    hard_link,      // a swarm carries one name per file
    special_file,   // no devices, pipes or sockets
    foreign_owner,  // every file shows the mount's owner
    unknown_flags,
    name_taken,          // by a file that must be opened by its name, not by creating it
    failed,              // a foreign library threw, or memory is short
    no_such_byte,        // no data, or no hole, up to the end of the file
    unknown_allocation,  // a way of fallocate that is not there
    foreign_attribute,   // of another namespace than user.*
    no_such_attribute,
    no_room_for_attribute,  // in the caller's buffer
};

// Returns: a positive errno.
int errno_of(const Error& error);
int errno_of(Refusal refusal);

// For calls that name an inode and no name. An inode that is gone is ESTALE, which makes the kernel
// walk the path once more with fresh lookups instead of failing the program.
int errno_of_inode_call(const Error& error);

// The same for extended attributes, whose errnos are those of xattr(7).
int errno_of_attribute_call(const Error& error);

}  // namespace swarmfs::fs
