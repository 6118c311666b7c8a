#include "engine/store/content_rows.hpp"

#include <charconv>

#include "engine/core/wire.hpp"
#include "engine/store/key_spaces.hpp"

namespace swarmfs::store {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kComplete = 1;
constexpr std::uint8_t kOwned = 2;
constexpr std::uint8_t kOverAnother = 4;
// Pages of a content of 1 PiB: 2^22.
constexpr std::uint32_t kOwnPages = std::uint32_t{1} << 31;
constexpr std::size_t kIdBytes = Hash256::kSize + 8;

Bytes followed_by(Bytes prefix, const ContentId& id) {
    WireWriter out(prefix);
    out.fixed(id.root);
    out.u64(id.size);
    return prefix;
}

std::optional<ContentId> id_after(ByteSpan key, const Bytes& prefix) {
    if (key.size() != prefix.size() + kIdBytes ||
        !std::equal(prefix.begin(), prefix.end(), key.begin())) {
        return std::nullopt;
    }
    WireReader in(key.subspan(prefix.size()));
    ContentId id;
    id.root = in.fixed<Hash256>();
    id.size = in.u64();
    return id;
}

}  // namespace

Bytes state_key() {
    return key_of(KeySpace::contents, 'm');
}
Bytes found_key() {
    return key_of(KeySpace::contents, 'f');
}
Bytes totals_key() {
    return key_of(KeySpace::contents, 't');
}
Bytes records_prefix() {
    return key_of(KeySpace::contents);
}
Bytes record_key(const ContentId& id) {
    return followed_by(records_prefix(), id);
}
Bytes pending_prefix() {
    return key_of(KeySpace::contents, 'p');
}
Bytes pending_key(const ContentId& id) {
    return followed_by(pending_prefix(), id);
}
Bytes masks_prefix(const ContentId& id) {
    return followed_by(key_of(KeySpace::leaf_masks), id);
}
Bytes mask_key(const ContentId& id, std::uint64_t page) {
    Bytes key = masks_prefix(id);
    WireWriter(key).u32(static_cast<std::uint32_t>(page));
    return key;
}
Bytes own_mask_key(const ContentId& id, std::uint64_t page) {
    return mask_key(id, page | kOwnPages);
}
Bytes overs_prefix() {
    return key_of(KeySpace::contents, 'b');
}
Bytes overs_prefix(const ContentId& base) {
    return followed_by(overs_prefix(), base);
}
Bytes over_key(const ContentId& base, const ContentId& over) {
    return followed_by(overs_prefix(base), over);
}
std::vector<ContentId> contents_over(const KeyValueReader& rows, const ContentId& base) {
    std::vector<ContentId> over;
    rows.scan(overs_prefix(base), {}, [&](ByteSpan key, ByteSpan) {
        if (const auto layers = layers_of_key(key)) {
            over.push_back(layers->over);
        }
        return true;
    });
    return over;
}
Bytes small_prefix() {
    return key_of(KeySpace::small_contents);
}
Bytes small_key(const ContentId& id) {
    return followed_by(small_prefix(), id);
}
Bytes stored_key(const ContentId& id) {
    return id.size <= kSmallBytesMax ? small_key(id) : record_key(id);
}

std::optional<ContentId> id_of_record_key(ByteSpan key) {
    return id_after(key, records_prefix());
}
std::optional<ContentId> id_of_pending_key(ByteSpan key) {
    return id_after(key, pending_prefix());
}
std::optional<ContentId> id_of_small_key(ByteSpan key) {
    return id_after(key, small_prefix());
}
std::optional<MaskPage> page_of_mask_key(ByteSpan key) {
    if (key.size() != 1 + kIdBytes + 4) {
        return std::nullopt;
    }
    const std::uint32_t number = WireReader(key.subspan(1 + kIdBytes)).u32();
    return MaskPage{number & ~kOwnPages, (number & kOwnPages) != 0};
}
std::optional<Layers> layers_of_key(ByteSpan key) {
    const std::size_t first = overs_prefix().size() + kIdBytes;
    if (key.size() != first + kIdBytes) {
        return std::nullopt;
    }
    const auto base = id_after(key.first(first), overs_prefix());
    const auto over = base ? id_after(key, overs_prefix(*base)) : std::nullopt;
    return over ? std::optional(Layers{*base, *over}) : std::nullopt;
}

bool is_other_version(ByteSpan row) {
    return !row.empty() && row.front() != kVersion;
}

Error other_version_error(const std::string& what) {
    return disk_error(Code::corrupt, what +
                                         " was written by another version of swarmfs; use that "
                                         "version with this home, or another home");
}

Bytes encode(const ContentRecord& record) {
    Bytes bytes;
    WireWriter out(bytes);
    out.u8(kVersion);
    out.u8(static_cast<std::uint8_t>((record.complete ? kComplete : 0) |
                                     (record.owned ? kOwned : 0) |
                                     (record.base ? kOverAnother : 0)));
    out.u64(record.epoch);
    out.u64(record.stored_bytes);
    out.u8(static_cast<std::uint8_t>(record.places.size()));
    for (const Place& place : record.places) {
        out.text16(place.path);
        out.u64(place.device);
        out.u64(place.inode);
        out.u64(static_cast<std::uint64_t>(place.mtime_ns));
    }
    if (record.base) {
        out.fixed(record.base->root);
        out.u64(record.base->size);
        out.u64(record.own_bytes);
    }
    return bytes;
}

std::optional<ContentRecord> decode_content_record(ByteSpan bytes) {
    WireReader in(bytes);
    const std::uint8_t version = in.u8();
    ContentRecord record;
    const std::uint8_t flags = in.u8();
    record.complete = (flags & kComplete) != 0;
    record.owned = (flags & kOwned) != 0;
    record.epoch = in.u64();
    record.stored_bytes = in.u64();
    const std::uint8_t places = in.u8();
    if (version != kVersion || places > ContentRecord::kPlacesMax) {
        return std::nullopt;
    }
    for (std::uint8_t i = 0; i < places; ++i) {
        Place place;
        place.path = in.text16();
        place.device = in.u64();
        place.inode = in.u64();
        place.mtime_ns = static_cast<std::int64_t>(in.u64());
        record.places.push_back(std::move(place));
    }
    if ((flags & kOverAnother) != 0) {
        record.base.emplace();
        record.base->root = in.fixed<Hash256>();
        record.base->size = in.u64();
        record.own_bytes = in.u64();
    }
    return in.finished() ? std::optional(std::move(record)) : std::nullopt;
}

Bytes encode(const PendingFiles& pending) {
    Bytes bytes;
    WireWriter out(bytes);
    out.u8(kVersion);
    out.text16(pending.data);
    out.u64(pending.data_inode);
    out.text16(pending.tree);
    return bytes;
}

std::optional<PendingFiles> decode_pending(ByteSpan bytes) {
    WireReader in(bytes);
    const std::uint8_t version = in.u8();
    PendingFiles pending;
    pending.data = in.text16();
    pending.data_inode = in.u64();
    pending.tree = in.text16();
    return version == kVersion && in.finished() ? std::optional(std::move(pending)) : std::nullopt;
}

Bytes encode(const StoreState& state) {
    Bytes bytes;
    WireWriter out(bytes);
    out.u8(kVersion);
    out.u8(state.clean ? 1 : 0);
    out.text16(state.boot);
    out.u64(state.synced_epoch);
    out.u64(state.next_number);
    return bytes;
}

std::optional<StoreState> decode_state(ByteSpan bytes) {
    WireReader in(bytes);
    const std::uint8_t version = in.u8();
    StoreState state;
    state.clean = in.u8() != 0;
    state.boot = in.text16();
    state.synced_epoch = in.u64();
    state.next_number = in.u64();
    return version == kVersion && in.finished() ? std::optional(std::move(state)) : std::nullopt;
}

Bytes encode_small(bool owned, ByteSpan bytes) {
    Bytes row{static_cast<std::uint8_t>(owned ? kOwned : 0)};
    row.insert(row.end(), bytes.begin(), bytes.end());
    return row;
}

std::optional<SmallContent> decode_small(ByteSpan bytes) {
    if (bytes.empty() || bytes.size() > kSmallBytesMax + 1) {
        return std::nullopt;
    }
    return SmallContent{(bytes.front() & kOwned) != 0, to_bytes(bytes.subspan(1))};
}

std::optional<ContentRecord> decode_stored(ByteSpan key, ByteSpan row) {
    if (id_of_record_key(key)) {
        return decode_content_record(row);
    }
    const auto id = id_of_small_key(key);
    const auto small = id ? decode_small(row) : std::nullopt;
    if (!small) {
        return std::nullopt;
    }
    ContentRecord record;
    record.complete = true;
    record.owned = small->owned;
    record.stored_bytes = id->size;
    return record;
}

std::string file_stem(const ContentId& id) {
    return id.root.hex() + "-" + std::to_string(id.size);
}

std::optional<ContentId> id_of_stem(std::string_view stem) {
    constexpr std::size_t kDigits = Hash256::kSize * 2;
    if (stem.size() < kDigits + 2 || stem[kDigits] != '-') {
        return std::nullopt;
    }
    const auto root = Hash256::from_hex(stem.substr(0, kDigits));
    ContentId id;
    const char* end = stem.data() + stem.size();
    const auto parsed = std::from_chars(stem.data() + kDigits + 1, end, id.size);
    if (!root || parsed.ec != std::errc() || parsed.ptr != end) {
        return std::nullopt;
    }
    id.root = *root;
    return id;
}

}  // namespace swarmfs::store
