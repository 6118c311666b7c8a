#pragma once
// Suggestions' rules over the contents in the order they came, each with what was suggested of it in this turn.

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "engine/swarm/suggestions.hpp"

namespace swarmfs::test {

class SuggestionJudge {
public:
    // Returns: whether `chunk` may come next.
    bool judge(const ContentId& content, ChunkIndex chunk) {
        Turn& turn = turn_of(content);
        const std::uint64_t chunks = chunk_count(content.size);
        // The order is the content's, from anywhere on; nothing a second time before all a first.
        const bool follows = !turn.had_one || chunk.value == (turn.last + 1) % chunks;
        if (turn.suggested.size() == chunks) {
            turn.suggested.clear();
        }
        const bool is_new = turn.suggested.insert(chunk.value).second;
        turn.had_one = true;
        turn.last = chunk.value;
        return chunk.value < chunks && follows && is_new;
    }
    std::size_t contents() const { return turns_.size(); }

private:
    struct Turn {
        std::set<std::uint64_t> suggested;
        bool had_one = false;
        std::uint64_t last = 0;
    };

    Turn& turn_of(const ContentId& content) {
        if (!turns_.contains(content)) {
            order_.push_back(content);
        }
        if (order_.size() > swarm::Suggestions::kContentsMax) {
            turns_.erase(order_.front());
            order_.erase(order_.begin());
        }
        return turns_[content];
    }

    std::map<ContentId, Turn> turns_;
    std::vector<ContentId> order_;  // the oldest first
};

}  // namespace swarmfs::test
