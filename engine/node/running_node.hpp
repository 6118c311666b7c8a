#pragma once
// The Node that runs: everything of one home, made in one order and taken down in the reverse one.

#include <atomic>
#include <map>
#include <mutex>

#include "engine/async/io_threads.hpp"
#include "engine/async/task_group.hpp"
#include "engine/node/control_server.hpp"
#include "engine/node/member.hpp"
#include "engine/node/node.hpp"
#include "engine/node/share_folders.hpp"
#include "engine/transport/listener.hpp"

namespace swarmfs::node {

class RunningNode final : public Node {
public:
    static Result<std::unique_ptr<RunningNode>> open(Settings settings, Clock& clock, Dice& dice);
    ~RunningNode() override;

    Result<> start(ControlMethods extra) override;
    void begin_stop() override;
    void stop() override;
    const Settings& settings() const override { return settings_; }
    Result<std::shared_ptr<Volume>> volume(const std::string& name) override;
    void on_stop_requested(std::function<void()> act) override { stop_requested_ = std::move(act); }

    void list_mounts_with(MountsOf mounts_of) override { mounts_of_ = std::move(mounts_of); }

    // ---- for the control methods; any thread ----
    std::vector<std::string> mounts_of(const std::string& swarm) const;
    // Errors: as volume().
    Result<std::shared_ptr<Member>> member(const std::string& name) const;
    std::vector<std::shared_ptr<Member>> members() const;
    // Makes a member of a swarm nobody here belongs to yet, or no more: where a membership has
    // ended, or is another key's, the new one takes its place, with its name and its shares.
    // Errors: exists, busy (mounted), and those of saving.
    Result<std::shared_ptr<Member>> join(Membership membership);
    Result<> leave(const std::string& name);
    // In all swarms, those that are joined later too. Unblocking ends bans as well. On record when it
    // returns. Returns: whether that changed anything. Errors: as Blocks::set().
    Result<bool> set_blocked(const NodeId& node, bool blocked);
    // Errors: not_found, when the swarm was left meanwhile.
    Result<std::shared_ptr<ShareFolders>> shares_of(const Member& member) const;
    Clock& clock() { return clock_; }
    Dice& dice() { return dice_; }
    Home& home() { return *home_; }
    store::ContentStore& contents() { return *contents_; }
    Sweeper& sweeper() { return *sweeper_; }
    Limits& limits() { return *limits_; }
    Blocks& blocks() { return *blocks_; }
    Pins& pins() { return *pins_; }
    CacheKeeper& cache() { return *cache_; }
    std::string listen_address() const;
    TimePoint started_at() const { return started_at_; }
    void request_stop();

private:
    struct Joined {
        std::shared_ptr<Member> member;
        std::shared_ptr<ShareFolders> shares;
    };

    RunningNode(Settings settings, Clock& clock, Dice& dice);
    Result<> open_store();
    Result<> listen();
    Member::Common common();
    Result<std::shared_ptr<Member>> add(Membership membership);
    Result<std::shared_ptr<Member>> lapsed_member_of(const SwarmId& swarm) const;
    Result<> check_name_is_free(const std::string& name) const;
    Joined take_out(const std::string& name);
    void on_link(std::unique_ptr<transport::Link> link);
    static async::Task<> welcome(RunningNode* node, std::unique_ptr<transport::Link> link);

    const Settings settings_;
    Clock& clock_;
    Dice& dice_;
    TimePoint started_at_;
    std::function<void()> stop_requested_;
    MountsOf mounts_of_;
    std::unique_ptr<Home> home_;
    std::uint64_t history_ = 0;  // Home::recognize
    store::SystemDisk disk_;
    std::unique_ptr<store::Database> database_;
    std::unique_ptr<store::ContentStore> contents_;
    std::unique_ptr<Sweeper> sweeper_;
    std::unique_ptr<CacheKeeper> cache_;
    std::unique_ptr<Workers> workers_;
    std::unique_ptr<async::IoThreads> engine_;
    std::unique_ptr<async::IoThreads> links_;
    std::unique_ptr<Limits> limits_;
    std::unique_ptr<Blocks> blocks_;
    std::shared_ptr<swarm::UploadGate> uploads_;
    std::unique_ptr<Pauses> pauses_;
    std::unique_ptr<Pins> pins_;
    Transfers transfers_;
    std::vector<std::unique_ptr<async::TaskGroup>> handshakes_;  // one for each link thread
    std::unique_ptr<transport::Listener> listener_;
    std::mutex joining_mutex_;   // one join or leave at a time, from its checks to its end
    std::mutex blocking_mutex_;  // no swarm is added between a block's row and its taking effect
    mutable std::mutex members_mutex_;
    std::map<std::string, Joined> members_;  // by name; guarded by members_mutex_
    std::unique_ptr<ControlServer> control_;
};

// Puts the node's own methods into `methods` (docs/control.md).
void add_control_methods(RunningNode& node, ControlMethods& methods);

}  // namespace swarmfs::node
