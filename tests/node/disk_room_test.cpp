// How much is to stay free, as people write it.
#include "engine/node/disk_room.hpp"

#include <doctest/doctest.h>

namespace swarmfs::node {

TEST_CASE("what stays free is bytes or a part of the disk") {
    CHECK(parse_min_free("10 GiB").value() == MinFree{10ULL << 30, 0});
    CHECK(parse_min_free("500MiB").value() == MinFree{500ULL << 20, 0});
    CHECK(parse_min_free("4096").value() == MinFree{4096, 0});
    CHECK(parse_min_free("0").value() == MinFree{0, 0});
    CHECK(parse_min_free("1 KiB").value().of(1) == 1024);
    CHECK(parse_min_free("1000 TiB").value().of(5) == 1000ULL << 40);
    CHECK(parse_min_free("25 %").value() == MinFree{0, 25});
    CHECK(parse_min_free("25%").value().of(1000) == 250);
    CHECK(MinFree{}.of(1000) == 100);
    for (const char* wrong : {"", "GiB", "-1", "1.5 GiB", "10 GB", "101 %", "1 PiB", "1 GiB ", " 1",
                              "18446744073709551616", "99999999999 TiB"}) {
        CAPTURE(wrong);
        CHECK(!parse_min_free(wrong).ok());
    }
}

TEST_CASE("the room of a file system is asked of it") {
    const Room here = room_at(".");
    CHECK(here.total_bytes > 0);
    CHECK(here.free_bytes <= here.total_bytes);
    CHECK(room_at("/nowhere/at/all").total_bytes == 0);
}

}  // namespace swarmfs::node
