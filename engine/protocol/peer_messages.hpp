#pragma once
// What two members say to each other, inside the channel's records (docs/protocol.md).
//
//   record = frame*                       at most kRecordPlaintextMax bytes
//   frame  = type:u8 length:u16 body      never spans records; numbers are big-endian
//
// Rules:
//   1. The first frame of each direction is `hello`; nothing else counts before it.
//   2. A handle names a content within one direction of one session. The requester chooses it.
//   3. A request asks for whole leaves of one chunk. It is answered by one `proof` (unless the
//      requester knows the leaves' hashes already) and one `leaf` each, or by one `refuse`. After one
//      that says `full`, `ready` says that it may be asked anew.
//   4. A body that is too short, too long, or breaks a bound below ends the session.
// Spans in a decoded frame point into its record. Encoding and decoding: peer_frames.hpp.

#include <array>
#include <string>
#include <variant>
#include <vector>

#include "engine/core/bytes.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"
#include "engine/core/units.hpp"
#include "engine/protocol/catalog_messages.hpp"

namespace swarmfs::protocol {

// Fixed by the protocol.
inline constexpr std::uint8_t kProtocolVersion = 1;
inline constexpr std::size_t kFrameHeaderBytes = 3;
inline constexpr std::size_t kRecordPlaintextMax = 65'519;  // 65,535 less the 16-byte tag
inline constexpr std::size_t kFrameBodyMax = kRecordPlaintextMax - kFrameHeaderBytes;
inline constexpr std::size_t kLeafFrameBytesMax = kFrameHeaderBytes + 9 + kLeafBytes;

// Chosen by us.
inline constexpr std::size_t kGrantBytesMax = 2048;   // a chain of four links takes about 700
inline constexpr std::size_t kHelloAddressesMax = 8;  // more are rare, a list of lies is not
inline constexpr std::size_t kAddressBytesMax = 80;   // "[v6]:port", or a relay's name
inline constexpr std::size_t kPeersMax = 64;          // per exchange: a hint, not a census
inline constexpr std::size_t kReasonBytesMax = 256;
inline constexpr std::size_t kHoldingBytesMax = 32 * 1024;  // of bitmap: 64 GiB of chunks
inline constexpr std::size_t kHavesMax = 1024;

enum class FrameType : std::uint8_t {
    hello = 0x01,
    ping = 0x02,
    pong = 0x03,
    goodbye = 0x04,
    vector = 0x10,
    publication_header = 0x11,
    publication_entries = 0x12,
    confirm = 0x13,
    confirmed = 0x14,
    open = 0x20,
    holding = 0x21,
    have = 0x22,
    close = 0x23,
    request = 0x24,
    cancel = 0x25,
    proof = 0x26,
    leaf = 0x27,
    refuse = 0x28,
    ready = 0x29,
    suggest = 0x2A,
    take = 0x2B,
    peers = 0x30,
};

using Handle = std::uint32_t;

// How soon the bytes matter to the one who asks. A lower number overtakes a higher one.
enum class Urgency : std::uint8_t { urgent = 0, ahead = 1, fill = 2 };
inline constexpr std::size_t kUrgencies = 3;

struct Hello {
    std::uint8_t version = kProtocolVersion;
    NodeId node;
    std::uint64_t capabilities = 0;            // none defined yet; unknown bits are ignored
    std::uint16_t listen_port = 0;             // 0: does not listen
    ByteSpan grant;                            // the chain that makes this node a member
    std::vector<std::string> addresses;        // where else it can be dialled
    std::array<std::uint8_t, 64> signature{};  // by `node` over the handshake hash
};
struct Ping {
    std::uint64_t nonce = 0;
};
struct Pong {
    std::uint64_t nonce = 0;
};
struct Goodbye {
    std::string reason;
};

struct Open {
    Handle handle = 0;
    ContentId content;
};
enum class HoldingKind : std::uint8_t { none = 0, all = 1, some = 2 };
// The answer to open. `some` carries a bitmap of chunks, most significant bit first, from
// `first_chunk`; several frames cover a large content.
struct Holding {
    Handle handle = 0;
    HoldingKind kind = HoldingKind::none;
    ChunkIndex first_chunk;
    ByteSpan bitmap;
};
// Chunks that became whole since.
struct Have {
    Handle handle = 0;
    std::vector<ChunkIndex> chunks;
};
struct Close {
    Handle handle = 0;
};

// Leaves [first, first + count) of one chunk, counted within the chunk.
struct LeafRange {
    ChunkIndex chunk;
    std::uint8_t first = 0;
    std::uint8_t count = 0;
    auto operator<=>(const LeafRange&) const = default;
};
struct Request {
    Handle handle = 0;
    LeafRange range;
    Urgency urgency = Urgency::fill;
    std::uint8_t known_level = 0;  // lowest level above the leaves that is known; 0: they are
};
struct Cancel {
    Handle handle = 0;
    LeafRange range;
};
// The chunk's leaf hashes, then its uncles up to the level the request named (content/proof.hpp).
struct Proof {
    Handle handle = 0;
    ChunkIndex chunk;
    std::uint8_t known_level = 0;
    ByteSpan hashes;  // a whole number of 32-byte hashes
};
struct Leaf {
    Handle handle = 0;
    ChunkIndex chunk;
    std::uint8_t leaf = 0;
    ByteSpan bytes;
};
enum class RefuseReason : std::uint8_t {
    not_held = 0,
    busy = 1,
    unreadable = 2,
    unknown_handle = 3,
    full = 4,  // the uplink has enough to do; `ready` follows
};
struct Refuse {
    Handle handle = 0;
    LeafRange range;
    RefuseReason reason = RefuseReason::not_held;
};
struct Ready {};
// Of what is held here, this chunk was sent to others least.
struct Suggest {
    Handle handle = 0;
    ChunkIndex chunk;
};
struct Take {  // a wish: hold the content, too
    ContentId content;
};

struct PeerHint {
    NodeId node;
    std::string address;
};
struct Peers {
    std::vector<PeerHint> peers;
};

using Frame = std::variant<Hello, Ping, Pong, Goodbye, Vector, PublicationHeader,
                           PublicationEntries, Confirm, Confirmed, Open, Holding, Have, Close,
                           Request, Cancel, Proof, Leaf, Refuse, Ready, Suggest, Take, Peers>;

// The name of a frame's type, for logs.
const char* name_of(FrameType type);

}  // namespace swarmfs::protocol
