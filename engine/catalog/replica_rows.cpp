#include "engine/catalog/replica_rows.hpp"

namespace swarmfs::catalog::rows {

Dot dot_at_end(ByteSpan key) {
    SWARM_ASSERT(key.size() >= kDotBytes);
    WireReader in(key.last(kDotBytes));
    return read_dot(in);
}

Bytes AuthorState::encode() const {
    Bytes bytes;
    WireWriter out(bytes);
    out.u64(last);
    out.fixed(header_hash);
    out.u64(clock);
    out.u8(static_cast<std::uint8_t>(membership.role));
    out.u64(membership.valid_until_ms);
    out.fixed(grant_hash);
    return bytes;
}

AuthorState AuthorState::decode(ByteSpan bytes) {
    WireReader in(bytes);
    AuthorState state;
    state.last = in.u64();
    state.header_hash = in.fixed<Hash256>();
    state.clock = in.u64();
    state.membership.role = static_cast<Role>(in.u8());
    state.membership.valid_until_ms = in.u64();
    state.grant_hash = in.fixed<Hash256>();
    return state;
}

Bytes Parked::encode() const {
    Bytes encoded;
    WireWriter out(encoded);
    out.u64(received);
    out.u64(bytes);
    out.raw(header);
    return encoded;
}

Parked Parked::decode(ByteSpan encoded) {
    WireReader in(encoded);
    Parked parked;
    parked.received = in.u64();
    parked.bytes = in.u64();
    parked.header = to_bytes(in.rest());
    return parked;
}

Bytes encode_number(std::uint64_t number) {
    Bytes bytes;
    WireWriter(bytes).u64(number);
    return bytes;
}

std::uint64_t decode_number(const std::optional<Bytes>& bytes) {
    return bytes ? WireReader(*bytes).u64() : 0;
}

Bytes entry_row(ItemForm form, ByteSpan bytes) {
    Bytes row;
    row.reserve(1 + bytes.size());
    row.push_back(static_cast<std::uint8_t>(form));
    row.insert(row.end(), bytes.begin(), bytes.end());
    return row;
}

std::optional<Item> item_of_row(ByteSpan row) {
    if (row.empty() || row[0] < 1 || row[0] > 2) {
        return std::nullopt;
    }
    return Item{static_cast<ItemForm>(row[0]), row.subspan(1)};
}

}  // namespace swarmfs::catalog::rows
