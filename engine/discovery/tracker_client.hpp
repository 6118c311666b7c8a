#pragma once
// One member's conversation with the trackers of one swarm.
//
// Rules:
//   1. A tracker is a hint. Nothing it says is believed unproven: catalog bytes are checked by the
//      catalog, addresses by whoever dials, and everything has a bound. Nobody waits for a tracker.
//   2. With each tracker: register (signed), ask for peers, announce all that is held, exchange the
//      catalog. A tracker that has forgotten us is told everything anew, so that one restarted on
//      an empty disk is refilled; one that forgets again and again has failed (rule 5).
//   3. A heartbeat every 2 s, at which the tracker says whether its catalog has moved: members that
//      nobody can dial hear of changes in no other way. It costs the tracker one look into a table.
//      Peers every 30 s. All periods are shortened by up to a fifth, by chance.
//   4. What is new here (announce, catalog_changed) goes out at once when nothing is under way, and
//      else together, right after; contents before the catalog entries that name them, so whoever
//      finds the name finds a source.
//   5. A tracker that fails is tried again after 1 s, 2 s, 4 s, … up to 5 minutes, each a quarter
//      more or less by chance, and never before the time it asked for. Several trackers are
//      independent of one another.
//   6. A tracker cannot keep us busy: an exchange that goes on without bringing anything is ended.
// Thread: the executor's, for every call and every callback.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/async/task.hpp"
#include "engine/core/clock.hpp"
#include "engine/core/dice.hpp"
#include "engine/protocol/tracker_contents.hpp"
#include "engine/protocol/tracker_messages.hpp"
#include "engine/transport/address.hpp"

namespace swarmfs::http {
class Client;
}

namespace swarmfs::discovery {

// Chosen by us.
// Without anything moving; a slow line has longer (engine/http/client.hpp).
inline constexpr Duration kTrackerAnswerWithin = std::chrono::seconds(15);
inline constexpr Duration kTrackerRetryFirst = std::chrono::seconds(1);
inline constexpr Duration kTrackerRetryMax = std::chrono::minutes(5);
// What a change waits for at most at a member that hears of it from the tracker alone.
inline constexpr Duration kPollEvery = std::chrono::seconds(2);
// Peers are asked for at the start, when somebody waits for one, and this often.
inline constexpr Duration kPeersEvery = std::chrono::seconds(30);
inline constexpr Duration kHurryEvery = std::chrono::seconds(2);
// A tracker that forgets us sooner after we registered is counted as failing.
inline constexpr Duration kRememberedMin = std::chrono::seconds(10);
inline constexpr std::size_t kAnnounceBatch = 500;
// New contents beyond this many that wait for a tracker are found again by a full announce.
inline constexpr std::size_t kAnnounceWaitingMax = 10'000;
inline constexpr std::size_t kTrackersMax = 16;

using TrackerNumber = std::size_t;  // its place among the URLs that are not ignored

// What a tracker client needs of its member. Calls are quick; the disk is allowed.
class TrackerPort {
public:
    virtual ~TrackerPort() = default;

    // Ed25519 by the node's key over (purpose, statement), as crypto::SigningKey::sign.
    virtual protocol::PeerSignature sign(std::string_view purpose, ByteSpan statement) = 0;
    // Where this node can be dialled, besides the address a tracker sees it come from.
    virtual std::vector<std::string> own_addresses() = 0;

    // Up to `count` contents held here whole, in order of their ids, after `after`.
    virtual std::vector<protocol::AnnouncedContent> contents_after(
        const std::optional<ContentId>& after, std::size_t count) = 0;

    // What this member has applied: catalog::write_vector's bytes.
    virtual Bytes catalog_vector() = 0;
    // About `bytes_max` of catalog messages that a replica with `their_vector` lacks. A round of
    // calls begins with `first`; each further call continues where the last one ended
    // (catalog::Sender). None: it has been sent everything.
    virtual std::vector<Bytes> catalog_for(TrackerNumber tracker, ByteSpan their_vector, bool first,
                                           std::size_t bytes_max) = 0;
    // Messages a tracker sent. Errors: peer errors end the round and are shown in the report.
    virtual Result<> catalog_from(TrackerNumber tracker, const std::vector<Bytes>& messages) = 0;

    // Members a tracker named; this node is left out. `teller` is on_loopback when the tracker was
    // reached over loopback.
    virtual void on_tracker_peers(TrackerNumber tracker,
                                  const std::vector<protocol::TrackerPeer>& peers,
                                  transport::TellerPlace teller) = 0;
};

struct TrackerOptions {
    std::vector<std::string> urls;  // at most kTrackersMax; the rest and repeated ones are ignored
    std::string api_key;            // sent as X-API-Key when not empty
    SwarmId swarm;
    NodeId node;
    Bytes grant;                // the member's chain
    std::uint16_t listen_port;  // 0: does not listen
};

struct TrackerReport {
    std::string url;
    // "connecting" until the first answer, then "online" or "unreachable".
    std::string state;
    std::string detail;  // what went wrong last; empty while all is well
    // Where this node comes from, as the tracker sees it; empty until it was said.
    std::string seen_as;
    std::uint64_t last_ok_ms = 0;  // wall clock of its last good answer; 0: none yet
};

class TrackerClient {
public:
    struct Parts {
        async::Executor executor;
        Clock& clock;
        Dice& dice;          // used on the executor's thread only
        http::Client& http;  // of the same executor
        TrackerPort& port;
    };
    // Everything in `parts` outlives the client.
    TrackerClient(Parts parts, TrackerOptions options);
    // Requires: stopped, or never started.
    ~TrackerClient();

    void start();
    // Says goodbye to every tracker that knows us, all at once and for at most `patience`, and
    // ends.
    async::Task<> stop(Duration patience);

    // Contents that are held whole since now.
    void announce(std::vector<protocol::AnnouncedContent> contents);
    // The catalog here has grown.
    void catalog_changed();
    // Somebody waits for a peer: ask now, and try failed trackers again unless they asked for
    // patience. At most every kHurryEvery.
    void hurry();

    std::vector<TrackerReport> report() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace swarmfs::discovery
