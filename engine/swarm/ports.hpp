#pragma once
// What the swarm needs from the node it runs in. The swarm knows no disk, no catalog and no keys:
// it asks for and hands over leaves, catalog bytes and proofs of identity through these interfaces,
// which the node joins to store, catalog and channel. Tests and simulations give in-memory ones.
//
// Rules for implementers:
//   1. Nothing here blocks on the network or on another thread's slow work; the disk is allowed
//      where a call says so.
//   2. ContentPort and MemberPort are called on any thread, also at once; CatalogPort and
//      SwarmListener on the engine thread only.
//   3. Every port outlives the Swarm it was given to.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/content/proof.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"
#include "engine/core/units.hpp"
#include "engine/protocol/peer_messages.hpp"
#include "engine/swarm/peer_score.hpp"

namespace swarmfs::swarm {

// What is known already of the tree above one chunk: what a proof need not repeat.
struct KnownTree {
    content::KnownNode ancestor;                 // the lowest known one; the root at worst
    std::optional<content::ChunkHashes> proven;  // the leaves' own hashes, when they are known
};

// One content, stored or being fetched. Thread: any; calls for different leaves run at once.
class ContentPort {
public:
    virtual ~ContentPort() = default;

    // Bit i says that leaf i of the chunk is stored: written, proven, readable. From memory.
    virtual std::uint16_t leaf_mask(ChunkIndex chunk) const = 0;
    // Every leaf is stored. From memory.
    virtual bool complete() const = 0;
    // Fills `bitmap` with one bit a chunk from `first` on, most significant bit first, set where
    // the chunk is stored whole; bits beyond the end are 0. From memory.
    virtual void whole_chunks(ChunkIndex first, MutableByteSpan bitmap) const = 0;
    // The first chunk from `from` on of which anything may be stored; nothing when there is none.
    // For whoever looks at what is stored of a content too large to look at all of it. From memory.
    virtual std::optional<ChunkIndex> next_stored(ChunkIndex from) const { return from; }

    // Reads whole leaves from disk, each to its own place.
    // Requires: the leaves exist; leaves[i] has the size of leaf range.first + i.
    // Errors: not_found (not stored any more), corrupt (they no longer match their hashes), io; the
    // fault of one of them is the fault of all.
    virtual Result<> read_leaves(protocol::LeafRange range,
                                 std::span<const MutableByteSpan> leaves) = 0;
    // The proof that a request with `known_level` is answered with (content/proof.hpp).
    // Errors: not_found when the hashes are not here; invalid for an impossible level.
    virtual Result<std::vector<Hash256>> proof(ChunkIndex chunk, std::uint8_t known_level) = 0;

    // What a request for this chunk need not prove again. Never fails: the root is always known.
    virtual KnownTree known(ChunkIndex chunk) const = 0;
    // Keeps proven leaves: `leaves` holds one span for each leaf of `range`; `proven` the hashes of
    // all leaves of the chunk and the nodes above it that its proof showed, to be kept too. Storing
    // what is stored already is no error.
    // Errors: no_space, io (disk errors: fetching this content stops).
    virtual Result<> store(protocol::LeafRange range, std::span<const ByteSpan> leaves,
                           const content::ChunkHashes& proven) = 0;
};

enum class Purpose : std::uint8_t { serve, fetch };

class ContentPorts {
public:
    virtual ~ContentPorts() = default;
    // serve: a peer asks for it. Returns null when this node holds nothing of it or must not show
    // it. fetch: somebody here reads it; makes the place to store it. A short disk access.
    // Errors: for fetch no_space, io, invalid (the size is beyond the limit).
    virtual Result<std::shared_ptr<ContentPort>> open(const ContentId& content,
                                                      Purpose purpose) = 0;
};

// A piece of the catalog on its way to one peer.
struct CatalogFrame {
    enum class Kind : std::uint8_t { header, entries };
    Kind kind = Kind::header;
    Bytes bytes;  // at most protocol::kFrameBodyMax
};

// Thread: engine.
class CatalogPort {
public:
    virtual ~CatalogPort() = default;
    // What this node has applied; sent after hello and at every Swarm::broadcast_vector.
    virtual std::vector<protocol::VectorItem> our_vector() = 0;
    // The peer has applied this. The port answers with Swarm::send_catalog.
    virtual void on_vector(const NodeId& peer, std::vector<protocol::VectorItem> items) = 0;
    // Errors: whose == peer ends the session and bans for a lie (Code::corrupt); others are logged.
    virtual Result<> on_header(const NodeId& peer, ByteSpan bytes) = 0;
    virtual Result<> on_entries(const NodeId& peer, ByteSpan bytes) = 0;
    // Whether exactly this version is shown at this path here and now. The path is any text.
    virtual bool shows(const protocol::VectorItem& version, const std::string& path) = 0;
    // The queue that refused a frame of this peer has room again.
    virtual void on_ready(const NodeId& peer) = 0;
    virtual void on_peer_left(const NodeId& peer) = 0;
};

enum class Side : std::uint8_t { initiator, responder };

// Who we are and who may speak to us. Thread: any.
class MemberPort {
public:
    virtual ~MemberPort() = default;
    virtual NodeId self() const = 0;
    // Our hello, signed over the handshake's hash for our side of it. Its spans point into memory
    // that lives as long as the port.
    virtual protocol::Hello make_hello(const Hash256& handshake_hash, Side own_side) = 0;
    // Errors: a peer error when signature or grant do not hold, or the node is blocked here.
    virtual Result<> check_hello(const protocol::Hello& hello, const Hash256& handshake_hash,
                                 Side their_side) = 0;
};

// What is remembered of nodes beyond their sessions, and beyond this process. From memory.
// Thread: engine, but for bans().
class StandingPort {
public:
    virtual ~StandingPort() = default;
    // Asked once, by whoever makes the swarm.
    virtual std::vector<Ban> bans() = 0;
    // As a session with the node begins. Returns: an empty one when nothing is remembered.
    virtual Standing of(const NodeId& node) = 0;
    // As a session ends, and every minute while it lasts; takes the place of what was remembered.
    virtual void keep(const NodeId& node, const Standing& standing) = 0;
    // Takes the place of the node's earlier ban. One of length 0 ends it.
    virtual void keep_ban(const Ban& ban) = 0;
};

// What the node may want to act upon. Thread: engine.
class SwarmListener {
public:
    virtual ~SwarmListener() = default;
    virtual void on_peer_joined(const NodeId& peer, const std::vector<std::string>& addresses) = 0;
    virtual void on_peer_left(const NodeId& peer, const Error& why) = 0;
    // What became of a link that was adopted as dialled by us, under the address it was adopted
    // with: who said hello there (this node itself, or one that is turned away, too), or why nobody
    // did. Once for each.
    virtual void on_dialled(const std::string& address, const Result<NodeId>& who) = 0;
    // Addresses a member told us of; hints, not facts.
    virtual void on_hints(const NodeId& from, const std::vector<protocol::PeerHint>& hints) = 0;
    // Somebody here waits for this content and no connected member is known to hold it; `likely`
    // may.
    virtual void on_sources_wanted(const ContentId& content,
                                   const std::optional<NodeId>& likely) = 0;
    // Somebody here waits for more members than are connected to confirm a version.
    virtual void on_members_wanted() = 0;
    // A member asks this node to hold the content, too. Whoever wants to take nothing over does
    // nothing.
    virtual void on_take(const NodeId& from, const ContentId& content) {
        (void)from;
        (void)content;
    }
};

}  // namespace swarmfs::swarm
