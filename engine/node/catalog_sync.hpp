#pragma once
// Keeps this node's catalog and those of its peers alike: sends each what it lacks, and applies
// what arrives.
//
// Rules:
//   1. A peer says how far it has come (vector); what is missing there is sent at once, as fast as
//      its queue takes it (catalog/sender.hpp).
//   2. Own publications go to every peer at once. Those of others are passed on only to peers whose
//      vector still lacks them kGossipDelay later: in most swarms the author has told them already.
//   3. Whenever something was applied, peers hear our vector, at most every kVectorEvery.
//   4. A peer that stays behind what it was sent is sent it again (catalog_lag.hpp). Our own vector
//      goes back to before what somebody withheld (ReplicaReader::vector_to_tell), so the same rule
//      brings it from everyone who has it.
//   5. Nothing of ours is sent before it is on the disk (Tree::sync_sealed).
//   6. Every kLookAfterEvery: what waits for room on this machine is tried again, and what was
//      replaced long ago shrinks.
// Thread: engine.

#include <deque>
#include <functional>
#include <map>
#include <memory>

#include <boost/asio/steady_timer.hpp>

#include "engine/catalog/sender.hpp"
#include "engine/node/catalog_lag.hpp"
#include "engine/node/tree.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::node {

class CatalogSync final : public swarm::CatalogPort {
public:
    CatalogSync(boost::asio::io_context& engine, Tree& tree, const Clock& clock);

    // The swarm is made with this port, so it comes to know it afterwards.
    void attach(swarm::Swarm* swarm) { swarm_ = swarm; }
    // Begins to look after things (rules 4 and 6).
    void start();
    // What `start` makes a timer call.
    void look_after();
    // Something new is signed: tell everyone.
    void on_published();
    // Called whenever the catalog has grown by what others said.
    void on_grown(std::function<void()> act) { on_grown_ = std::move(act); }
    // What a tracker sent: as from a peer, without a session. Errors: those of Tree.
    Result<> take(ByteSpan message);
    void stop();

    std::vector<protocol::VectorItem> our_vector() override;
    void on_vector(const NodeId& peer, std::vector<protocol::VectorItem> items) override;
    Result<> on_header(const NodeId& peer, ByteSpan bytes) override {
        (void)peer;
        return header(bytes);
    }
    Result<> on_entries(const NodeId& peer, ByteSpan bytes) override {
        (void)peer;
        return entries(bytes);
    }
    bool shows(const protocol::VectorItem& version, const std::string& path) override;
    void on_ready(const NodeId& peer) override;
    void on_peer_left(const NodeId& peer) override;

private:
    struct Peer {
        catalog::Sender sender;
        catalog::VersionVector theirs;  // as it said last
        bool sent_all = false;
        CatalogLag lag;
        // What the sender produced and the peer's queue has no room for: at most kSendAtOnce bytes.
        std::deque<swarm::CatalogFrame> waiting;
    };

    Result<> header(ByteSpan bytes);
    Result<> entries(ByteSpan bytes);
    void send_to(const NodeId& node, Peer& peer);
    bool flush(const NodeId& node, Peer& peer);
    void send_to_all();
    void applied();
    void send_again_to_lagging();
    void compact();
    void grown();

    boost::asio::steady_timer vector_timer_;
    boost::asio::steady_timer gossip_timer_;
    boost::asio::steady_timer look_after_timer_;
    TimePoint compact_at_;
    bool vector_due_ = false;
    bool gossip_due_ = false;
    Tree& tree_;
    const Clock& clock_;
    swarm::Swarm* swarm_ = nullptr;
    std::function<void()> on_grown_;
    std::map<NodeId, Peer> peers_;
};

}  // namespace swarmfs::node
