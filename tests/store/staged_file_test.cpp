#include "engine/store/staged_file.hpp"

#include <doctest/doctest.h>

#include "engine/core/dice.hpp"
#include "tests/support/scratch_folder.hpp"

namespace swarmfs::store {
namespace {

using Pieces = std::vector<Extents::Piece>;

InodeRecord file_of_size(std::uint64_t size) {
    InodeRecord record;
    record.inode = 5;
    record.parent = kRootInode;
    record.name = "file";
    record.content.size = size;
    return record;
}

// The file's bytes as its segments say, over a base of 'b's.
std::string shown(const StagedFile& file) {
    std::string text;
    for (const Segment& segment : file.segments(0, file.size())) {
        Bytes bytes(segment.range.length, segment.from == SegmentFrom::base ? 'b' : '.');
        if (segment.from == SegmentFrom::staged) {
            REQUIRE(file.read(segment.range.offset, bytes).ok());
        }
        text += as_text(bytes);
    }
    return text;
}

std::unique_ptr<StagedFile> staged(Disk& disk, const test::ScratchFolder& folder,
                                   std::uint64_t base_size) {
    auto file = StagedFile::create(disk, folder.path(), 1, SwarmId{}, file_of_size(base_size));
    REQUIRE(file.ok());
    return *std::move(file);
}

}  // namespace

TEST_CASE("ranges that touch become one, and a question is answered in pieces") {
    Extents extents;
    extents.add(10, 10);
    extents.add(30, 10);
    CHECK(extents.pieces(0, 50) == Pieces{{{0, 10}, false},
                                          {{10, 10}, true},
                                          {{20, 10}, false},
                                          {{30, 10}, true},
                                          {{40, 10}, false}});
    extents.add(20, 10);
    CHECK(extents.count() == 1);
    CHECK(extents.pieces(15, 5) == Pieces{{{15, 5}, true}});
    extents.cut(25);
    CHECK(extents.all() == std::vector<Range>{{10, 15}});
    extents.cut(5);
    CHECK(extents.count() == 0);
}

TEST_CASE("extents agree with a plain array of flags") {
    SeededDice dice(3);
    Extents extents;
    std::vector<bool> twin(200, false);
    for (int round = 0; round < 2000; ++round) {
        const std::uint64_t offset = dice.below(200);
        const std::uint64_t length = dice.below(200 - offset + 1);
        if (dice.below(8) == 0) {
            extents.cut(offset);
            std::fill(twin.begin() + static_cast<std::ptrdiff_t>(offset), twin.end(), false);
        } else if (dice.below(4) == 0) {
            extents.remove(offset, length);
            std::fill_n(twin.begin() + static_cast<std::ptrdiff_t>(offset), length, false);
        } else if (length < 20) {
            extents.add(offset, length);
            std::fill_n(twin.begin() + static_cast<std::ptrdiff_t>(offset), length, true);
        }
        std::vector<bool> said;
        for (const auto& piece : extents.pieces(0, 200)) {
            said.insert(said.end(), piece.range.length, piece.covered);
        }
        REQUIRE(said == twin);
    }
}

TEST_CASE("an overwrite shows through the base, a hole reads as zeros") {
    const test::ScratchFolder folder;
    SystemDisk disk;
    auto file = staged(disk, folder, 10);
    CHECK(shown(*file) == "bbbbbbbbbb");
    REQUIRE(file->write(3, as_bytes("XY"), 1).ok());
    CHECK(shown(*file) == "bbbXYbbbbb");
    REQUIRE(file->write(12, as_bytes("Z"), 2).ok());
    CHECK(shown(*file) == "bbbXYbbbbb..Z");
}

TEST_CASE("what a truncation cut off does not come back when the file grows again") {
    const test::ScratchFolder folder;
    SystemDisk disk;
    auto file = staged(disk, folder, 6);
    REQUIRE(file->write(4, as_bytes("XYZ"), 1).ok());
    REQUIRE(file->truncate(5, 2).ok());
    CHECK(shown(*file) == "bbbbX");
    REQUIRE(file->truncate(2, 3).ok());
    REQUIRE(file->truncate(8, 4).ok());
    CHECK(shown(*file) == "bb......");
    REQUIRE(file->write(7, as_bytes("!"), 5).ok());
    CHECK(shown(*file) == "bb.....!");
}

TEST_CASE("a staged file is found again by its row") {
    const test::ScratchFolder folder;
    SystemDisk disk;
    Bytes row;
    {
        auto file = staged(disk, folder, 10);
        REQUIRE(file->write(3, as_bytes("XY"), 77).ok());
        REQUIRE(file->truncate(6, 78).ok());
        row = file->encoded_row();
    }
    auto decoded = decode_staging_row(row);
    REQUIRE(decoded.has_value());
    CHECK(decoded->opened.name == "file");
    auto file = StagedFile::recover(disk, folder.path(), *decoded);
    REQUIRE(file.ok());
    CHECK(shown(**file) == "bbbXYb");
    CHECK((*file)->row().mtime_ns == 78);
    row.pop_back();
    CHECK_FALSE(decode_staging_row(row).has_value());
}

TEST_CASE("a file that was cut after its row was written is found as short as it was cut") {
    for (const std::uint64_t size : {0U, 2U, 4U}) {
        CAPTURE(size);
        const test::ScratchFolder folder;
        SystemDisk disk;
        Bytes row;
        {
            auto file = staged(disk, folder, 10);
            REQUIRE(file->write(3, as_bytes("XY"), 77).ok());
            row = file->encoded_row();
            REQUIRE(file->truncate(size, 78).ok());  // and the node is killed
        }
        auto file = StagedFile::recover(disk, folder.path(), *decode_staging_row(row));
        REQUIRE(file.ok());
        CHECK(shown(**file) == std::string("bbbX").substr(0, size));
        REQUIRE((*file)->make_whole().ok());
    }
}

}  // namespace swarmfs::store
