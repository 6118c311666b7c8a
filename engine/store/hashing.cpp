#include "engine/store/hashing.hpp"

#include <algorithm>
#include <vector>

namespace swarmfs::store {
namespace {

// Large enough to forget the cost of a call, small enough to stay in the cache while it is hashed.
constexpr std::uint64_t kReadBytes = 1 << 20;
static_assert(kReadBytes % kLeafBytes == 0);

}  // namespace

Result<ContentId> hash_bytes(std::uint64_t size, const ReadBytes& read, content::NodeSink& sink) {
    if (size == 0) {
        return content::kEmptyContent;
    }
    content::TreeFold fold(size, sink);
    Bytes buffer(static_cast<std::size_t>(std::min(size, kReadBytes)));
    std::vector<Hash256> leaves;
    for (std::uint64_t offset = 0; offset < size;) {
        const auto part = MutableByteSpan(buffer).first(
            static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size - offset)));
        SWARM_CHECK(read(offset, part));
        leaves.resize(leaf_count(part.size()));
        content::hash_leaves(part, leaves);
        for (const Hash256& leaf : leaves) {
            SWARM_CHECK(fold.add(leaf));
        }
        offset += part.size();
    }
    return fold.finish();
}

Result<> read_whole(const File& file, std::uint64_t offset, MutableByteSpan out) {
    SWARM_TRY(const std::size_t got, file.read_at(offset, out));
    if (got < out.size()) {
        return disk_error(Code::try_again, "a file became shorter while it was hashed");
    }
    return done();
}

Result<ContentId> hash_file(const File& file, std::uint64_t size, content::NodeSink& sink) {
    return hash_bytes(
        size,
        [&](std::uint64_t offset, MutableByteSpan out) { return read_whole(file, offset, out); },
        sink);
}

}  // namespace swarmfs::store
