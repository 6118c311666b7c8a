#pragma once
// One swarm as this node takes part in it: sessions with other members, reads answered from them,
// whole contents fetched in the background, and leaves served to whoever asks.
//
// Rules:
//   1. Decisions fall on the engine thread, in SwarmCore; sessions carry bytes on the threads of
//      their links and verify and store what arrives there. The two exchange batches.
//   2. A read is answered once all leaves it touches are stored; the caller then reads them from
//      its own store. Nothing unproven is ever stored.
//   3. Streams are told apart by where in the content they read (read_window.hpp): callers need
//      not name them. Reads answered from disk must be noted, or a stream loses its window.
//   4. Callbacks run on the engine thread, exactly once for each read, never inside the call that
//      registered them.
// Thread: any for every call, unless it says otherwise.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/core/dice.hpp"
#include "engine/swarm/chunk_set.hpp"
#include "engine/swarm/confirming.hpp"
#include "engine/swarm/ports.hpp"
#include "engine/swarm/rate_gate.hpp"
#include "engine/swarm/statistics.hpp"
#include "engine/swarm/upload_gate.hpp"

namespace boost::asio {
class io_context;
}
namespace swarmfs::transport {
class SecureLink;
}

namespace swarmfs::swarm {

// Chosen by us; numbers.md has the reasons.
struct SwarmOptions {
    std::uint64_t window_budget_bytes = 256ULL << 20;  // read-ahead of all streams together
    std::size_t peers_max = 80;                        // sessions: places.hpp says whose
    Duration grace = std::chrono::seconds(2);  // for which a read waits for any source at all
    Duration hello_deadline = std::chrono::seconds(10);
    Duration ping_every = std::chrono::seconds(10);
    Duration dead_after = std::chrono::seconds(25);  // silence that ends a session
    Duration linger = std::chrono::seconds(2);       // how long a goodbye waits for the peer's end
    RateGates rates;                                 // what limits it; empty: nothing
    std::shared_ptr<UploadGate> uploads;             // what it takes on; null: everything
};

using ReadId = std::uint64_t;  // never 0, never used again
using FillId = std::uint64_t;

struct ReadRequest {
    ContentId content;
    std::uint64_t offset = 0;  // offset + length <= content.size
    std::uint64_t length = 0;
    TimePoint deadline = TimePoint::max();
    std::optional<NodeId> likely;  // a probable holder, such as the author of the entry
};
// Errors: unavailable (nobody left to ask), timed_out, cancelled, and those of ContentPort::store.
using ReadDone = std::function<void(Result<>)>;

enum class ReadAgain : std::uint8_t { perhaps, never };
enum class FillOrder : std::uint8_t { rarest_first, sequential };
struct ChunkRange {
    ChunkIndex first;
    std::uint64_t count = 0;
};
struct FillRequest {
    ContentId content;
    FillOrder order = FillOrder::rarest_first;
    std::optional<NodeId> likely;
    // Only these are wanted, of a content of more than one chunk; complete with them.
    std::optional<ChunkRange> chunks{};
};
struct FillProgress {
    std::uint64_t stored_bytes = 0;
    std::uint64_t total_bytes = 0;
    std::size_t sources = 0;     // connected members known to hold a part of it
    bool complete = false;       // the last call
    std::optional<Error> error;  // set: given up (disk); the last call
};
using FillProgressed = std::function<void(const FillProgress&)>;

// What connected members hold of a content.
struct Survey {
    struct Answer {
        NodeId node;
        Holdings held;
    };
    ContentId content;
    std::vector<Answer> answers;
    std::vector<NodeId> silent;  // asked, and did not answer in time
};
using SurveyDone = std::function<void(const Survey&)>;

class Swarm {
public:
    struct Parts {
        boost::asio::io_context& engine;  // run by one thread
        Clock& clock;
        Dice& dice;  // used on the engine thread only
        ContentPorts& contents;
        CatalogPort& catalog;
        MemberPort& member;
        SwarmListener& listener;
        StandingPort* standings = nullptr;  // null: nothing is remembered of anybody
    };
    static std::shared_ptr<Swarm> create(Parts parts, SwarmOptions options);
    virtual ~Swarm() = default;

    // ---- links ----
    // A link whose handshake is done; hello follows on its own thread. `address` is for display,
    // and where we dialled, for SwarmListener::on_dialled.
    virtual void adopt(std::unique_ptr<transport::SecureLink> link, bool dialled_by_us,
                       std::string address) = 0;
    // Dialling is in progress (+1) or has ended (-1): reads without a source wait for its outcome.
    virtual void note_dialling(int difference) = 0;
    virtual bool connected_to(const NodeId& node) const = 0;
    virtual std::size_t connected() const = 0;  // how many
    // Whether the node is banned or was dropped for a lie; do not dial it.
    virtual bool banned(const NodeId& node) const = 0;
    // Ends the session and refuses new ones until unblock. The operator's wish, not a ban.
    virtual void block(const NodeId& node) = 0;
    // Ends bans of the node, too: the operator lets it in, whatever it did.
    virtual void unblock(const NodeId& node) = 0;
    // Tells peers of addresses, at most protocol::kPeersMax of them.
    virtual void send_hints(const NodeId& to, std::vector<protocol::PeerHint> hints) = 0;

    // ---- content ----
    virtual ReadId read(ReadRequest request, ReadDone done) = 0;
    // The read is answered with Code::cancelled, unless it has been answered.
    virtual void cancel_read(ReadId read) = 0;
    // A read that was answered from disk: keeps the stream's window ahead of it.
    virtual void note_read(const ContentId& content, std::uint64_t offset,
                           std::uint64_t length) = 0;
    // Nobody has the content open any more: its windows end, and what they asked for is cancelled.
    // One that nobody here will read again is let go of as soon as nothing waits for it.
    virtual void end_reading(const ContentId& content, ReadAgain again) = 0;
    // Fetches the whole content. `progressed` may be empty.
    virtual FillId fill(FillRequest request, FillProgressed progressed) = 0;
    virtual void cancel_fill(FillId fill) = 0;
    // Asks every connected member what it holds, within Surveys::kDeadline; wants nothing. Too many
    // at once find nobody.
    virtual void survey(const ContentId& content, SurveyDone done) = 0;
    // Asks a member to hold the content, too: SwarmListener::on_take there.
    virtual void send_take(const NodeId& to, const ContentId& content) = 0;
    // Chunks of it were stored by other means than this swarm (published, shared): reads and fills
    // that wait for them go on, and peers that opened it are told.
    virtual void content_arrived(const ContentId& content) = 0;

    // While it is paused nothing of any content is asked for or served: reads of what is not here
    // fail with Code::busy, fills wait, requests of peers are refused as busy. Sessions and the
    // catalog go on.
    virtual void set_paused(bool paused) = 0;

    // ---- catalog ----
    // Returns: false when the peer's queue is full; CatalogPort::on_ready follows. Thread: engine.
    virtual bool send_catalog(const NodeId& peer, CatalogFrame frame) = 0;
    virtual void broadcast_vector() = 0;
    // Asks the other members; `done` is called once, on the engine thread.
    virtual ConfirmId confirm(ConfirmRequest request, ConfirmDone done) = 0;
    virtual void cancel_confirm(ConfirmId confirm) = 0;

    // ---- statistics; wait for the engine thread unless called on it. Requires: it runs. ----
    virtual std::vector<PeerStatistics> peers() = 0;
    virtual std::vector<ContentSource> sources(const ContentId& content) = 0;

    // Says goodbye to every peer, answers every read and confirm with Code::cancelled, then calls
    // `closed` once on the engine thread; at most a second later. Nothing else may be called
    // afterwards.
    virtual void close(std::function<void()> closed) = 0;
};

}  // namespace swarmfs::swarm
