#pragma once
// Fetches files of one swarm in the background because somebody asked for them; afterwards they are cache.
//
// Rules:
//   1. In the order they were asked for, and in the order a directory lists them. kWaitingMax wait;
//      more are refused.
//   2. One asking brings no more than the cache's limit less its margin, so that it does not evict what
//      it brought itself, and leaves the floor of the disk free (eviction_choice.hpp). Of the file
//      for which that does not suffice the beginning comes, and nothing after it.
//   3. Fills like any other, under limits and pauses, kFillsMax at a time. They hold nothing: what
//      is evicted meanwhile is not fetched again. One that does not move for kStallMax is given up,
//      because nobody who is connected may have it.
// Thread: engine, but for what says otherwise.

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "engine/node/disk_room.hpp"
#include "engine/node/eviction_choice.hpp"
#include "engine/node/tree.hpp"
#include "engine/node/tree_cursor.hpp"
#include "engine/node/wake_timer.hpp"
#include "engine/store/content_store.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::node {

class Prefetcher final : public std::enable_shared_from_this<Prefetcher> {
public:
    static constexpr std::size_t kWaitingMax = 1024;
    static constexpr std::size_t kFillsMax = 8;
    static constexpr Duration kStallMax = std::chrono::seconds(30);

    // Outlives it, until stop().
    struct Parts {
        boost::asio::io_context& engine;
        const Clock& clock;
        Tree& tree;
        store::ContentStore& contents;
        swarm::Swarm& swarm;
        CacheLimits limits;
        DiskRoom room;
    };
    explicit Prefetcher(Parts parts)
        : parts_(std::move(parts)), timer_(parts_.engine, parts_.clock) {}

    void stop();
    // The file, or all below the directory.   Errors: busy: kWaitingMax wait.   Thread: any.
    Result<> ask(store::Inode inode);

private:
    struct Fill {
        swarm::FillId id = 0;
        std::uint64_t left_bytes = 0;
        TimePoint moved_at{};
    };
    void tick();
    bool begin_next();
    std::optional<TreeCursor::File> next_file();
    void take(const TreeCursor::File& file);
    void fetch(const swarm::FillRequest& request, std::uint64_t bytes);
    void moved(std::uint64_t number, const swarm::FillProgress& progress);
    void end_stalled();
    std::uint64_t room_left() const;

    const Parts parts_;
    WakeTimer timer_;
    bool stopped_ = false;
    TreeCursor cursor_;
    std::deque<TreeCursor::File> found_;  // of what is being fetched, and not looked at yet
    std::uint64_t budget_ = 0;            // bytes that it may still bring
    std::map<std::uint64_t, Fill> fills_;
    std::uint64_t next_fill_ = 1;

    std::mutex mutex_;  // guards what follows
    std::deque<store::Inode> waiting_;
};

}  // namespace swarmfs::node
