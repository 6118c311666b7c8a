#include "engine/swarm/chunk_set.hpp"

namespace swarmfs::swarm {

bool ChunkSet::insert(ChunkIndex chunk) {
    auto& words = pages_[chunk.value / 64 / kWordsPerPage];
    std::uint64_t& bits = words[chunk.value / 64 % kWordsPerPage];
    const std::uint64_t bit = std::uint64_t{1} << (chunk.value % 64);
    if ((bits & bit) != 0) {
        return false;
    }
    bits |= bit;
    ++count_;
    return true;
}

bool ChunkSet::erase(ChunkIndex chunk) {
    const auto page = pages_.find(chunk.value / 64 / kWordsPerPage);
    if (page == pages_.end()) {
        return false;
    }
    std::uint64_t& bits = page->second[chunk.value / 64 % kWordsPerPage];
    const std::uint64_t bit = std::uint64_t{1} << (chunk.value % 64);
    if ((bits & bit) == 0) {
        return false;
    }
    bits &= ~bit;
    --count_;
    return true;
}

}  // namespace swarmfs::swarm
