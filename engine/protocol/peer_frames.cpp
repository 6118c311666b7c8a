#include "engine/protocol/peer_frames.hpp"

#include "engine/core/assert.hpp"
#include "engine/core/utf8.hpp"
#include "engine/core/wire.hpp"

namespace swarmfs::protocol {
namespace {

constexpr std::size_t kVectorItemBytes = 32 + 8 + 8;

// ---- encoding: one overload a body, in the order of the header ----

void write(WireWriter& w, const Hello& f) {
    SWARM_ASSERT(f.grant.size() <= kGrantBytesMax && f.addresses.size() <= kHelloAddressesMax);
    w.u8(f.version);
    w.fixed(f.node);
    w.u64(f.capabilities);
    w.u16(f.listen_port);
    w.bytes16(f.grant);
    w.u8(static_cast<std::uint8_t>(f.addresses.size()));
    for (const std::string& address : f.addresses) {
        SWARM_ASSERT(address.size() <= kAddressBytesMax);
        w.text16(address);
    }
    w.raw(f.signature);
}
void write(WireWriter& w, const Ping& f) {
    w.u64(f.nonce);
}
void write(WireWriter& w, const Pong& f) {
    w.u64(f.nonce);
}
void write(WireWriter& w, const Goodbye& f) {
    w.text16(std::string_view(f.reason).substr(0, kReasonBytesMax));
}

void write_item(WireWriter& w, const VectorItem& item) {
    w.fixed(item.author.node);
    w.u64(item.author.incarnation);
    w.u64(item.sequence);
}
void write(WireWriter& w, const Vector& f) {
    SWARM_ASSERT(f.items.size() <= kVectorItemsMax);
    w.u8(f.more ? 1 : 0);
    w.u16(static_cast<std::uint16_t>(f.items.size()));
    for (const VectorItem& item : f.items) {
        write_item(w, item);
    }
}
void write(WireWriter& w, const PublicationHeader& f) {
    w.raw(f.bytes);
}
void write(WireWriter& w, const PublicationEntries& f) {
    w.raw(f.bytes);
}
void write(WireWriter& w, const Confirm& f) {
    SWARM_ASSERT(!f.path.empty() && f.path.size() <= kConfirmPathBytesMax);
    w.u64(f.nonce);
    write_item(w, f.version);
    w.text16(f.path);
}
void write(WireWriter& w, const Confirmed& f) {
    w.u64(f.nonce);
    w.u8(static_cast<std::uint8_t>(f.answer));
}

void write(WireWriter& w, const Open& f) {
    w.u32(f.handle);
    w.fixed(f.content.root);
    w.u64(f.content.size);
}
void write_chunk(WireWriter& w, ChunkIndex chunk) {
    SWARM_ASSERT(chunk.value <= 0xFFFF'FFFF);
    w.u32(static_cast<std::uint32_t>(chunk.value));
}
void write(WireWriter& w, const Holding& f) {
    SWARM_ASSERT(f.bitmap.size() <= kHoldingBytesMax);
    w.u32(f.handle);
    w.u8(static_cast<std::uint8_t>(f.kind));
    write_chunk(w, f.first_chunk);
    w.raw(f.bitmap);
}
void write(WireWriter& w, const Have& f) {
    SWARM_ASSERT(f.chunks.size() <= kHavesMax);
    w.u32(f.handle);
    for (const ChunkIndex chunk : f.chunks) {
        write_chunk(w, chunk);
    }
}
void write(WireWriter& w, const Close& f) {
    w.u32(f.handle);
}

void write_range(WireWriter& w, const LeafRange& range) {
    write_chunk(w, range.chunk);
    w.u8(range.first);
    w.u8(range.count);
}
void write(WireWriter& w, const Request& f) {
    w.u32(f.handle);
    write_range(w, f.range);
    w.u8(static_cast<std::uint8_t>(f.urgency));
    w.u8(f.known_level);
}
void write(WireWriter& w, const Cancel& f) {
    w.u32(f.handle);
    write_range(w, f.range);
}
void write(WireWriter& w, const Proof& f) {
    w.u32(f.handle);
    write_chunk(w, f.chunk);
    w.u8(f.known_level);
    w.raw(f.hashes);
}
void write(WireWriter& w, const Leaf& f) {
    w.u32(f.handle);
    write_chunk(w, f.chunk);
    w.u8(f.leaf);
    w.raw(f.bytes);
}
void write(WireWriter& w, const Refuse& f) {
    w.u32(f.handle);
    write_range(w, f.range);
    w.u8(static_cast<std::uint8_t>(f.reason));
}
void write(WireWriter&, const Ready&) {}
void write(WireWriter& w, const Suggest& f) {
    w.u32(f.handle);
    write_chunk(w, f.chunk);
}
void write(WireWriter& w, const Take& f) {
    w.fixed(f.content.root);
    w.u64(f.content.size);
}
void write(WireWriter& w, const Peers& f) {
    SWARM_ASSERT(f.peers.size() <= kPeersMax);
    w.u8(static_cast<std::uint8_t>(f.peers.size()));
    for (const PeerHint& peer : f.peers) {
        SWARM_ASSERT(peer.address.size() <= kAddressBytesMax);
        w.fixed(peer.node);
        w.text16(peer.address);
    }
}

// In the order of the variant's alternatives.
constexpr FrameType kTypes[] = {FrameType::hello,
                                FrameType::ping,
                                FrameType::pong,
                                FrameType::goodbye,
                                FrameType::vector,
                                FrameType::publication_header,
                                FrameType::publication_entries,
                                FrameType::confirm,
                                FrameType::confirmed,
                                FrameType::open,
                                FrameType::holding,
                                FrameType::have,
                                FrameType::close,
                                FrameType::request,
                                FrameType::cancel,
                                FrameType::proof,
                                FrameType::leaf,
                                FrameType::refuse,
                                FrameType::ready,
                                FrameType::suggest,
                                FrameType::take,
                                FrameType::peers};
static_assert(std::size(kTypes) == std::variant_size_v<Frame>);

// ---- decoding: one function a body; a broken bound fails the reader ----

std::string read_address(WireReader& r) {
    std::string address = r.text16();
    if (address.size() > kAddressBytesMax || !is_utf8(address)) {
        r.fail();
    }
    return address;
}

Frame read_hello(WireReader& r) {
    Hello f;
    f.version = r.u8();
    f.node = r.fixed<NodeId>();
    f.capabilities = r.u64();
    f.listen_port = r.u16();
    f.grant = r.bytes16();
    const std::size_t count = r.u8();
    if (f.grant.size() > kGrantBytesMax || count > kHelloAddressesMax) {
        r.fail();
    }
    for (std::size_t i = 0; i < count && !r.failed(); ++i) {
        f.addresses.push_back(read_address(r));
    }
    const ByteSpan signature = r.raw(f.signature.size());
    std::copy(signature.begin(), signature.end(), f.signature.begin());
    return f;
}

Frame read_goodbye(WireReader& r) {
    Goodbye f{r.text16()};
    if (f.reason.size() > kReasonBytesMax) {
        r.fail();
    }
    return f;
}

VectorItem read_item(WireReader& r) {
    VectorItem item;
    item.author.node = r.fixed<NodeId>();
    item.author.incarnation = r.u64();
    item.sequence = r.u64();
    return item;
}

Frame read_vector(WireReader& r) {
    Vector f;
    const std::uint8_t more = r.u8();
    const std::size_t count = r.u16();
    if (more > 1 || count > kVectorItemsMax || count * kVectorItemBytes != r.remaining()) {
        r.fail();
        return f;
    }
    f.more = more == 1;
    f.items.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        f.items.push_back(read_item(r));
    }
    return f;
}

Frame read_confirm(WireReader& r) {
    Confirm f;
    f.nonce = r.u64();
    f.version = read_item(r);
    f.path = r.text16();
    if (f.path.empty() || f.path.size() > kConfirmPathBytesMax || !is_utf8(f.path)) {
        r.fail();
    }
    return f;
}

Frame read_confirmed(WireReader& r) {
    Confirmed f;
    f.nonce = r.u64();
    const std::uint8_t answer = r.u8();
    f.answer = static_cast<ConfirmAnswer>(answer);
    if (answer > static_cast<std::uint8_t>(ConfirmAnswer::busy)) {
        r.fail();
    }
    return f;
}

ContentId read_content(WireReader& r) {
    ContentId content;
    content.root = r.fixed<Hash256>();
    content.size = r.u64();
    // An empty content has nothing to ask for, and a root of zeros names nothing.
    if (content.size == 0 || content.size > kContentBytesMax || content.root.is_zero()) {
        r.fail();
    }
    return content;
}

Frame read_open(WireReader& r) {
    Open f;
    f.handle = r.u32();
    f.content = read_content(r);
    return f;
}

ChunkIndex read_chunk(WireReader& r) {
    return ChunkIndex(r.u32());
}

Frame read_holding(WireReader& r) {
    Holding f;
    f.handle = r.u32();
    const std::uint8_t kind = r.u8();
    f.kind = static_cast<HoldingKind>(kind);
    f.first_chunk = read_chunk(r);
    f.bitmap = r.rest();
    const bool has_bitmap = !f.bitmap.empty();
    if (kind > 2 || f.bitmap.size() > kHoldingBytesMax ||
        has_bitmap != (f.kind == HoldingKind::some)) {
        r.fail();
    }
    return f;
}

Frame read_have(WireReader& r) {
    Have f;
    f.handle = r.u32();
    const std::size_t count = r.remaining() / 4;
    if (count > kHavesMax) {
        r.fail();
        return f;
    }
    f.chunks.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        f.chunks.push_back(read_chunk(r));
    }
    return f;
}

LeafRange read_range(WireReader& r) {
    LeafRange range;
    range.chunk = read_chunk(r);
    range.first = r.u8();
    range.count = r.u8();
    if (range.count == 0 || range.first + range.count > kLeavesPerChunk) {
        r.fail();
    }
    return range;
}

Frame read_request(WireReader& r) {
    Request f;
    f.handle = r.u32();
    f.range = read_range(r);
    const std::uint8_t urgency = r.u8();
    f.urgency = static_cast<Urgency>(urgency);
    f.known_level = r.u8();
    if (urgency >= kUrgencies || f.known_level > 64) {
        r.fail();
    }
    return f;
}

Frame read_cancel(WireReader& r) {
    Cancel f;
    f.handle = r.u32();
    f.range = read_range(r);
    return f;
}

Frame read_proof(WireReader& r) {
    Proof f;
    f.handle = r.u32();
    f.chunk = read_chunk(r);
    f.known_level = r.u8();
    f.hashes = r.rest();
    if (f.hashes.size() % Hash256::kSize != 0) {
        r.fail();
    }
    return f;
}

Frame read_leaf(WireReader& r) {
    Leaf f;
    f.handle = r.u32();
    f.chunk = read_chunk(r);
    f.leaf = r.u8();
    f.bytes = r.rest();
    if (f.leaf >= kLeavesPerChunk || f.bytes.empty() || f.bytes.size() > kLeafBytes) {
        r.fail();
    }
    return f;
}

Frame read_refuse(WireReader& r) {
    Refuse f;
    f.handle = r.u32();
    f.range = read_range(r);
    const std::uint8_t reason = r.u8();
    f.reason = static_cast<RefuseReason>(reason);
    if (reason > static_cast<std::uint8_t>(RefuseReason::full)) {
        r.fail();
    }
    return f;
}

Frame read_suggest(WireReader& r) {
    Suggest f;
    f.handle = r.u32();
    f.chunk = read_chunk(r);
    return f;
}

Frame read_peers(WireReader& r) {
    Peers f;
    const std::size_t count = r.u8();
    if (count > kPeersMax) {
        r.fail();
    }
    for (std::size_t i = 0; i < count && !r.failed(); ++i) {
        PeerHint peer;
        peer.node = r.fixed<NodeId>();
        peer.address = read_address(r);
        f.peers.push_back(std::move(peer));
    }
    return f;
}

std::optional<Frame> read_body(FrameType type, WireReader& r) {
    switch (type) {
        case FrameType::hello: return read_hello(r);
        case FrameType::ping: return Ping{r.u64()};
        case FrameType::pong: return Pong{r.u64()};
        case FrameType::goodbye: return read_goodbye(r);
        case FrameType::vector: return read_vector(r);
        case FrameType::publication_header: return PublicationHeader{r.rest()};
        case FrameType::publication_entries: return PublicationEntries{r.rest()};
        case FrameType::confirm: return read_confirm(r);
        case FrameType::confirmed: return read_confirmed(r);
        case FrameType::open: return read_open(r);
        case FrameType::holding: return read_holding(r);
        case FrameType::have: return read_have(r);
        case FrameType::close: return Close{r.u32()};
        case FrameType::request: return read_request(r);
        case FrameType::cancel: return read_cancel(r);
        case FrameType::proof: return read_proof(r);
        case FrameType::leaf: return read_leaf(r);
        case FrameType::refuse: return read_refuse(r);
        case FrameType::ready: return Ready{};
        case FrameType::suggest: return read_suggest(r);
        case FrameType::take: return Take{read_content(r)};
        case FrameType::peers: return read_peers(r);
    }
    return std::nullopt;
}

}  // namespace

void encode(const Frame& frame, Bytes& out) {
    const std::size_t start = out.size();
    WireWriter writer(out);
    writer.u8(static_cast<std::uint8_t>(kTypes[frame.index()]));
    writer.u16(0);
    std::visit([&](const auto& body) { write(writer, body); }, frame);
    const std::size_t length = out.size() - start - kFrameHeaderBytes;
    SWARM_ASSERT(length <= kFrameBodyMax);
    out[start + 1] = static_cast<std::uint8_t>(length >> 8);
    out[start + 2] = static_cast<std::uint8_t>(length);
}

void encode_leaf_header(Handle handle, ChunkIndex chunk, std::uint8_t leaf, std::size_t size,
                        Bytes& out) {
    SWARM_ASSERT(size > 0 && size <= kLeafBytes && leaf < kLeavesPerChunk);
    WireWriter writer(out);
    writer.u8(static_cast<std::uint8_t>(FrameType::leaf));
    writer.u16(static_cast<std::uint16_t>(9 + size));
    writer.u32(handle);
    write_chunk(writer, chunk);
    writer.u8(leaf);
}

Result<std::optional<Frame>> FrameReader::next() {
    if (rest_.empty()) {
        return std::optional<Frame>{};
    }
    WireReader outer(rest_);
    const auto type = static_cast<FrameType>(outer.u8());
    const ByteSpan body = outer.bytes16();
    if (outer.failed()) {
        return peer_error("a frame is cut short");
    }
    rest_ = outer.rest();
    WireReader inner(body);
    std::optional<Frame> frame = read_body(type, inner);
    if (!frame) {
        return peer_error("a frame of unknown type " + std::to_string(static_cast<int>(type)));
    }
    if (!inner.finished()) {
        return peer_error(std::string("a malformed ") + name_of(type) + " frame");
    }
    return frame;
}

const char* name_of(FrameType type) {
    switch (type) {
        case FrameType::hello: return "hello";
        case FrameType::ping: return "ping";
        case FrameType::pong: return "pong";
        case FrameType::goodbye: return "goodbye";
        case FrameType::vector: return "vector";
        case FrameType::publication_header: return "publication header";
        case FrameType::publication_entries: return "publication entries";
        case FrameType::confirm: return "confirm";
        case FrameType::confirmed: return "confirmed";
        case FrameType::open: return "open";
        case FrameType::holding: return "holding";
        case FrameType::have: return "have";
        case FrameType::close: return "close";
        case FrameType::request: return "request";
        case FrameType::cancel: return "cancel";
        case FrameType::proof: return "proof";
        case FrameType::leaf: return "leaf";
        case FrameType::refuse: return "refuse";
        case FrameType::ready: return "ready";
        case FrameType::suggest: return "suggest";
        case FrameType::take: return "take";
        case FrameType::peers: return "peers";
    }
    return "unknown";
}

}  // namespace swarmfs::protocol
