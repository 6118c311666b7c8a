#pragma once
// How contents lie in the Database.
//
//   10 'm'                          ->  state         of the whole store: see StoreState
//   10 'f'                          ->  wall_ms:u64   when contents were found that no table knew of
//   10 't'                          ->  totals        of all that is stored: content_ledger.hpp
//   10 root:32 size:u64             ->  record        what is known of a content
//   10 'p' root:32 size:u64         ->  pending       files to be moved to their place
//   10 'b' base root:32 size:u64    ->  (empty)       the second content lies over the first
//   11 root:32 size:u64 page:u32    ->  mask:u16[1024]   which leaves are stored; none when complete
//                                                        above 2^31: which lie in its own file
//   01 root:32 size:u64             ->  flags:u8 bytes   a content of at most 4 KiB, whole
//
//   state   = version:u8(1) clean:u8 boot:text16 synced_epoch:u64 next_number:u64
//   record  = version:u8(1) flags:u8 epoch:u64 stored_bytes:u64 count:u8 place* below?
//   below   = root:32 size:u64 own_bytes:u64   where flag 4 is set
//   place   = path:bytes16 device:u64 inode:u64 mtime:i64   the file as it was when it was hashed
//   pending = version:u8(1) data:bytes16 inode:u64 tree:bytes16
//             paths under the home, empty where there is no such file; the inode is the data file's
//   flags   = 1 complete, 2 owned, 4 over another content
//
// Pure; any thread.

#include <optional>
#include <string>
#include <vector>

#include "engine/core/bytes.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/key_value.hpp"
#include "engine/core/result.hpp"

namespace swarmfs::store {

// Contents up to this size have no file of their own: a file costs an inode and two blocks.
inline constexpr std::uint64_t kSmallBytesMax = 4096;

// A file outside the store that holds a content: shared in place. It counts as long as it looks
// untouched, and its leaves are hashed whenever they are read.
struct Place {
    std::string path;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t mtime_ns = 0;

    bool operator==(const Place&) const = default;
};

struct ContentRecord {
    // Files of one content that are remembered; one is enough, more survive a deletion.
    static constexpr std::size_t kPlacesMax = 8;

    bool complete = false;
    bool owned = false;  // published here: not a copy that could be had again
    // When it was last written to. Above StoreState::synced_epoch its files may not be on the disk.
    std::uint64_t epoch = 0;
    std::uint64_t stored_bytes = 0;
    std::vector<Place> places;
    // The content it lies over (layered_file.hpp), and how much of it lies in its own file.
    std::optional<ContentId> base{};
    std::uint64_t own_bytes = 0;

    // In the store's files, that are its own. Requires: it is not shared in place.
    std::uint64_t bytes_on_disk() const { return base ? own_bytes : stored_bytes; }
    bool operator==(const ContentRecord&) const = default;
};

struct PendingFiles {
    std::string data;
    std::uint64_t data_inode = 0;  // another file of that name is none of ours
    std::string tree;

    bool operator==(const PendingFiles&) const = default;
};

struct StoreState {
    bool clean = false;  // closed, not killed
    std::string boot;    // which start of the machine wrote last
    std::uint64_t synced_epoch = 0;
    std::uint64_t next_number = 0;  // names the next file in incoming or staging

    bool operator==(const StoreState&) const = default;
};

Bytes state_key();
Bytes found_key();
Bytes totals_key();
Bytes record_key(const ContentId& id);
Bytes records_prefix();
Bytes pending_key(const ContentId& id);
Bytes pending_prefix();
Bytes mask_key(const ContentId& id, std::uint64_t page);
Bytes own_mask_key(const ContentId& id, std::uint64_t page);
Bytes over_key(const ContentId& base, const ContentId& over);
Bytes overs_prefix();
Bytes overs_prefix(const ContentId& base);
Bytes masks_prefix(const ContentId& id);
Bytes small_key(const ContentId& id);
Bytes small_prefix();
// Of the row that says whether it is stored: its record, or itself where it is small.
Bytes stored_key(const ContentId& id);
// Returns: nothing when the key is of another kind.
std::optional<ContentId> id_of_record_key(ByteSpan key);
std::optional<ContentId> id_of_pending_key(ByteSpan key);
std::optional<ContentId> id_of_small_key(ByteSpan key);
struct MaskPage {
    std::uint64_t page = 0;
    bool own = false;
};
std::optional<MaskPage> page_of_mask_key(ByteSpan key);
// Contents that lie over this one, not over another one above it.
std::vector<ContentId> contents_over(const KeyValueReader& rows, const ContentId& base);
struct Layers {
    ContentId base;
    ContentId over;
};
std::optional<Layers> layers_of_key(ByteSpan key);

Bytes encode(const ContentRecord& record);
Bytes encode(const PendingFiles& pending);
Bytes encode(const StoreState& state);
Bytes encode_small(bool owned, ByteSpan bytes);
// Whether a record, a pending row or a state was written by another version of swarmfs: it is not
// guessed at, and refused by whoever needs it.
bool is_other_version(ByteSpan row);
Error other_version_error(const std::string& what);
// Return nothing for bytes of another version or shape.
std::optional<ContentRecord> decode_content_record(ByteSpan bytes);
std::optional<PendingFiles> decode_pending(ByteSpan bytes);
std::optional<StoreState> decode_state(ByteSpan bytes);
struct SmallContent {
    bool owned = false;
    Bytes bytes;
};
std::optional<SmallContent> decode_small(ByteSpan bytes);
// What the row of a record, or of a small content, says is stored; nothing for other rows.
std::optional<ContentRecord> decode_stored(ByteSpan key, ByteSpan row);

// "<64 digits>-<size>": how a content's files are named.
std::string file_stem(const ContentId& id);
std::optional<ContentId> id_of_stem(std::string_view stem);

}  // namespace swarmfs::store
