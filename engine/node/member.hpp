#pragma once
// One swarm as this node takes part in it: its tree, its volume, its peers, its trackers. Owns them
// and carries words between them; holds no policy of its own.
//
// Thread: made and stopped on the node's own thread; the rest from any unless a call says
// otherwise.

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <boost/asio/steady_timer.hpp>

#include "engine/async/io_threads.hpp"
#include "engine/async/task_group.hpp"
#include "engine/channel/channel.hpp"
#include "engine/discovery/candidate_book.hpp"
#include "engine/discovery/dial_pace.hpp"
#include "engine/node/blocks.hpp"
#include "engine/node/catalog_sync.hpp"
#include "engine/node/content_ports.hpp"
#include "engine/node/home.hpp"
#include "engine/node/identity.hpp"
#include "engine/node/keep_wishes.hpp"
#include "engine/node/limits.hpp"
#include "engine/node/membership.hpp"
#include "engine/node/pauses.hpp"
#include "engine/node/pin_keeper.hpp"
#include "engine/node/policy_watch.hpp"
#include "engine/node/problems.hpp"
#include "engine/node/publisher.hpp"
#include "engine/node/replicator.hpp"
#include "engine/node/settings.hpp"
#include "engine/node/standings.hpp"
#include "engine/node/stop_signal.hpp"
#include "engine/node/sweeper.hpp"
#include "engine/node/transfers.hpp"
#include "engine/node/tree.hpp"
#include "engine/node/tree_volume.hpp"
#include "engine/node/version_follower.hpp"
#include "engine/node/workers.hpp"
#include "engine/swarm/swarm.hpp"
#include "engine/transport/secure_link.hpp"

namespace swarmfs::node {

class TrackerLine;

class Member final : public swarm::SwarmListener {
public:
    // What all swarms of a node share. Outlives the members.
    struct Common {
        const Settings& settings;
        Home& home;
        std::uint64_t history = 0;  // Home::recognize
        store::Disk& disk;
        store::Database& database;
        store::ContentStore& contents;
        Sweeper& sweeper;
        Workers& workers;
        async::IoThreads& engine;  // one thread
        async::IoThreads& links;
        Clock& clock;
        Dice& dice;
        Limits& limits;
        Blocks& blocks;
        std::shared_ptr<swarm::UploadGate> uploads;
        Pauses& pauses;
        Pins& pins;
        CacheKeeper& cache;
        Transfers& transfers;
        std::uint16_t listen_port = 0;
        std::string listen_address;
    };

    Member(const Common& common, Membership membership);
    ~Member() override;

    void start();
    // What takes long is given up, so that nobody waits for it any more. Thread: any.
    void begin_stop() {
        publisher_->stop();
        volume_->extended_attributes().stop();
        volume_->reports()->stop();
        stop_signal_.stop();
    }
    StopSignal& stop_signal() { return stop_signal_; }
    // Says goodbye, publishes what is left to sign, and lets go of every thread's work.
    void stop();

    Membership membership() const;
    Result<> set_shares(std::vector<SharedFolder> shares);
    const SwarmId& id() const { return membership_.swarm; }
    // Of the whole swarm; on record when it returns. Errors: as Pauses::set().
    Result<> set_paused(bool paused);
    // The node is let in again, whatever it did, and dialled at once. Blocks stands for itself.
    void unblock(const NodeId& node);
    Pauses& pauses() { return common_.pauses; }
    Standings& standings() { return standings_; }
    Pins& pins() { return common_.pins; }
    Custody& custody() { return *custody_; }
    PinKeeper& pin_keeper() { return *pin_keeper_; }
    Transfers& transfers() { return common_.transfers; }
    Identity& identity() { return identity_; }
    Tree& tree() { return tree_; }
    swarm::Swarm& swarm() { return *swarm_; }
    store::ContentStore& contents() { return common_.contents; }
    store::Database& database() { return common_.database; }
    const std::shared_ptr<TreeVolume>& volume() const { return volume_; }
    // What `.swarmfs.toml` says, as this node understood it last. Never null.
    std::shared_ptr<const Policy> policy() const { return policy_->policy(); }
    channel::ChannelSecrets channel_secrets() const;
    // A content was published or shared here: peers and trackers are told. Thread: any.
    void content_arrived(const ContentId& content, const std::string& name);

    // A link somebody dialled, with its handshake done; dropped once stopped. Thread: the link's.
    void accept(std::unique_ptr<transport::SecureLink> link);
    // Somebody waits for peers: everything known is dialled now. Not after stop().
    void hurry(const std::optional<NodeId>& likely = std::nullopt);

    // Who holds what is to be there more than once.
    Replicator& replicator() { return *replicator_; }
    struct TrackerReport {
        std::string url;
        std::string state;
        std::string detail;
    };
    std::vector<TrackerReport> trackers();
    // What goes wrong here just now.
    Problems& problems() { return problems_; }

    // ---- of swarm::SwarmListener; engine thread ----
    void on_peer_joined(const NodeId& peer, const std::vector<std::string>& addresses) override;
    void on_peer_left(const NodeId& peer, const Error& why) override;
    void on_dialled(const std::string& address, const Result<NodeId>& who) override;
    void on_hints(const NodeId& from, const std::vector<protocol::PeerHint>& hints) override;
    void on_sources_wanted(const ContentId& content, const std::optional<NodeId>& likely) override;
    void on_members_wanted() override { hurry(); }
    void on_take(const NodeId& from, const ContentId& content) override {
        replicator_->on_take(from, content);
    }

private:
    friend class TrackerLine;
    void on_unsealed();
    void on_tree_changed();
    void on_complete(const ContentId& content, const std::string& name);
    void seal();
    void publish_again_later();
    void publish_waiting();
    void save_standings();
    void ask_for_room();
    void consider_dialling();
    async::Task<> dial(discovery::Address address);
    void learn(const std::string& address, discovery::AddressSource source,
               discovery::TellerPlace place, std::optional<NodeId> node,
               const std::optional<NodeId>& teller = std::nullopt);

    const Common common_;
    JobGroup jobs_;
    mutable std::mutex membership_mutex_;
    Membership membership_;  // its shares are guarded by membership_mutex_; the rest is fixed
    Identity identity_;
    const crypto::X25519KeyPair channel_key_;
    Tree tree_;
    Problems problems_;
    StorePorts ports_;
    Standings standings_;
    CatalogSync sync_;
    std::shared_ptr<swarm::Swarm> swarm_;
    std::unique_ptr<Publisher> publisher_;
    KeepWishes wishes_;
    std::shared_ptr<TreeVolume> volume_;
    std::shared_ptr<PolicyWatch> policy_;
    std::shared_ptr<Replicator> replicator_;
    std::shared_ptr<VersionFollower> follower_;
    std::shared_ptr<Custody> custody_;
    std::shared_ptr<PinKeeper> pin_keeper_;
    std::unique_ptr<TrackerLine> tracker_line_;
    StopSignal stop_signal_;
    std::atomic<bool> seal_scheduled_ = false;
    std::mutex accept_mutex_;
    bool accepting_ = true;  // guarded by accept_mutex_
    // engine thread
    boost::asio::steady_timer seal_timer_;
    boost::asio::steady_timer dial_timer_;
    boost::asio::steady_timer publish_timer_;
    discovery::CandidateBook candidates_;
    discovery::DialPace pace_;
    std::map<NodeId, discovery::TellerPlace> tellers_;  // connected members
    std::unique_ptr<async::TaskGroup> dials_;
    bool started_ = false;
    bool stopping_ = false;
};

}  // namespace swarmfs::node
