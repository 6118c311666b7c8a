#include "engine/node/share_manifest.hpp"

#include "engine/core/wire.hpp"
#include "engine/crypto/hash.hpp"
#include "engine/store/key_spaces.hpp"

namespace swarmfs::node {
namespace {

constexpr std::uint8_t kVersion = 1;

}  // namespace

ContentId said(const ContentId& content, const std::string& target) {
    return target.empty() ? content : ContentId{crypto::sha256(as_bytes(target)), target.size()};
}

Bytes manifest_prefix(const SwarmId& swarm) {
    return store::key_of(store::KeySpace::node, 'm', swarm);
}

Bytes manifest_prefix(const SwarmId& swarm, const std::string& source) {
    Bytes key = manifest_prefix(swarm);
    WireWriter(key).raw(crypto::sha256(as_bytes(source)).span().first(16));
    return key;
}

Bytes manifest_key(const SwarmId& swarm, const std::string& source, const std::string& path) {
    Bytes key = manifest_prefix(swarm, source);
    WireWriter(key).fixed(crypto::sha256(as_bytes(path)));
    return key;
}

Bytes encode(const ManifestRow& row) {
    Bytes bytes;
    WireWriter out(bytes);
    out.u8(kVersion);
    out.u64(row.device);
    out.u64(row.inode);
    out.u64(row.size);
    out.u64(static_cast<std::uint64_t>(row.mtime_ns));
    out.u32(row.mode);
    out.fixed(row.content.root);
    out.u64(row.content.size);
    out.text16(row.path);
    return bytes;
}

std::optional<ManifestRow> decode_manifest_row(ByteSpan bytes) {
    WireReader in(bytes);
    ManifestRow row;
    const std::uint8_t version = in.u8();
    row.device = in.u64();
    row.inode = in.u64();
    row.size = in.u64();
    row.mtime_ns = static_cast<std::int64_t>(in.u64());
    row.mode = in.u32();
    row.content.root = in.fixed<Hash256>();
    row.content.size = in.u64();
    row.path = in.text16();
    return in.finished() && version == kVersion ? std::optional(row) : std::nullopt;
}

}  // namespace swarmfs::node
