#pragma once
// The journal as bytes: what a segment file holds, and what may be believed of it after a crash.
// Pure. docs/storage-format.md has a worked example.
//
//   segment = header record* end          what follows the end is left over from earlier uses
//   header  = magic[8] "SWARMJNL", version u32 = 1, opening u32, first sequence u64, applied u64,
//             zero u32, crc32c u32 of the 36 bytes before                             = 40 bytes
//   record  = body length u32, crc32c u32, sequence u64, body                         = 16 + body
//   body    = count u32, change*
//   change  = 1 u8, key bytes16, value bytes32          put
//           | 2 u8, key bytes16                         erase
//   end     = 16 zero bytes, or the end of the file; anything else is a torn record
// All numbers big-endian. The record's checksum covers: opening u32, the segment's first sequence
// u64, body length u32, sequence u64, body. Segment files are used again; (opening, first sequence)
// never is, so a record left over from an earlier use of a file cannot pass for one of this use.
// Sequences of a segment's records are first, first + 1, …: the first that is not ends the segment.

#include <functional>

#include "engine/core/bytes.hpp"
#include "engine/core/key_value.hpp"
#include "engine/store/changes.hpp"

namespace swarmfs::store {

inline constexpr std::size_t kSegmentHeaderBytes = 40;
inline constexpr std::size_t kRecordHeaderBytes = 16;
inline constexpr std::size_t kSegmentEndBytes = 16;
// One batch: a publication is applied as a whole, and one of 262,144 entries whose names are as long
// as can be changes 1,190 bytes of rows an entry, 300 MiB (an ordinary one 340 bytes, 85 MiB). What
// is left covers symbolic links and new directories among them. A replay holds one in memory.
inline constexpr std::size_t kBatchBytesMax = std::size_t{512} << 20;

// Which use of a segment file this is.
struct SegmentUse {
    std::uint32_t opening = 0;         // how often the database had been opened
    std::uint64_t first_sequence = 0;  // of the records
    std::uint64_t applied = 0;         // up to where the tables had everything when it began

    bool operator==(const SegmentUse&) const = default;
};

Bytes encode_segment_header(const SegmentUse& use);
Bytes encode_body(const Changes& changes);
// Bytes encode_body would return.
std::size_t body_bytes(const Changes& changes);
// A record and the end after it, which the next record overwrites.
// Requires: body.size() <= kBatchBytesMax.
Bytes encode_record(const SegmentUse& use, std::uint64_t sequence, ByteSpan body);

struct SegmentReplay {
    SegmentUse use;
    std::uint64_t records = 0;    // whole ones
    std::size_t valid_bytes = 0;  // up to the end of the last whole record
    bool torn = false;            // a record was begun there and is not whole
};

// What stands where a segment's header is looked for.
enum class HeaderState : std::uint8_t {
    readable,
    unused,         // nothing but zeros, to the end of the file: only just made, or emptied
    other_version,  // the magic is ours, the version is not
    damaged,
};
HeaderState header_state(ByteSpan segment);

// Visits the whole records in order. Returns: nothing when the header is not one of ours.
// Cost: one pass over the bytes. Never trusts a length before it is inside the bytes.
using VisitRecord = std::function<void(std::uint64_t sequence, Changes&& changes)>;
std::optional<SegmentReplay> replay_segment(ByteSpan segment, const VisitRecord& visit);
// The same for a segment whose header is damaged, if it is of this use: each record's checksum
// covers the use, so those of another are no records here.
SegmentReplay replay_records(ByteSpan segment, const SegmentUse& use, const VisitRecord& visit);

}  // namespace swarmfs::store
