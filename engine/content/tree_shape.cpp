#include "engine/content/tree_shape.hpp"

#include "engine/core/assert.hpp"
#include "engine/crypto/merkle.hpp"

namespace swarmfs::content {

static_assert(leaf_count(kContentBytesMax) == std::uint64_t{1} << kTreeDepthMax);

Result<> check_content_id(const ContentId& id) {
    if (id.size > kContentBytesMax) {
        return peer_error("a content of " + std::to_string(id.size) +
                              " bytes is larger than any that swarmfs keeps",
                          Code::too_large);
    }
    if (id.root.is_zero() != (id.size == 0)) {
        return peer_error(id.size == 0 ? "the empty content has a root other than zero"
                                       : "a content that is not empty has a zero root");
    }
    return done();
}

TreeShape::TreeShape(std::uint64_t size)
    : size_(size), leaves_(leaf_count(size)), depth_(crypto::merkle_depth(leaves_)) {
    SWARM_ASSERT(size <= kContentBytesMax);
}

std::uint64_t TreeShape::nodes(unsigned level) const {
    if (level > depth_) {
        return 0;
    }
    const std::uint64_t width = std::uint64_t{1} << level;
    return (leaves_ + width - 1) / width;
}

std::uint64_t TreeShape::node_offset(unsigned level, std::uint64_t index) const {
    SWARM_ASSERT(is_real(level, index));
    return (nodes_below(level) + index) * kHashBytes;
}

std::uint64_t TreeShape::tree_file_bytes() const {
    return nodes_below(depth_ + 1) * kHashBytes;
}

std::uint64_t TreeShape::nodes_below(unsigned level) const {
    std::uint64_t count = 0;
    for (unsigned below = 0; below < level; ++below) {
        count += nodes(below);
    }
    return count;
}

}  // namespace swarmfs::content
