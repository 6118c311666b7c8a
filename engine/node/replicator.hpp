#pragma once
// Sees to it that files are there as often as the policy of the swarm says (policy.hpp): asks members
// what they hold, and takes what falls short when it is this node's turn (replication.hpp).
//
// Rules:
//   1. While no path is to be there more than once, nothing is looked at and nobody is asked.
//   2. What is published or changes its name is looked at as soon as it is heard of; everything in
//      rounds, kRoundEvery after each other, and soon after a member left.
//   3. Looks are paced: kLooksEachSecond. What falls short is looked at again when this node's turn
//      comes, once a turn at least, and right before anything of it is taken; the rarest first.
//   4. What is taken is fetched like any fill, under limits and pauses: kTakesMax at a time, of which
//      kLargeMax are parcels of large files. One that does not move for kStallMax gives way.
//   5. Nothing is taken that would leave less free on the disk than the settings say, nor when they
//      say that this node takes nothing.
//   6. A member that leaves may ask that something be taken (on_take): what the tree names, in line
//      behind the rest; kAskedMax wait at most.
// Thread: engine, but for what says otherwise.

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include <boost/asio/io_context.hpp>

#include "engine/node/disk_room.hpp"
#include "engine/node/policy_watch.hpp"
#include "engine/node/replication.hpp"
#include "engine/node/settings.hpp"
#include "engine/node/tree.hpp"
#include "engine/node/tree_cursor.hpp"
#include "engine/node/wake_timer.hpp"
#include "engine/store/content_store.hpp"

namespace swarmfs::node {

struct ReplicationReport {
    std::uint64_t files = 0;  // that are to be there more than once, and their bytes; of the last
    std::uint64_t bytes = 0;  // round that came to its end
    std::uint64_t short_contents = 0;
    std::uint64_t short_bytes = 0;
    struct Short {
        std::string path;  // one of them
        std::uint32_t copies = 0;
        std::uint32_t wanted = 0;
        std::string why;  // nothing happens; empty: it is being seen to
    };
    std::vector<Short> worst;  // kWorstMax at most
};

// Which chunks of a content are stored here whole. Nothing, where that cannot be told.
swarm::Holdings holdings_of(store::ContentStore& contents, const ContentId& content);

class Replicator : public std::enable_shared_from_this<Replicator> {
public:
    static constexpr Duration kRoundEvery = std::chrono::minutes(10);
    static constexpr Duration kRoundAfterLeave = std::chrono::seconds(5);
    static constexpr std::size_t kLooksEachSecond = 100;
    static constexpr std::size_t kTakesMax = 32;
    static constexpr std::size_t kLargeMax = 4;
    static constexpr Duration kStallMax = std::chrono::seconds(30);
    static constexpr std::size_t kAskedMax = 1024;
    // Who comes and goes all the time must not keep it from being taken for ever.
    static constexpr unsigned kLossesMax = 3;
    static constexpr std::size_t kShortMax = 10'000;  // beyond it, found again in a later round
    static constexpr std::size_t kNewsMax = 4096;     // beyond it, a round finds them
    static constexpr std::size_t kWorstMax = 5;

    // Outlives it, from start() to stop().
    struct Parts {
        boost::asio::io_context& engine;
        const Clock& clock;
        const Settings& settings;
        Tree& tree;
        store::ContentStore& contents;
        swarm::Swarm& swarm;
        PolicyWatch& policy;
        NodeId self;
        DiskRoom room;
    };
    explicit Replicator(const Parts& parts);

    void start();
    // Nothing of Parts is used any more.
    void stop();
    void on_policy_changed();
    void on_peer_joined();
    void on_peer_left();
    void on_take(const NodeId& from, const ContentId& content);
    // Thread: any; waits for the engine thread unless called on it. Requires: it runs.
    ReplicationReport report();

private:
    struct Short {
        std::string path;
        std::uint32_t wanted = 0;
        std::uint32_t copies = 0;
        TimePoint since{};
        TimePoint look_at{};
        bool looking = false;
        bool available = true;
        bool no_room = false;
        std::size_t members = 0;  // that were seen, this one included
        std::map<NodeId, std::uint64_t> held;
        unsigned losses = 0;  // how often it began anew
    };
    struct Take {
        ContentId content;
        std::uint64_t left_bytes = 0;
        bool large = false;
        TimePoint moved_at{};
    };
    enum class Fresh : std::uint8_t { no, yes };  // without a grace

    bool needed() const { return parts_.policy.policy()->replicas_max() > 1; }
    void hear(const std::vector<store::NameChange>& changes);  // any thread
    void wake(Duration after);
    void tick();
    void take_in_news();
    void look_at_news(std::size_t& looks);
    void go_round(std::size_t& looks);
    void look_at_short(std::size_t& looks);
    void take_asked();
    void end_stalled();
    bool still_wanted(const ContentId& content, Short& one) const;
    void look(const ContentId& content, const std::string& path, std::uint32_t wanted, Fresh fresh);
    void seen(const swarm::Survey& survey, const std::string& path, std::uint32_t wanted,
              Fresh fresh);
    // Returns: whether it is being taken now.
    bool take(const ContentId& content, std::optional<std::uint64_t> parcel,
              const std::optional<NodeId>& likely, bool* no_room);
    void moved(std::uint64_t number, const swarm::FillProgress& progress);
    bool has_room(std::uint64_t bytes) const;
    bool has_place(bool large) const;
    std::string why(const Short& one) const;
    ReplicationReport report_here() const;

    const Parts parts_;
    WakeTimer timer_;
    std::uint64_t listener_ = 0;
    bool stopped_ = false;
    TreeCursor cursor_;
    bool in_round_ = false;
    TimePoint started_at_{};
    TimePoint round_at_{};
    Fresh this_round_ = Fresh::no;
    Fresh next_round_ = Fresh::no;
    ReplicationReport counted_;  // by the last round
    ReplicationReport counting_;
    std::size_t looks_open_ = 0;
    std::map<ContentId, Short> short_;
    std::map<std::uint64_t, Take> takes_;
    std::map<std::uint64_t, swarm::FillId> fills_;  // of takes
    std::uint64_t next_take_ = 1;
    std::deque<std::pair<ContentId, NodeId>> asked_;
    std::deque<store::NameChange> fresh_;
    std::mutex news_mutex_;
    std::vector<store::NameChange> news_;  // guarded by news_mutex_
    bool news_lost_ = false;               // guarded by news_mutex_
    bool woken_ = false;                   // guarded by news_mutex_
};

}  // namespace swarmfs::node
