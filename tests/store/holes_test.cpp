// Leaves of nothing but zeros at rest, and the questions where holes are.
#include <sys/stat.h>

#include <fstream>

#include "tests/store/content_fixture.hpp"

using namespace swarmfs;
using namespace swarmfs::store;
using namespace swarmfs::test;

namespace {

// Random, but for leaves 3 to 39 of its 50 and a bit.
Bytes sparse_bytes() {
    Bytes bytes = random_bytes(50 * kLeafBytes + 1000, 5);
    std::fill(bytes.begin() + 3 * kLeafBytes, bytes.begin() + 40 * kLeafBytes, std::uint8_t{0});
    return bytes;
}

std::uint64_t allocated(const Path& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

Bytes all_of(StoredContent& content) {
    Bytes bytes(content.id().size);
    const auto read = content.read(0, bytes);
    REQUIRE_MESSAGE(read.ok(), (read ? "" : read.error().message));
    return bytes;
}

}  // namespace

TEST_CASE("leaves of zeros take no room, in whatever order they arrive") {
    const Source source(sparse_bytes());
    for (const bool backwards : {false, true}) {
        CAPTURE(backwards);
        SystemDisk disk;
        Home home(disk);
        home.open();
        const auto content = home.get(source.id());
        const std::uint64_t chunks = chunk_count(source.size());
        for (std::uint64_t i = 0; i < chunks; ++i) {
            CHECK(content->next_hole(0).ok());  // incomplete: everything is data
            CHECK(*content->next_data(5 * kLeafBytes) == 5 * kLeafBytes);
            REQUIRE(source.give_chunk(*content, ChunkIndex(backwards ? chunks - 1 - i : i)).ok());
        }
        CHECK(all_of(*content) == source.bytes());
        CHECK(allocated(home.data_path(source.id())) < 20 * kLeafBytes);
        CHECK(*content->next_hole(0) == 3 * kLeafBytes);
        CHECK(*content->next_data(3 * kLeafBytes) == 40 * kLeafBytes);
        CHECK(*content->next_hole(40 * kLeafBytes) == source.size());
        // And after a start, when every leaf is hashed anew.
        home.close();
        home.open();
        CHECK(all_of(*home.get(source.id())) == source.bytes());
    }
}

TEST_CASE("what lay where a leaf of zeros comes to is written over") {
    const Source source(sparse_bytes());
    SystemDisk disk;
    Home home(disk);
    home.open();
    const auto content = home.get(source.id());
    REQUIRE(source.give(*content, ChunkIndex(0), 0, 1).ok());
    {
        std::fstream file(home.data_path(source.id()), std::ios::in | std::ios::out);
        file.seekp(4 * kLeafBytes + 100);
        file << "junk";
        REQUIRE(file.good());
    }
    source.give_all(*content);
    CHECK(all_of(*content) == source.bytes());
}

TEST_CASE("a content of nothing but zeros is as long as it is said to be") {
    const Source source(Bytes(3 * kChunkBytes));
    SystemDisk disk;
    Home home(disk);
    home.open();
    const auto content = home.get(source.id());
    source.give_all(*content);
    CHECK(all_of(*content) == source.bytes());
    CHECK(*content->next_data(0) == source.size());
    CHECK(*content->next_hole(0) == 0);
    home.close();
    home.open();
    CHECK(home.get(source.id())->complete());
    CHECK(all_of(*home.get(source.id())) == source.bytes());
}
