#pragma once
// Which chunk of a content that is here whole to suggest next to a peer that fetches it: each once,
// over all peers, before any a second time.
//
// Why: peers that fetch from one publisher do not know what is on its way to the others. Left to
// themselves they ask for the same chunks, and what the publisher sends twice it might have sent
// first: nobody else has it yet. A suggestion is only that (as BEP 6 has it); who holds the chunk, or
// has heard of another holder, picks otherwise (chunk_picker.hpp). BEP 16 reaches the same by hiding
// what the publisher holds, which we never do.
// The order is that of the content, for the disk's sake, from a chunk on that differs by node.
// Pure; one thread. Cost: O(1) a suggestion; 100 bytes a content, of at most 1,024.

#include <cstdint>
#include <deque>
#include <unordered_map>

#include "engine/core/ids.hpp"
#include "engine/core/units.hpp"

namespace swarmfs::swarm {

class Suggestions {
public:
    // Chosen by us. Of what is forgotten, the oldest first, the turn begins anew.
    static constexpr std::size_t kContentsMax = 1024;

    explicit Suggestions(std::uint64_t salt) : salt_(salt) {}

    // Requires: the content is not empty.
    ChunkIndex next(const ContentId& content) {
        const std::uint64_t chunks = chunk_count(content.size);
        const auto [turn, is_new] =
            turns_.try_emplace(content, (std::hash<ContentId>{}(content) ^ salt_) % chunks);
        if (is_new) {
            order_.push_back(content);
            if (order_.size() > kContentsMax) {
                turns_.erase(order_.front());
                order_.pop_front();
            }
        }
        const ChunkIndex chunk(turn->second);
        turn->second = (turn->second + 1) % chunks;
        return chunk;
    }
    std::size_t contents() const { return turns_.size(); }

private:
    std::uint64_t salt_;
    std::unordered_map<ContentId, std::uint64_t> turns_;  // what comes next
    std::deque<ContentId> order_;
};

}  // namespace swarmfs::swarm
