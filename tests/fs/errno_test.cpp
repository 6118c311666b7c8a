#include "fs/errno.hpp"

#include <cerrno>

#include <doctest/doctest.h>

using namespace swarmfs;

TEST_CASE("failures of the swarm reach programs as EIO, and their own mistakes by name") {
    CHECK(fs::errno_of(network_error(Code::unavailable, "nobody holds it")) == EIO);
    CHECK(fs::errno_of(network_error(Code::timed_out, "30 s without a byte")) == EIO);
    CHECK(fs::errno_of(disk_error(Code::corrupt, "hash differs")) == EIO);
    CHECK(fs::errno_of(disk_error(Code::no_space, "disk full")) == ENOSPC);
    CHECK(fs::errno_of(caller_error(Code::read_only, "reader's role")) == EROFS);
    CHECK(fs::errno_of(caller_error(Code::cancelled, "a signal")) == EINTR);
    CHECK(fs::errno_of(caller_error(Code::not_empty, "")) == ENOTEMPTY);
}

TEST_CASE("an inode that is gone is stale, a name that is gone is absent") {
    CHECK(fs::errno_of(caller_error(Code::not_found, "")) == ENOENT);
    CHECK(fs::errno_of_inode_call(caller_error(Code::not_found, "")) == ESTALE);
    CHECK(fs::errno_of_inode_call(caller_error(Code::read_only, "")) == EROFS);
}

TEST_CASE("hard links, devices and foreign owners are not permitted") {
    CHECK(fs::errno_of(fs::Refusal::hard_link) == EPERM);
    CHECK(fs::errno_of(fs::Refusal::special_file) == EPERM);
    CHECK(fs::errno_of(fs::Refusal::foreign_owner) == EPERM);
    CHECK(fs::errno_of(fs::Refusal::unknown_flags) == EINVAL);
    CHECK(fs::errno_of(fs::Refusal::name_taken) == ESTALE);
}
