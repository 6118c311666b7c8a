#pragma once
// What a member and a tracker say to each other: JSON bodies over HTTP (docs/tracker.md lists the
// paths). Hashes, keys, tokens and signatures are lower-case hexadecimal; the catalog's bytes are
// base64url and opaque here. Every list, text and number has a bound; fields nobody knows are
// skipped, so that both ends can grow.
//
// Who speaks: registering and leaving are signed by the node's key over `statement_of`, so that
// nobody registers or removes another. What is signed carries a time that must grow, so nothing can
// be said twice. Registering yields a token; heartbeats and announces show it, which costs a
// comparison in place of a signature.
// Pure; any thread. Errors: caller errors in requests, peer errors in answers.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/bytes.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"
#include "engine/core/units.hpp"

namespace swarmfs::protocol {

// Fixed by the protocol: what a signature is for.
inline constexpr std::string_view kRegisterPurpose = "tracker register";
inline constexpr std::string_view kLeavePurpose = "tracker leave";
inline constexpr const char* kPeerTokenHeader = "X-Peer-Token";
inline constexpr std::uint64_t kHeartbeatSeconds = 30;
// What a signed statement's time may differ from the tracker's clock.
inline constexpr std::uint64_t kStatementAgeMsMax = 5 * 60 * 1000;

// Chosen by us.
inline constexpr std::size_t kSmallBodyBytesMax = 16 * 1024;
inline constexpr std::size_t kPeerAddressesMax = 8;  // as in a hello
inline constexpr std::size_t kPeerAddressBytesMax = 80;
inline constexpr std::size_t kPeerGrantBytesMax = 2048;
inline constexpr std::size_t kAnnounceBodyBytesMax = 2 * 1024 * 1024;
inline constexpr std::size_t kAnnounceContentsMax = 1000;
inline constexpr std::size_t kContentNameBytesMax = 1024;
// 4 GiB of content; the hashes of a larger one come from the peers that hold it.
inline constexpr std::size_t kChunkHashesMax = 16 * 1024;
inline constexpr std::size_t kPeersPerPageMax = 200;
inline constexpr std::size_t kFilesPerPageMax = 1000;
inline constexpr std::size_t kChunkHashesPerPageMax = 4096;
inline constexpr std::size_t kVectorBytesMax = 256 * 1024;  // 4096 authors take 192 KiB
inline constexpr std::size_t kChangesMessageBytesMax = 64 * 1024;
// A sender stops at the aim; the last block of entries it began may carry it on to the bound.
inline constexpr std::size_t kChangesMessagesAim = 512;
inline constexpr std::size_t kChangesMessagesMax = 1024;
inline constexpr std::size_t kChangesBytesAim = 1024 * 1024;
inline constexpr std::size_t kChangesBytesMax = 6 * 1024 * 1024;  // of all messages together
inline constexpr std::size_t kCursorBytesMax = 128;
inline constexpr std::size_t kChangesBodyBytesMax = 9 * 1024 * 1024;

using PeerSignature = std::array<std::uint8_t, 64>;
struct PeerTokenTag {};
using PeerToken = FixedBytes<PeerTokenTag, 16>;

// ---- peers ----

// {"peer_id","swarm","port","addrs":["1.2.3.4:6881"],"timestamp","grant"?,"signature"}
struct Registration {
    NodeId peer;
    SwarmId swarm;
    std::uint64_t timestamp_ms = 0;      // the peer's wall clock; grows with every statement
    std::uint16_t port = 0;              // where it listens; 0: it does not
    std::vector<std::string> addresses;  // where else it can be dialled
    Bytes grant;                         // proves membership; base64url
    PeerSignature signature{};
};
// statement = version:u8(1) swarm:32 peer:32 timestamp:u64 port:u16 count:u8 (address:text16)*
//             grant:bytes16
Bytes statement_of(const Registration& registration);

// {"token","addr","heartbeat_seconds","changes"}
struct Registered {
    PeerToken token;
    std::string address;  // where the tracker saw the peer come from
    std::uint64_t heartbeat_seconds = kHeartbeatSeconds;
    std::uint64_t changes = 0;  // another number than before: the tracker's catalog has moved
};

// {"peer_id","swarm","timestamp","signature"}
struct Leaving {
    NodeId peer;
    SwarmId swarm;
    std::uint64_t timestamp_ms = 0;
    PeerSignature signature{};
};
// statement = version:u8(1) swarm:32 peer:32 timestamp:u64
Bytes statement_of(const Leaving& leaving);

// {"peer_id","token"}
struct Heartbeat {
    NodeId peer;
    PeerToken token;
};

// {"changes"}
struct HeartbeatAnswer {
    std::uint64_t changes = 0;  // as in Registered
};

// {"peer_id","addr","addrs","status":"online"|"offline","last_seen"}
struct TrackerPeer {
    NodeId peer;
    std::string address;                 // the one most likely to work for whoever asks
    std::vector<std::string> addresses;  // all of them
    bool online = false;
    std::uint64_t last_seen_ms = 0;
};

std::string encode(const Registration& registration);
std::string encode(const Registered& registered);
std::string encode(const Leaving& leaving);
std::string encode(const Heartbeat& heartbeat);
std::string encode(const HeartbeatAnswer& answer);
std::string encode(const std::vector<TrackerPeer>& peers);
Result<Registration> decode_registration(std::string_view body);
Result<Registered> decode_registered(std::string_view body);
Result<Leaving> decode_leaving(std::string_view body);
Result<Heartbeat> decode_heartbeat(std::string_view body);
Result<HeartbeatAnswer> decode_heartbeat_answer(std::string_view body);
Result<std::vector<TrackerPeer>> decode_peers(std::string_view body);

// ---- catalog ----

// {"vector","messages":[...],"cursor"?}
struct ChangesRequest {
    Bytes vector;                 // what the member has applied
    std::vector<Bytes> messages;  // what it thinks the tracker lacks
    std::string cursor;           // the last answer's; empty at the beginning of a round
};
// {"vector","messages":[...],"cursor"?,"refused":[{"index","detail"}]}
struct ChangesAnswer {
    struct Refused {
        std::size_t index = 0;  // in the request's messages
        std::string detail;
    };
    Bytes vector;                 // what the tracker has applied, the request's messages included
    std::vector<Bytes> messages;  // what the member lacked
    std::string cursor;           // not empty: there is more; ask again with it
    std::vector<Refused> refused;
};

std::string encode(const ChangesRequest& request);
std::string encode(const ChangesAnswer& answer);
Result<ChangesRequest> decode_changes_request(std::string_view body);
Result<ChangesAnswer> decode_changes_answer(std::string_view body);

}  // namespace swarmfs::protocol
