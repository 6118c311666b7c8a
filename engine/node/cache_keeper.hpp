#pragma once
// Keeps what was merely fetched within its limits (eviction_choice.hpp), by chunks, on a thread of its
// own.
//
// Rules:
//   1. Cache is what is stored and neither owned, shared in place nor held (store/cache_books.hpp);
//      what is pinned, being fetched whole or open as a whole file is held. Who has the swarm fill a
//      content keeps a hold in the callback, which lives as long as the fill: a fill takes what was
//      here at its beginning for granted.
//   2. A chunk goes when every swarm that names its content says so (custody.hpp). What nothing needs
//      any more (a version that was replaced) goes first, also while members have it open; while there
//      is room, that is left to the sweeper.
//   3. Who stores leaves while the cache is over its limit, or less than the floor is free on the disk,
//      waits for room, kWaitMax at most, and not at all when nothing can go, or members are still
//      asked what may: a read never fails because of the limits. So the cache is over its limit by
//      what is being written at most, unless what it holds must not go, or the disk needs longer. The
//      disk is asked every kRoomLookBytes.
//   4. Who finds the disk full asks for room: who writes, reads what is not here or stores what arrives
//      waits for one batch and tries again; others go on.
//   5. What is counted is what is on record, and what came since; it is counted anew every kCountEvery
//      and when something was let go of.
//   6. What people want gone goes by rule 2, whatever room there is, as soon as members have said what
//      they hold, and within kWishMax or not at all; the bases of a version that no name shows go along.
// Thread: any, but for start and stop.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/core/dice.hpp"
#include "engine/node/custody.hpp"
#include "engine/node/disk_room.hpp"
#include "engine/node/eviction_choice.hpp"
#include "engine/store/content_store.hpp"

namespace swarmfs::node {

struct CacheReport {
    CacheLimits limits;
    std::uint64_t min_free_bytes = 0;
    std::uint64_t bytes = 0;          // cached
    std::uint64_t kept_bytes = 0;     // of contents that may not go at the moment; of the last look
    std::uint64_t evicted_bytes = 0;  // since the start
};

class CacheKeeper {
public:
    static constexpr Duration kLookEvery = std::chrono::seconds(1);
    static constexpr Duration kCountEvery = std::chrono::minutes(1);
    static constexpr Duration kWaitMax = std::chrono::seconds(1);
    static constexpr std::uint64_t kBatchBytes = std::uint64_t{16} << 20;
    static constexpr std::uint64_t kRoomBytes = std::uint64_t{16} << 20;  // for a full disk
    static constexpr std::uint64_t kRoomLookBytes = std::uint64_t{1} << 20;
    static constexpr std::size_t kDrawsMax = 2048;  // of a batch
    static constexpr Duration kWishMax = std::chrono::seconds(30);
    static constexpr std::size_t kWishesMax = 1 << 16;
    static constexpr std::size_t kEntriesMax = 1 << 20;  // contents looked at

    struct Parts {
        CacheLimits limits;
        store::ContentStore& contents;
        const Clock& clock;
        DiskRoom room;
        std::uint64_t seed = 0;
        std::function<bool(const ContentId&)> needed;  // Sweeper::needs
    };
    explicit CacheKeeper(const Parts& parts);
    ~CacheKeeper() { stop(); }

    void start();
    void stop();

    void add(std::shared_ptr<Custody> custody);
    void remove(const std::shared_ptr<Custody>& custody);

    // Leaves of the content will be stored.
    void fetching(const ContentId& content);
    // Before leaves of it are stored: rule 3.   Cost: a comparison while there is room.
    void wait_for_place(const ContentId& content);
    // What was held is not any more, or something else changed what may go. Seen within a second.
    void look_again();
    // An answer came that may let something go.
    void wake();
    // The disk is full. Returns: whether something was evicted. Waits for a batch of another thread, and
    // for members that are asked what may go, kWaitMax at most.
    bool make_room();
    // The same for a thread by which the answers of members come: waits for a batch alone.
    bool make_room_at_once();
    // The same for whoever does not wait.
    void request();

    // Whether another swarm here than `swarm` has a file of this content.
    bool named_elsewhere(const SwarmId& swarm, const ContentId& content) const;
    // People want these gone: rule 6. Beyond kWishesMax they stay.
    void evict_soon(const std::set<ContentId>& contents);
    // Nothing of the content is left; its files go when nobody has it open.
    void emptied(const ContentId& content);

    CacheReport report() const;

private:
    struct Entry {
        ContentId content;
        std::uint64_t bytes = 0;
        bool kept = false;  // as a whole, when it was last looked at
    };
    struct Choice {
        std::vector<store::StoredChunk> chunks;
        std::set<std::pair<ContentId, ChunkIndex>> taken;  // the same
        std::uint64_t bytes = 0;
        void add(const ContentId& content, ChunkIndex chunk);
    };
    enum class Round : std::uint8_t { enough, nothing_goes, asking };

    std::uint64_t cached() const;
    bool near_limit() const;  // at half of it
    bool below_floor() const;
    bool look_at_floor();
    void run();
    void round();
    Round evict(std::uint64_t bytes);
    void count_anew();
    void take_in_fresh();
    bool take_census();
    void ask_ahead();
    std::vector<store::StoredChunk> choose(std::uint64_t bytes, bool& asking);
    void choose_replaced(std::uint64_t bytes, Choice& choice, bool& asking);
    bool choose_of(const ContentId& content, std::uint64_t bytes, Choice& choice, bool& asking);
    void choose_chunks(store::StoredContent& content, std::uint64_t bytes, Choice& choice,
                       bool& asking);
    void evict_wished();
    bool choose_wished(const ContentId& content, Choice& choice);
    std::optional<std::uint64_t> give_back(const std::vector<store::StoredChunk>& chunks);
    void draw(bool& asking);
    bool may_go(Entry& entry, ChunkIndex chunk, bool& asking);
    std::vector<std::shared_ptr<Custody>> custodies() const;
    void remove_emptied();
    void tell_evicted();
    void complain(const std::string& what);

    const Parts parts_;
    std::atomic<std::uint64_t> counted_bytes_ = 0;
    std::atomic<std::uint64_t> counted_at_ = 0;  // ContentStore::taken_in() of that moment
    std::atomic<std::uint64_t> gone_ = 0;        // since
    std::atomic<std::uint64_t> kept_ = 0;
    std::atomic<std::uint64_t> evicted_ = 0;
    std::atomic<std::uint64_t> looked_at_ = 0;  // taken_in() when the disk was asked last
    std::atomic<bool> floor_met_ = false;       // it was below the floor then
    std::atomic<bool> stuck_ = false;  // nothing can go at the moment, or it is not known yet
    std::atomic<bool> stopping_ = false;

    // The thread's; a writer that finds the disk full takes its place.
    std::mutex round_mutex_;
    SeededDice dice_;
    std::vector<Entry> entries_;
    std::vector<std::uint64_t> sums_;  // of the bytes of entries up to each, without those kept
    bool sums_stale_ = true;
    std::unordered_map<ContentId, std::size_t> index_;  // of entries_
    std::set<ContentId> active_;                        // fetched since they were counted
    std::set<ContentId> replaced_;                      // what names showed, and perhaps do again
    std::map<ContentId, TimePoint> wishes_;             // until when
    std::set<ContentId> emptied_;
    std::set<ContentId> untold_;  // of which chunks went in this round
    EvictionPool pool_;
    TimePoint count_by_{};
    TimePoint rests_until_{};
    std::uint64_t holds_ended_ = 0;  // ContentStore::holds_ended() of the last count
    std::string complaint_;

    mutable std::mutex mutex_;  // guards what follows
    std::condition_variable wake_;
    std::condition_variable room_made_;
    std::set<ContentId> fresh_;
    std::set<ContentId> wished_;  // since the last round
    std::vector<std::shared_ptr<Custody>> custodies_;
    bool woken_ = false;
    bool count_due_ = true;
    bool requested_ = false;
    std::thread thread_;
};

}  // namespace swarmfs::node
