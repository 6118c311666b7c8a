#include "tracker/content_table.hpp"

#include <algorithm>

#include "engine/core/units.hpp"
#include "engine/crypto/hash.hpp"
#include "engine/crypto/merkle.hpp"

namespace swarmfs::tracker {

bool check_chunk_hashes(const ContentId& content, const std::vector<Hash256>& chunk_hashes) {
    if (chunk_hashes.size() != chunk_count(content.size) || chunk_hashes.empty()) {
        return false;
    }
    std::vector<Hash256> level = chunk_hashes;
    unsigned height = kChunkLevel;
    while (level.size() > 1) {
        if (level.size() % 2 != 0) {
            level.push_back(crypto::zero_subtree(height));
        }
        for (std::size_t i = 0; i < level.size() / 2; ++i) {
            level[i] = crypto::sha256_pair(level[2 * i], level[2 * i + 1]);
        }
        level.resize(level.size() / 2);
        ++height;
    }
    return level.front() == content.root;
}

bool ContentTable::hold(PeerSlot peer, const SwarmId& swarm,
                        protocol::AnnouncedContent& announced) {
    if (peer >= holdings_.size()) {
        holdings_.resize(peer + 1);
    }
    const ContentKey key{announced.content, swarm};
    auto found = contents_.find(key);
    if (found == contents_.end()) {
        if (contents_.size() >= limits_.contents_max) {
            return false;
        }
        found = contents_.emplace(key, Content{}).first;
        ordered_.insert(&found->first);
    }
    Content& content = found->second;
    const auto place =
        std::lower_bound(content.holders.begin(), content.holders.end(), peer,
                         [](const Holder& holder, PeerSlot slot) { return holder.peer < slot; });
    if (place != content.holders.end() && place->peer == peer) {
        place->complete = announced.complete;
    } else {
        if (holdings_[peer].size() >= limits_.per_peer_max) {
            if (content.holders.empty()) {
                ordered_.erase(&found->first);
                contents_.erase(found);
            }
            return false;
        }
        content.holders.insert(place, Holder{peer, announced.complete});
        holdings_[peer].push_back(&found->first);
    }
    // Who fetched it by its hash alone has no name for it.
    if (!announced.name.empty() && content.name != announced.name) {
        content.name = std::move(announced.name);
    }
    if (!announced.chunk_hashes.empty() && !content.chunk_hashes) {
        keep_hashes(content, std::move(announced.chunk_hashes));
    }
    return true;
}

void ContentTable::keep_hashes(Content& content, std::vector<Hash256> hashes) {
    const std::size_t bytes = hashes.size() * sizeof(Hash256);
    if (chunk_hash_bytes_ + bytes > limits_.chunk_hash_bytes_max) {
        return;
    }
    hashes.shrink_to_fit();
    content.chunk_hashes = std::make_shared<const std::vector<Hash256>>(std::move(hashes));
    chunk_hash_bytes_ += bytes;
}

void ContentTable::drop(PeerSlot peer) {
    if (peer >= holdings_.size()) {
        return;
    }
    for (const ContentKey* key : holdings_[peer]) {
        const auto found = contents_.find(*key);
        Content& content = found->second;
        const auto place = std::lower_bound(
            content.holders.begin(), content.holders.end(), peer,
            [](const Holder& holder, PeerSlot slot) { return holder.peer < slot; });
        content.holders.erase(place);
        if (content.holders.empty()) {
            if (content.chunk_hashes) {
                chunk_hash_bytes_ -= content.chunk_hashes->size() * sizeof(Hash256);
            }
            ordered_.erase(key);
            contents_.erase(found);
        }
    }
    std::vector<const ContentKey*>().swap(holdings_[peer]);
}

const Content* ContentTable::find(const ContentKey& key) const {
    const auto found = contents_.find(key);
    return found == contents_.end() ? nullptr : &found->second;
}

void ContentTable::for_each_after(const ContentKey* after, const Visit& visit) const {
    auto at = after == nullptr ? ordered_.begin() : ordered_.upper_bound(*after);
    for (; at != ordered_.end(); ++at) {
        if (!visit(**at, contents_.find(**at)->second)) {
            return;
        }
    }
}

void ContentTable::for_each_of(const Hash256& root, const Visit& visit) const {
    const ContentKey first{ContentId{root, 0}, SwarmId{}};
    for (auto at = ordered_.lower_bound(first); at != ordered_.end(); ++at) {
        if ((*at)->content.root != root || !visit(**at, contents_.find(**at)->second)) {
            return;
        }
    }
}

}  // namespace swarmfs::tracker
