#pragma once
// Gives stored chunks of one content back to the disk.
//
//   stored ── give_up ──> claimed by nobody ── saved and synced ──> punch ──> a hole
//                 ^                                │
//                 └────── stored again ────────────┘   then it is not punched
//
//   1. First a chunk is not stored any more in memory, then, after the next sync of the Database, on
//      record, and then its bytes go: no crash leaves a claim on bytes that were punched.
//   2. A reader that met the bytes of a chunk while it went sees that afterwards (CacheMarks) and
//      reads again: what lies in a hole is never taken for the content.
//   3. Who stores leaves of such a chunk meanwhile wins: what is stored when the punch begins stays.
//      Writers wait for one punch at most, as they would for the kernel, which lets no one write to a
//      file while it is punched.
//   4. Nothing goes of a content that is owned, shared in place, held, or about to be replaced.
//   5. What a kill leaves between the record and the punch is punched at the next start.
//   6. What lies over another content (layered_file.hpp) gives up its own leaves: the others take no
//      room. A content that others lie over gives up a chunk when each of these may; they do not have
//      it either then.
//   7. The tree file stays, while anything of the content does: a 256th of what was read.
// Thread: any.

#include <span>

#include "engine/store/extents.hpp"
#include "engine/store/stored_content.hpp"

namespace swarmfs::store {

class ContentEviction {
public:
    explicit ContentEviction(StoredContent& content) : content_(content) {}

    // A chunk that takes room, at or after `from`, else the first one.
    std::optional<ChunkIndex> stored_near(ChunkIndex from) const;
    std::uint64_t bytes_on_disk() const;
    // By the clock of the home's uses; 0: not since the start.
    std::uint64_t last_use(ChunkIndex chunk) const;
    // Requires: the chunks are the content's. Returns: how many bytes will not be on the disk any more.
    std::uint64_t give_up(std::span<const ChunkIndex> chunks);
    // Of what was given up. Requires: the Database was saved and synced since.
    // Errors: unsupported (the file system has no holes), io; what is left can be punched later.
    Result<> punch();
    // Gives up what the file has beside what is stored: left by a kill before the punch.
    // Errors: as punch().
    Result<> punch_unclaimed();

private:
    bool may_give_up() const;
    bool let_go_above(std::span<const ChunkIndex> chunks);
    void forget_inherited(std::span<const ChunkIndex> chunks);
    std::vector<Range> next_holes(ChunkIndex chunk) const;

    StoredContent& content_;
};

}  // namespace swarmfs::store
