// Holes: leaves of nothing but zeros take no room, and what is a hole can be asked.

#include <algorithm>

#include "engine/content/tree_builder.hpp"
#include "engine/store/extents.hpp"
#include "engine/store/store_shared.hpp"
#include "engine/store/stored_content.hpp"

namespace swarmfs::store {
namespace {

const Hash256& hash_of_zero_leaf() {
    static const Hash256 hash = [] {
        const Bytes zeros(kLeafBytes);
        Hash256 made;
        content::hash_leaves(zeros, {&made, 1});
        return made;
    }();
    return hash;
}

// Requires: the leaf reads as nothing but zeros once this returned true.
Result<bool> is_hole(File& data, const ContentId& id, const Range& leaf) {
    SWARM_TRY(const FileStatus status, data.status());
    if (status.size < leaf.end()) {
        // As long as the whole, and no shorter: others may be writing behind it at this moment.
        SWARM_CHECK(data.truncate(id.size));
    }
    SWARM_TRY(const std::uint64_t at, data.next_data(leaf.offset));
    return at >= leaf.end();
}

}  // namespace

// Requires: files_mutex_ is held, shared.
Result<> StoredContent::write_leaves(File& data, unsigned first, std::span<const ByteSpan> leaves,
                                     const content::ChunkHashes& proven) {
    const std::uint64_t begin = proven.chunk.value * kChunkBytes + first * kLeafBytes;
    std::size_t written = 0;  // or known to be a hole
    const auto write_up_to = [&](std::size_t end) -> Result<> {
        return written == end ? done()
                              : data.write_at(begin + written * kLeafBytes,
                                              leaves.subspan(written, end - written));
    };
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        if (proven.leaf[first + i] != hash_of_zero_leaf()) {
            continue;
        }
        SWARM_TRY(const bool hole, is_hole(data, id_, {begin + i * kLeafBytes, kLeafBytes}));
        if (hole) {
            SWARM_CHECK(write_up_to(i));
            written = i + 1;
        }
    }
    return write_up_to(leaves.size());
}

// Returns: null where holes are not told apart.
std::shared_ptr<File> StoredContent::file_with_holes() {
    if (!complete() || (id_.size <= kSmallBytesMax && !in_place())) {
        return nullptr;
    }
    auto file = bytes_file();
    return file ? *std::move(file) : nullptr;
}

// Who evicts meanwhile makes holes where there are none; so nothing is said then.
Result<std::uint64_t> StoredContent::next_data(std::uint64_t offset) {
    const std::uint64_t evictions = cache_.evictions;
    const auto file = file_with_holes();
    if (!file) {
        return offset;
    }
    SWARM_TRY(const std::uint64_t found, file->next_data(offset));
    return cache_.evictions == evictions ? std::min(found, id_.size) : offset;
}

Result<std::uint64_t> StoredContent::next_hole(std::uint64_t offset) {
    const std::uint64_t evictions = cache_.evictions;
    const auto file = file_with_holes();
    if (!file) {
        return id_.size;
    }
    SWARM_TRY(const std::uint64_t found, file->next_hole(offset));
    return cache_.evictions == evictions ? std::min(found, id_.size) : id_.size;
}

}  // namespace swarmfs::store
