#pragma once
// Chooses which chunk of one content to fetch next from a given peer, when no program is waiting.
// Rules, first match wins:
//   1. A chunk that was begun and given back.  Why: half a chunk serves nobody.
//   2. In sequential order: the lowest.        Why: the caller plays it while it comes.
//   3. What the peer suggests, while no partial peer holds it.   Why: it knows what it sends to others.
//   4. Until 4 chunks are stored: any chunk.   Why: something to offer soon matters more than what.
//   5. The rarest chunk among peers.           Why: its last copy may leave at any moment.
//   6. Ties fall by a salted order.            Why: no peer may steer us, and nodes that fetch the
//      same content fetch different parts of it and can exchange them. Neighbours stay together in
//      runs of up to 16 chunks, which is kind to the disks at both ends.
// Peers that hold everything are one counter: they change no chunk's rank. Only chunks that some
// partial peer holds cost memory of their own (some 10 bytes; 150 for one that stands alone), so
// one publisher costs nothing, and a peer that names chunks far apart not much.
// Where a partial peer holds none of the first 256 chunks by rank, it gets any chunk it holds.
// Pure; one thread. Cost: O(1) amortised an event.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "engine/swarm/chunk_set.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::swarm {

class ChunkPicker {
public:
    // Every chunk of the content is wanted until it is taken.
    ChunkPicker(std::uint64_t chunk_count, FillOrder order, std::uint64_t salt);

    void set_order(FillOrder order) { order_ = order; }

    // A peer that holds a part of the content got or lost a chunk.
    // Requires: chunk < chunk_count; lost follows gained.
    void gained(ChunkIndex chunk);
    void lost(ChunkIndex chunk);

    // The chunk is stored or being asked for: not to be picked. No effect when taken already.
    void take(ChunkIndex chunk);
    // It is neither: to be picked again, and first when it was begun. No effect when not taken.
    enum class Begun : std::uint8_t { no, yes };
    void put_back(ChunkIndex chunk, Begun begun);
    void note_stored() { ++stored_; }

    // Returns: the chunk to ask of a peer with these holdings; nothing when it has none we want.
    // The chunk is not taken yet. `suggested` by that peer.
    std::optional<ChunkIndex> pick(const Holdings& held,
                                   std::optional<ChunkIndex> suggested = std::nullopt);
    // Whether a suggestion of it would be followed: it is wanted, and no partial peer holds it.
    bool unshared(ChunkIndex chunk) const { return wanted_bit(chunk) && availability(chunk) == 0; }

    bool taken(ChunkIndex chunk) const { return taken_.contains(chunk); }
    std::uint64_t wanted() const { return chunk_count_ - taken_.count(); }
    // How many partial peers hold it.
    std::uint32_t availability(ChunkIndex chunk) const;

private:
    static constexpr std::size_t kPageChunks = 16;
    struct Page {
        std::array<std::uint16_t, kPageChunks> availability{};
        std::array<std::uint32_t, kPageChunks> position{};  // within its bucket
    };

    std::optional<ChunkIndex> lowest_from(const Holdings& held, std::uint64_t from) const;
    std::optional<ChunkIndex> any(const Holdings& held);
    std::optional<ChunkIndex> rarest(const Holdings& held);
    std::optional<ChunkIndex> held_by_no_partial_peer();
    std::uint64_t extent_at(std::uint64_t step) const;
    bool wanted_bit(ChunkIndex chunk) const { return !taken_.contains(chunk); }

    Page& page_of(ChunkIndex chunk);
    void enter_bucket(ChunkIndex chunk, std::uint32_t availability);
    void leave_bucket(ChunkIndex chunk, std::uint32_t availability);
    std::uint64_t roll();

    const std::uint64_t chunk_count_;
    const std::uint64_t salt_;
    std::uint64_t extent_chunks_ = 1;  // neighbours that stay together in the salted order
    std::uint64_t extent_count_ = 0;
    unsigned extent_bits_ = 0;

    FillOrder order_;
    std::uint64_t dice_state_;
    std::uint64_t stored_ = 0;
    ChunkSet taken_;
    std::set<std::uint64_t> returned_;  // begun
    // Wanted, and the salted walk may have passed them: by a salted key.
    std::set<std::pair<std::uint64_t, std::uint64_t>> passed_;
    std::uint64_t lowest_ = 0;       // no wanted chunk lies below
    std::uint64_t extent_step_ = 0;  // extents before it in the salted order are exhausted
    std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;
    // buckets_[n]: wanted chunks that n partial peers hold, n > 0, in random order.
    std::vector<std::vector<std::uint32_t>> buckets_;
};

}  // namespace swarmfs::swarm
