#pragma once
// Sees to it that what is pinned in one swarm is here whole, and stays.
//
// Rules:
//   1. In rounds over the tree: when a pin was set or taken away, soon after the tree changed, every
//      kRoundEvery, and at the start. While nothing is pinned, nothing is looked at.
//   2. What lies under a pin is held (store/cache_books.hpp) from the round that finds it until one
//      that does not; before the first round has ended, custody.hpp knows the pins by themselves.
//   3. What is not here whole is fetched like any fill, under limits and pauses, kFillsMax at a time.
//      One that does not move for kStallMax gives way, and is tried again in a round kAgainEvery later:
//      nobody who has it may be connected, or the disk is full.
// Thread: engine, but for what says otherwise.

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <boost/asio/io_context.hpp>

#include "engine/node/pins.hpp"
#include "engine/node/tree.hpp"
#include "engine/node/tree_cursor.hpp"
#include "engine/node/wake_timer.hpp"
#include "engine/store/content_store.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::node {

struct PinReport {
    std::uint64_t files = 0;  // of the last round that came to its end
    std::uint64_t bytes = 0;
    std::uint64_t missing_bytes = 0;  // of them, that were not here
};

class PinKeeper final : public std::enable_shared_from_this<PinKeeper> {
public:
    static constexpr Duration kRoundEvery = std::chrono::minutes(10);
    static constexpr Duration kAgainEvery = std::chrono::seconds(30);
    static constexpr Duration kStallMax = std::chrono::seconds(30);
    static constexpr std::size_t kFillsMax = 32;

    // Outlives it, until stop().
    struct Parts {
        boost::asio::io_context& engine;
        const Clock& clock;
        Tree& tree;
        store::ContentStore& contents;
        swarm::Swarm& swarm;
        const Pins& pins;
        SwarmId id;
    };
    explicit PinKeeper(const Parts& parts) : parts_(parts), timer_(parts.engine, parts.clock) {}

    void start();
    void stop();
    // The pins changed, or something pinned was found damaged.   Thread: any.
    void look();
    // Thread: any.
    PinReport report() const;

private:
    struct Fill {
        ContentId content;
        swarm::FillId id = 0;
        std::uint64_t left_bytes = 0;
        TimePoint moved_at{};
    };

    void wake(Duration after);
    void tick();
    void begin_round();
    void go_on();
    void end_round();
    void take(const TreeCursor::File& file);
    void moved(std::uint64_t number, const swarm::FillProgress& progress);
    void end_stalled();

    const Parts parts_;
    WakeTimer timer_;
    std::uint64_t listener_ = 0;
    bool stopped_ = false;
    bool in_round_ = false;
    TimePoint round_at_{};
    TimePoint began_at_{};
    TreeCursor cursor_;
    std::deque<TreeCursor::File> found_;  // and not looked at yet
    std::map<ContentId, store::Hold> held_;
    std::map<ContentId, store::Hold> seen_;  // in this round
    std::map<std::uint64_t, Fill> fills_;
    std::uint64_t next_fill_ = 1;
    PinReport counting_;

    mutable std::mutex mutex_;  // guards what follows
    bool news_ = false;         // the tree or the pins changed, and a round was not begun since
    PinReport counted_;
};

}  // namespace swarmfs::node
