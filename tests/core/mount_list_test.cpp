#include "engine/core/mount_list.hpp"

#include <doctest/doctest.h>

using namespace swarmfs;

TEST_CASE("the mount list is read with its escapes, and nonsense is left out") {
    const auto mounts = parse_mount_list(
        "36 35 0:51 / /mnt/a\\040b\\012c\\134d rw,nosuid shared:1 - fuse.swarmfs swarmfs:photos "
        "rw,user_id=7\n"
        "not a line\n"
        "37 35 8:1 / /mnt rw - ext4 /dev/sda1 rw\n"
        "38 35 x:y / /mnt rw - ext4 /dev/sda1 rw\n"
        "39 35 0:52 / /trailing\\04 rw - tmpfs none rw\n");
    REQUIRE(mounts.size() == 3);
    CHECK(mounts[0].directory == "/mnt/a b\nc\\d");
    CHECK(mounts[0].type == "fuse.swarmfs");
    CHECK(mounts[0].source == "swarmfs:photos");
    CHECK(mounts[0].major == 0);
    CHECK(mounts[0].minor == 51);
    CHECK(mounts[0].options == "rw,user_id=7");
    CHECK(mounts[1].directory == "/mnt");
    CHECK(mounts[2].directory == "/trailing\\04");
}
