#pragma once
// What SwarmCore wants done. The shell (swarm_shell.cpp), or a simulation, carries it out in order.

#include <memory>
#include <variant>
#include <vector>

#include "engine/swarm/request_ledger.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::swarm {

// Name the content to the peer by a handle; its frames about it come back as this number.
struct OpenContent {
    PeerNumber peer{};
    ContentNumber content{};
    ContentId id;
    std::shared_ptr<ContentPort> port;
};
struct CloseContent {
    PeerNumber peer{};
    ContentNumber content{};
};
struct AskLeaves {
    PeerNumber peer{};
    ContentNumber content{};
    protocol::LeafRange range;
    protocol::Urgency urgency{};
    std::uint32_t attempt = 0;  // comes back with a failure to store
};
struct CancelLeaves {
    PeerNumber peer{};
    ContentNumber content{};
    protocol::LeafRange range;
};
// End the session. The core has forgotten the peer already.
struct DropPeer {
    PeerNumber peer{};
    Error why;
};
struct ReadEnded {
    ReadId read = 0;
    Result<> outcome;
};
struct FillMoved {
    FillId fill = 0;
    FillProgress progress;
};
// Tell peers that opened the content.
struct ChunksWhole {
    ContentId id;
    std::vector<ChunkIndex> chunks;
};
// The same, when the whole of it is here and some chunks were not named one by one.
struct ContentWhole {
    ContentId id;
};
struct SourcesWanted {
    ContentId id;
    std::optional<NodeId> likely;
};

using Action = std::variant<OpenContent, CloseContent, AskLeaves, CancelLeaves, DropPeer, ReadEnded,
                            FillMoved, ChunksWhole, ContentWhole, SourcesWanted>;

// How reads of what is not here end while the swarm is paused.
inline Error paused_error() {
    return caller_error(Code::busy, "the swarm is paused here; `swarmfs resume` ends that");
}

// The peer is told that these leaves are wanted no more.
inline void cancel_leaves(PeerNumber peer, ContentNumber content, ChunkIndex chunk, LeafMask leaves,
                          std::vector<Action>& actions) {
    for (const protocol::LeafRange& range : ranges_of(chunk, leaves)) {
        actions.push_back(CancelLeaves{peer, content, range});
    }
}

}  // namespace swarmfs::swarm
