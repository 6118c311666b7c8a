#include "engine/content/tree_shape.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace swarmfs::content {

namespace {
struct Row {
    std::uint64_t size;
    std::uint64_t leaves;
    unsigned depth;
    std::vector<std::uint64_t> nodes;
};
constexpr std::uint64_t kMiB = 1024 * 1024;
}  // namespace

TEST_CASE("the size alone decides leaves, depth and the real nodes of each level") {
    const std::vector<Row> rows = {
        {0, 0, 0, {0}},
        {1, 1, 0, {1}},
        {16383, 1, 0, {1}},
        {16384, 1, 0, {1}},
        {16385, 2, 1, {2, 1}},
        {kMiB / 4 - 1, 16, 4, {16, 8, 4, 2, 1}},
        {kMiB / 4, 16, 4, {16, 8, 4, 2, 1}},
        {kMiB / 4 + 1, 17, 5, {17, 9, 5, 3, 2, 1}},
        {kMiB, 64, 6, {64, 32, 16, 8, 4, 2, 1}},
        {100 * kMiB + 7, 6401, 13, {6401, 3201, 1601, 801, 401, 201, 101, 51, 26, 13, 7, 4, 2, 1}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.size);
        const TreeShape shape(row.size);
        CHECK(shape.leaves() == row.leaves);
        CHECK(shape.depth() == row.depth);
        REQUIRE(row.nodes.size() == row.depth + 1);
        std::uint64_t offset = 0;
        for (unsigned level = 0; level <= row.depth; ++level) {
            CHECK(shape.nodes(level) == row.nodes[level]);
            for (std::uint64_t index = 0; index < shape.nodes(level); ++index) {
                REQUIRE(shape.node_offset(level, index) == offset);
                offset += 32;
            }
        }
        CHECK(shape.nodes(row.depth + 1) == 0);
        CHECK(shape.tree_file_bytes() == offset);
    }
}

TEST_CASE("a content of at most eight leaves is its own only chunk") {
    CHECK(TreeShape(1).chunk_level() == 0);
    CHECK(TreeShape(2 * kLeafBytes).chunk_level() == 1);
    CHECK(TreeShape(8 * kLeafBytes).chunk_level() == 3);
    CHECK(TreeShape(9 * kLeafBytes).chunk_level() == kChunkLevel);
    CHECK(TreeShape(1000 * kLeafBytes).chunk_level() == kChunkLevel);
}

TEST_CASE("the largest content has a shape, and anything larger is refused before one is asked") {
    const TreeShape shape(kContentBytesMax);
    CHECK(shape.depth() == kTreeDepthMax);
    CHECK(shape.nodes(0) == std::uint64_t{1} << 36);
    CHECK(shape.node_offset(36, 0) == shape.tree_file_bytes() - 32);
    const TreeShape ragged(kContentBytesMax - kLeafBytes - 1);
    CHECK(ragged.depth() == kTreeDepthMax);
    CHECK(ragged.nodes(0) == (std::uint64_t{1} << 36) - 1);

    Hash256 root;
    root.bytes[0] = 1;
    CHECK(check_content_id({root, kContentBytesMax}).ok());
    for (const std::uint64_t size : {kContentBytesMax + 1, ~std::uint64_t{0}}) {
        CHECK(check_content_id({root, size}).error().whose == Whose::peer);
    }
}

TEST_CASE("zero is the root of the empty content and of nothing else") {
    Hash256 root;
    CHECK(check_content_id(kEmptyContent).ok());
    CHECK_FALSE(check_content_id({root, 1}).ok());
    root.bytes[31] = 1;
    CHECK_FALSE(check_content_id({root, 0}).ok());
    CHECK(check_content_id({root, 1}).ok());
}

}  // namespace swarmfs::content
