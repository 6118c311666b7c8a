#pragma once
// What crosses between a session on its link's thread and the swarm on the engine thread, in
// batches both ways.

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "engine/swarm/ports.hpp"
#include "engine/swarm/request_ledger.hpp"
#include "engine/swarm/swarm_actions.hpp"

namespace swarmfs::swarm {

// ---- to a session ----

// OpenContent, CloseContent, AskLeaves and CancelLeaves of swarm_actions.hpp, and:
struct TellWhole {  // the peer may have the content open
    std::shared_ptr<const ChunksWhole> whole;
};
struct TellHolding {  // chunks came by other means: say anew what is held
    ContentId id;
};
struct SetPaused {  // whether what the peer asks for is refused; not, until it is said
    bool paused = false;
};
struct SendVector {
    std::vector<protocol::VectorItem> items;
};
struct SendCatalog {
    CatalogFrame frame;
};
struct SendHints {
    std::vector<protocol::PeerHint> hints;
};
struct SendConfirm {
    protocol::Confirm confirm;
};
struct SendConfirmed {
    protocol::Confirmed confirmed;
};
struct SendTake {
    ContentId content;
};
struct SayGoodbye {
    std::string reason;
};

using SessionCommand = std::variant<OpenContent, CloseContent, AskLeaves, CancelLeaves, TellWhole,
                                    TellHolding, SetPaused, SendVector, SendCatalog, SendHints,
                                    SendConfirm, SendConfirmed, SendTake, SayGoodbye>;

// ---- from a session ----

struct HelloHeard {  // checked; the session runs
    NodeId node;
    std::vector<std::string> addresses;
    std::uint16_t listen_port = 0;
};
struct HoldingHeard {
    ContentNumber content{};
    protocol::HoldingKind kind{};
    ChunkIndex first;
    Bytes bitmap;
};
struct HaveHeard {
    ContentNumber content{};
    std::vector<ChunkIndex> chunks;
};
struct LeavesStored {  // none: one came too late to be proven, but the peer answers
    ContentNumber content{};
    ChunkIndex chunk;
    LeafMask leaves = 0;
    std::uint64_t bytes = 0;
};
struct RefuseHeard {
    ContentNumber content{};
    protocol::LeafRange range;
    protocol::RefuseReason reason{};
};
struct ReadyHeard {};  // who was full may be asked again
struct SuggestHeard {
    ContentNumber content{};
    ChunkIndex chunk;
};
struct StoreFailed {
    ContentNumber content{};
    std::uint32_t attempt = 0;  // of the last request for this content
    Error error;
};
struct RoundTrip {
    Duration time{};
};
struct VectorHeard {
    std::vector<protocol::VectorItem> items;
};
struct CatalogHeard {
    CatalogFrame frame;
};
struct CatalogSent {
    std::uint64_t bytes = 0;
};
struct HintsHeard {
    std::vector<protocol::PeerHint> hints;
};
struct ConfirmHeard {  // to be answered
    protocol::Confirm confirm;
};
struct ConfirmedHeard {
    protocol::Confirmed confirmed;
};
struct TakeHeard {  // it asks us to hold the content, too
    ContentId content;
};
struct SessionEnded {  // the last event
    Error why;
};

using SessionEvent =
    std::variant<HelloHeard, HoldingHeard, HaveHeard, LeavesStored, RefuseHeard, ReadyHeard,
                 SuggestHeard, StoreFailed, RoundTrip, VectorHeard, CatalogHeard, CatalogSent,
                 HintsHeard, ConfirmHeard, ConfirmedHeard, TakeHeard, SessionEnded>;

}  // namespace swarmfs::swarm
