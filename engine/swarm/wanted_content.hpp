#pragma once
// What SwarmCore keeps of one content that somebody here wants: who holds it, which leaves are
// missing and how soon they matter, who waits, and whether all of it is to be fetched.
//
// Plain state; the rules are SwarmCore's. One thread.

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "engine/swarm/chunk_picker.hpp"
#include "engine/swarm/ports.hpp"
#include "engine/swarm/read_window.hpp"
#include "engine/swarm/request_ledger.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::swarm {

// Chosen by us.
inline constexpr std::size_t kLargeFillsMax = 8;
inline constexpr std::size_t kTinyFillsMax = 1024;  // at 50 ms, 20,000 small files a second
// More sources gain nothing: a content has at most as many chunks to ask of them at once.
inline std::size_t open_widely(const ContentId& id) {
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(chunk_count(id.size), 32, 256));
}
// What a reader that pauses may come back to, without its handles at peers.
inline constexpr Duration kIdleMax = std::chrono::seconds(60);

// A content of one chunk is asked for whole, of one peer after another; others are opened widely.
inline bool is_tiny(const ContentId& id) {
    return id.size <= kChunkBytes;
}
inline LeafMask leaves_of(const ContentId& id, ChunkIndex chunk) {
    return static_cast<LeafMask>((1U << leaves_in_chunk(id.size, chunk)) - 1);
}

struct WantedContent {
    // One peer at which the content is open.
    struct Source {
        bool answered = false;  // it has said what it holds
        Holdings held;
        std::vector<ChunkIndex> suggested;  // by it, the oldest first
    };
    // Leaves of one chunk that are missing and wanted.
    struct Need {
        LeafMask urgent = 0;  // a read waits for them
        LeafMask ahead = 0;   // a window covers them
        LeafMask fill = 0;    // a tiny content is wanted whole
        TimePoint urgent_due{};
        TimePoint ahead_due{};
        TimePoint fill_due{};

        LeafMask all() const { return static_cast<LeafMask>(urgent | ahead | fill); }
        LeafMask of(protocol::Urgency urgency) const {
            return urgency == protocol::Urgency::urgent  ? urgent
                   : urgency == protocol::Urgency::ahead ? ahead
                                                         : fill;
        }
        TimePoint due(protocol::Urgency urgency) const {
            return urgency == protocol::Urgency::urgent  ? urgent_due
                   : urgency == protocol::Urgency::ahead ? ahead_due
                                                         : fill_due;
        }
    };
    struct Read {
        ReadId id = 0;
        LeafIndex first;
        LeafIndex last;
        std::uint64_t missing = 0;  // leaves
        TimePoint deadline{};
        std::optional<TimePoint> hopeless_since;  // nobody could be asked
    };
    struct Fill {
        std::vector<FillId> ids;              // who asked for it
        std::unique_ptr<ChunkPicker> picker;  // none for a tiny content
        bool moved = false;                   // progress is due
    };
    // A fill of some chunks, in a row.
    struct Part {
        FillId id = 0;
        std::uint64_t first = 0;
        std::uint64_t end = 0;      // behind the last
        std::uint64_t lacking = 0;  // chunks that are not whole
        std::uint64_t stored_bytes = 0;
        std::uint64_t total_bytes = 0;
        bool moved = true;  // progress is due

        bool covers(ChunkIndex chunk) const { return chunk.value >= first && chunk.value < end; }
    };

    // The leaves of the chunk that the read touches.
    static LeafMask leaves_read(const Read& read, ChunkIndex chunk) {
        const std::uint64_t base = first_leaf(chunk).value;
        if (read.last.value < base || read.first.value >= base + kLeavesPerChunk) {
            return 0;
        }
        const std::uint64_t first = read.first.value < base ? 0 : read.first.value - base;
        const std::uint64_t last = read.last.value >= base + kLeavesPerChunk
                                       ? kLeavesPerChunk - 1
                                       : read.last.value - base;
        return static_cast<LeafMask>((2U << last) - (1U << first));
    }

    ContentNumber number{};
    ContentId id;
    std::shared_ptr<ContentPort> port;
    std::optional<NodeId> likely;
    std::map<PeerNumber, Source> sources;
    std::unordered_map<std::uint64_t, Need> needs;  // by chunk
    std::set<std::uint64_t> starved;                // chunks that no source could be asked for
    std::vector<Read> reads;
    std::unique_ptr<ReadWindow> window;
    std::optional<Fill> fill;
    std::vector<Part> parts;
    ChunkSet whole;                       // chunks known to be stored; for a fill, all of them
    std::vector<ChunkIndex> newly_whole;  // to be announced
    bool known_complete = false;    // by the peers: it was when it was opened, or they were told
    std::uint64_t whole_bytes = 0;  // of a fill: bytes of `whole`
    std::optional<Error> failed;    // the disk refused: nothing more is fetched
    // How often it was wanted anew after that. What was under way then fails late, each leaf by
    // itself, and says nothing about those who came since.
    std::uint32_t attempt = 0;
    TimePoint idle_since{};

    bool wanted() const { return !reads.empty() || fill.has_value() || !parts.empty(); }
    bool in_part(ChunkIndex chunk) const {
        return std::any_of(parts.begin(), parts.end(),
                           [chunk](const Part& part) { return part.covers(chunk); });
    }
    bool says_to_hold(PeerNumber peer, ChunkIndex chunk) const {
        const auto found = sources.find(peer);
        return found != sources.end() && found->second.held.has(chunk);
    }
    std::size_t holders() const {
        std::size_t count = 0;
        for (const auto& [peer, source] : sources) {
            count += source.held.none() ? 0U : 1U;
        }
        return count;
    }
};

// A chunk with leaves to ask for, in the order of asking.
struct Ready {
    protocol::Urgency urgency{};
    TimePoint due{};
    ContentNumber content{};
    std::uint64_t chunk = 0;
    auto operator<=>(const Ready&) const = default;
};

// A fill that does not run yet.
struct WaitingFill {
    FillId id = 0;
    FillRequest request;
};

}  // namespace swarmfs::swarm
