#pragma once
// Who says to hold which content. Soft state, like the peers it speaks of (peer_table.hpp).
//
// Rules:
//   1. A content is named by (root, size) within one swarm: what one swarm calls it says nothing to
//      another. It lasts as long as somebody is said to hold it.
//   2. Announcing again changes nothing but the name and the completeness.
//   3. Chunk hashes are taken only when they prove to belong to the root (check_chunk_hashes).
//   4. Everything is bounded: contents, holdings of one peer, bytes of chunk hashes in all. Beyond
//      that an announce is refused, or its hashes are not kept.
// Pure. Thread: one at a time.

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/core/ids.hpp"
#include "engine/protocol/tracker_contents.hpp"
#include "tracker/peer_table.hpp"

namespace swarmfs::tracker {

struct ContentKey {
    ContentId content;
    SwarmId swarm;

    auto operator<=>(const ContentKey&) const = default;
};

struct ContentLimits {
    std::size_t contents_max = 4'000'000;
    std::size_t per_peer_max = 1'000'000;
    std::size_t chunk_hash_bytes_max = 256ULL << 20;
};

// Whether the hashes of all chunks make the root of a content of that size (BEP 52).
bool check_chunk_hashes(const ContentId& content, const std::vector<Hash256>& chunk_hashes);

struct Holder {
    PeerSlot peer = kNoPeer;
    bool complete = false;
};

struct Content {
    std::string name;
    std::vector<Holder> holders;                               // ascending by peer
    std::shared_ptr<const std::vector<Hash256>> chunk_hashes;  // null: not known
};

class ContentTable {
public:
    explicit ContentTable(const ContentLimits& limits) : limits_(limits) {}

    // Requires: the chunk hashes, if any, were checked. Takes the name and the hashes from
    // `announced`.   Returns: false when it is refused (rule 4).
    bool hold(PeerSlot peer, const SwarmId& swarm, protocol::AnnouncedContent& announced);
    // The peer holds nothing any more.
    void drop(PeerSlot peer);

    // Returns: null when nobody holds it.   Valid until: the table changes.
    const Content* find(const ContentKey& key) const;
    // Visits contents in order of their keys, after `after` (from the start when null); false ends.
    using Visit = std::function<bool(const ContentKey& key, const Content& content)>;
    void for_each_after(const ContentKey* after, const Visit& visit) const;
    // Those of one root.
    void for_each_of(const Hash256& root, const Visit& visit) const;

    std::size_t size() const { return contents_.size(); }
    std::size_t chunk_hash_bytes() const { return chunk_hash_bytes_; }

private:
    struct KeyHash {
        std::size_t operator()(const ContentKey& key) const noexcept {
            return std::hash<ContentId>{}(key.content) ^ (std::hash<SwarmId>{}(key.swarm) * 3);
        }
    };
    using Contents = std::unordered_map<ContentKey, Content, KeyHash>;
    struct ByKey {
        using is_transparent = void;
        bool operator()(const ContentKey* a, const ContentKey* b) const { return *a < *b; }
        bool operator()(const ContentKey& a, const ContentKey* b) const { return a < *b; }
        bool operator()(const ContentKey* a, const ContentKey& b) const { return *a < b; }
    };

    void keep_hashes(Content& content, std::vector<Hash256> hashes);

    const ContentLimits limits_;
    Contents contents_;
    std::set<const ContentKey*, ByKey> ordered_;            // keys live in contents_
    std::vector<std::vector<const ContentKey*>> holdings_;  // by peer slot
    std::size_t chunk_hash_bytes_ = 0;
};

}  // namespace swarmfs::tracker
