#include "engine/catalog/publication.hpp"

#include "engine/core/wire.hpp"
#include "engine/crypto/hash.hpp"
#include "engine/crypto/merkle.hpp"

namespace swarmfs::catalog {
namespace {

constexpr std::string_view kPurpose = "swarmfs publication 1";
constexpr std::uint8_t kHeaderType = 1;
constexpr std::uint8_t kHeaderHashDomain = 0x01;
constexpr std::size_t kExtensionBytesMax = 4096;

Hash256 header_hash(ByteSpan unsigned_bytes) {
    crypto::Sha256 hash;
    hash.update(std::span(&kHeaderHashDomain, 1));
    hash.update(unsigned_bytes);
    return hash.finish();
}

void write_unsigned(WireWriter& out, const Header& header) {
    out.u8(kHeaderType);
    out.u8(kHeaderVersion);
    out.fixed(header.swarm);
    write_author(out, header.author);
    out.u64(header.first);
    out.u64(header.last);
    out.fixed(header.previous);
    out.fixed(header.root);
    out.u64(header.clock);
    write_vector(out, header.seen);
    out.bytes16(header.grant);
    write_extensions(out, header.extensions);
}

Header read_unsigned(WireReader& in) {
    Header header;
    header.swarm = in.fixed<SwarmId>();
    header.author = read_author(in);
    header.first = in.u64();
    header.last = in.u64();
    header.previous = in.fixed<Hash256>();
    header.root = in.fixed<Hash256>();
    header.clock = in.u64();
    header.seen = read_vector(in, kSeenPerHeaderMax);
    header.grant = to_bytes(in.bytes16());
    const std::size_t before = in.remaining();
    header.extensions = read_extensions(in);
    if (before - in.remaining() > kExtensionBytesMax) {
        in.fail();
    }
    return header;
}

Result<> check_bounds(const Header& header) {
    if (header.first == 0 || header.last < header.first ||
        header.last - header.first >= kPublicationEntriesMax) {
        return peer_error("a publication's numbers are impossible");
    }
    if ((header.first == 1) != header.previous.is_zero()) {
        return peer_error("a publication does not continue its author's chain");
    }
    if (header.seen.of(header.author) != 0 || header.seen.size() > kSeenPerHeaderMax) {
        return peer_error("a publication's list of what was seen is impossible");
    }
    if (header.grant.size() > kHeaderGrantBytesMax || (header.first == 1 && header.grant.empty())) {
        return peer_error("a publication's grant is missing or too long");
    }
    return done();
}

enum class Trust { check_signature, was_checked };

Result<SignedHeader> decode(ByteSpan message, Trust trust) {
    if (message.size() > kCatalogMessageBytesMax || message.size() < crypto::Signature::kSize) {
        return peer_error("a publication's header has an impossible length");
    }
    const ByteSpan signed_part = message.first(message.size() - crypto::Signature::kSize);
    WireReader in(signed_part);
    const std::uint8_t type = in.u8();
    const std::uint8_t version = in.u8();
    if (type != kHeaderType || version != kHeaderVersion) {
        return peer_error("a publication is of a format this program does not know",
                          Code::unsupported);
    }
    SignedHeader result{read_unsigned(in), {}};
    if (!in.finished()) {
        return peer_error("a publication's header is damaged");
    }
    SWARM_CHECK(check_bounds(result.header));
    if (trust == Trust::check_signature) {
        const auto signature = *crypto::Signature::from(message.last(crypto::Signature::kSize));
        if (!crypto::verify(result.header.author.node, kPurpose, signed_part, signature)) {
            return peer_error("a publication is not signed by its author");
        }
    }
    result.hash = header_hash(signed_part);
    return result;
}

}  // namespace

Result<Bytes> sign_header(const Header& header, const crypto::SigningKey& key) {
    SWARM_ASSERT(key.public_key() == header.author.node);
    if (auto bounds = check_bounds(header); !bounds.ok()) {
        return caller_error(Code::invalid, bounds.error().message);
    }
    Bytes bytes;
    WireWriter out(bytes);
    write_unsigned(out, header);
    out.fixed(key.sign(kPurpose, bytes));
    if (bytes.size() > kCatalogMessageBytesMax) {
        return caller_error(Code::too_large, "a publication's header would be too large");
    }
    return bytes;
}

bool is_header_message(ByteSpan message) {
    return !message.empty() && message[0] == kHeaderType;
}

Result<SignedHeader> decode_header(ByteSpan message) {
    return decode(message, Trust::check_signature);
}

Result<SignedHeader> decode_trusted_header(ByteSpan message) {
    return decode(message, Trust::was_checked);
}

}  // namespace swarmfs::catalog
