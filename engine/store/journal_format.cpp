#include "engine/store/journal_format.hpp"

#include "engine/core/assert.hpp"
#include "engine/core/wire.hpp"
#include "engine/store/crc32c.hpp"

namespace swarmfs::store {
namespace {

constexpr std::string_view kMagic = "SWARMJNL";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint8_t kPut = 1;
constexpr std::uint8_t kErase = 2;

std::uint32_t record_checksum(const SegmentUse& use, std::uint64_t sequence, ByteSpan body) {
    Bytes head;
    WireWriter out(head);
    out.u32(use.opening);
    out.u64(use.first_sequence);
    out.u32(static_cast<std::uint32_t>(body.size()));
    out.u64(sequence);
    return crc32c(body, crc32c(head));
}

std::optional<SegmentUse> read_header(ByteSpan segment) {
    if (segment.size() < kSegmentHeaderBytes) {
        return std::nullopt;
    }
    WireReader in(segment.first(kSegmentHeaderBytes));
    const bool ours = as_text(in.raw(kMagic.size())) == kMagic && in.u32() == kVersion;
    SegmentUse use;
    use.opening = in.u32();
    use.first_sequence = in.u64();
    use.applied = in.u64();
    in.u32();
    const bool whole = in.u32() == crc32c(segment.first(kSegmentHeaderBytes - 4));
    return ours && whole ? std::optional(use) : std::nullopt;
}

std::optional<Changes> decode_body(ByteSpan body) {
    WireReader in(body);
    const std::uint32_t count = in.u32();
    Changes changes;
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
        const std::uint8_t kind = in.u8();
        const ByteSpan key = in.bytes16();
        if (key.empty() || key.size() > kKeyBytesMax) {
            return std::nullopt;
        }
        if (kind == kPut) {
            changes.insert_or_assign(to_bytes(key), to_bytes(in.bytes32()));
        } else if (kind == kErase) {
            changes.insert_or_assign(to_bytes(key), std::nullopt);
        } else {
            return std::nullopt;
        }
    }
    return in.finished() ? std::optional(std::move(changes)) : std::nullopt;
}

bool any_set(ByteSpan bytes) {
    return std::any_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte != 0; });
}

bool looks_torn(ByteSpan tail) {
    return any_set(tail.first(std::min(tail.size(), kSegmentEndBytes)));
}

}  // namespace

Bytes encode_segment_header(const SegmentUse& use) {
    Bytes header;
    WireWriter out(header);
    out.raw(as_bytes(kMagic));
    out.u32(kVersion);
    out.u32(use.opening);
    out.u64(use.first_sequence);
    out.u64(use.applied);
    out.u32(0);
    out.u32(crc32c(header));
    return header;
}

std::size_t body_bytes(const Changes& changes) {
    std::size_t bytes = 4;
    for (const auto& [key, value] : changes) {
        bytes += 3 + key.size() + (value ? 4 + value->size() : 0);
    }
    return bytes;
}

Bytes encode_body(const Changes& changes) {
    Bytes body;
    body.reserve(body_bytes(changes));
    WireWriter out(body);
    out.u32(static_cast<std::uint32_t>(changes.size()));
    for (const auto& [key, value] : changes) {
        out.u8(value ? kPut : kErase);
        out.bytes16(key);
        if (value) {
            out.bytes32(*value);
        }
    }
    return body;
}

Bytes encode_record(const SegmentUse& use, std::uint64_t sequence, ByteSpan body) {
    SWARM_ASSERT(body.size() <= kBatchBytesMax);
    Bytes record;
    record.reserve(kRecordHeaderBytes + body.size() + kSegmentEndBytes);
    WireWriter out(record);
    out.u32(static_cast<std::uint32_t>(body.size()));
    out.u32(record_checksum(use, sequence, body));
    out.u64(sequence);
    out.raw(body);
    record.resize(record.size() + kSegmentEndBytes);
    return record;
}

HeaderState header_state(ByteSpan segment) {
    if (read_header(segment)) {
        return HeaderState::readable;
    }
    WireReader in(segment);
    const bool ours = as_text(in.raw(kMagic.size())) == kMagic;
    const std::uint32_t version = in.u32();
    if (ours && !in.failed() && version != kVersion) {
        return HeaderState::other_version;
    }
    return any_set(segment) ? HeaderState::damaged : HeaderState::unused;
}

std::optional<SegmentReplay> replay_segment(ByteSpan segment, const VisitRecord& visit) {
    const auto use = read_header(segment);
    return use ? std::optional(replay_records(segment, *use, visit)) : std::nullopt;
}

SegmentReplay replay_records(ByteSpan segment, const SegmentUse& use, const VisitRecord& visit) {
    SegmentReplay replay;
    replay.use = use;
    replay.valid_bytes = std::min(kSegmentHeaderBytes, segment.size());
    for (;;) {
        const ByteSpan tail = segment.subspan(replay.valid_bytes);
        WireReader in(tail);
        const std::uint32_t length = in.u32();
        const std::uint32_t checksum = in.u32();
        const std::uint64_t sequence = in.u64();
        const ByteSpan body = length <= kBatchBytesMax ? in.raw(length) : ByteSpan();
        const bool whole = !in.failed() && length == body.size() &&
                           sequence == use.first_sequence + replay.records &&
                           checksum == record_checksum(use, sequence, body);
        auto changes = whole ? decode_body(body) : std::nullopt;
        if (!changes) {
            replay.torn = looks_torn(tail);
            return replay;
        }
        visit(sequence, std::move(*changes));
        ++replay.records;
        replay.valid_bytes += kRecordHeaderBytes + length;
    }
}

}  // namespace swarmfs::store
