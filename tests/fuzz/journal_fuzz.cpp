// fuzz: uses store
// A segment file of arbitrary bytes: replay never reads outside it, and what it accepts is exactly
// what the encoder would write.

#include <cstdlib>

#include "engine/store/journal_format.hpp"

using namespace swarmfs;
using namespace swarmfs::store;

namespace {

void require(bool right) {
    if (!right) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const ByteSpan segment(bytes, size);
    std::vector<std::pair<std::uint64_t, Changes>> found;
    const auto replay = replay_segment(segment, [&](std::uint64_t sequence, Changes&& changes) {
        found.emplace_back(sequence, std::move(changes));
    });
    if (!replay) {
        require(found.empty());
        return 0;
    }
    require(replay->valid_bytes <= size && replay->records == found.size());
    std::size_t at = kSegmentHeaderBytes;
    for (const auto& [sequence, changes] : found) {
        const Bytes record = encode_record(replay->use, sequence, encode_body(changes));
        // Keys that repeat or are out of order decode to fewer bytes; nobody writes such a body.
        at += record.size() - kSegmentEndBytes;
    }
    require(at <= replay->valid_bytes);

    // Truncated at any point, it gives a prefix of the same records.
    for (const std::size_t cut : {size / 2, size - size / 3, size == 0 ? 0 : size - 1}) {
        std::size_t index = 0;
        replay_segment(segment.first(cut), [&](std::uint64_t sequence, Changes&& changes) {
            require(index < found.size() && found[index].first == sequence &&
                    found[index].second == changes);
            ++index;
        });
    }
    return 0;
}
