#pragma once
// Contents at rest, shared by all swarms of a home: a content is here once, whoever names it.
//
//   <home>/content/<2 digits>/<root>-<size>.data   bytes at their own offsets, sparse
//   <home>/content/<2 digits>/<root>-<size>.tree   hashes (content/tree_shape.hpp), sparse
//   <home>/content/incoming/                       files being made; emptied at open
//   Database                                       which leaves are stored; small contents
//
//   1. Bits of stored leaves are written in batches, after the bytes. A kill loses the last half
//      second of them, never more, and nothing that was promised.
//   2. Files are synced together, every half minute. After a power loss, contents written since are
//      hashed before they are believed; contents not written since are believed.
//   3. What does not match its hash is dropped and reported, never served.
//   4. Small contents live whole in the Database, in LMDB's second file, and commit in the same
//      batch as their names.
// Thread: any, unless a call says otherwise. Locks are short and never held during I/O.

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/store/cache_books.hpp"
#include "engine/store/content_ledger.hpp"
#include "engine/store/new_content.hpp"
#include "engine/store/staged_file.hpp"
#include "engine/store/stored_content.hpp"

namespace swarmfs::store {

class Database;
class StoreShared;

struct ContentStoreOptions {
    std::size_t files_max = 256;    // open at once, beside those in use
    std::size_t recent_max = 4096;  // contents kept in memory though nobody holds them
    // Ages at which masks are written to the Database and files are synced. Zero: only when told.
    std::chrono::milliseconds save_after{500};
    std::chrono::seconds sync_after{30};
    // A new version of a file this large lies over the one before, if little changed. Below that,
    // copying costs less than keeping account of two files.
    std::uint64_t layered_bytes_min = 4 << 20;
};

struct StoredChunk {
    ContentId content;
    ChunkIndex chunk;
};

struct Evicted {
    std::uint64_t bytes = 0;
    std::vector<ContentId> emptied;  // nothing of them is left but their tree: remove_emptied()
};

class ContentStore {
public:
    // Moves what a crash left half moved, settles what a power loss put in doubt, or, when the
    // Database knows nothing of the contents on disk, all of them.
    // `disk` and `database` must outlive the store.   Errors: io, no_space, permission.
    static Result<std::unique_ptr<ContentStore>> open(Disk& disk, Database& database,
                                                      const Path& home,
                                                      const ContentStoreOptions& options = {});
    // Saves and syncs. Requires: no StoredContent is used any more.
    ~ContentStore();

    // The content, of which perhaps nothing is stored. The same object for everyone who holds it.
    // Errors: those of check_content_id; io.
    Result<std::shared_ptr<StoredContent>> open(const ContentId& id);

    // ---- contents made here (new_content.hpp) ----
    ContentWriter begin_writer();
    // A regular file where it is. Small ones are copied into the Database.
    // Errors: not_found, invalid (no regular file), try_again (it changed while it was hashed),
    // cancelled (by `give_up`), too_large, permission, io.
    Result<NewContent> prepare_in_place(const Path& path, const GiveUp& give_up = {});
    // A number for a StagedFile that no other one of this home has, nor had since the start.
    std::uint64_t next_staging_number();
    StagingLog& staging_log();
    // Leaves of the base, as ranges of bytes, that must be stored before prepare_staged can name
    // the new version: those written in part, and one below each node it has to know and does not.
    // Empty: it can. Errors: io.
    Result<std::vector<Range>> missing_for(StagedFile& staged);
    // The staged file over its base as a new content. Unchanged bytes of the base that are stored
    // are taken over; those that are not stay to be fetched under the new name.
    // Requires: nothing writes to `staged` until place(), after which its file is gone.
    // Errors: unavailable (see missing_for), cancelled (by `give_up`; what is staged stays),
    // no_space, io.
    Result<NewContent> prepare_staged(StagedFile& staged, const GiveUp& give_up = {});

    // Adds what makes it stored, and owned, to the ledger's batch.
    Result<> record(ContentLedger& ledger, NewContent& fresh);
    // Requires: the batch of record() was committed.
    Result<std::shared_ptr<StoredContent>> place(NewContent fresh);
    // The batch of record() was not committed, or there was none: removes what prepare made. A
    // staged or shared file stays.
    void discard(NewContent fresh);
    // record, commit and place, for callers without a batch of their own.
    Result<ContentId> keep(NewContent fresh);

    // What `fresh`, of which not all is here, shares with an older version is taken over
    // (inheritance.hpp). Returns: how much that was; and leaves of `fresh` that would tell more, once
    // they are fetched: `leaves_max` at most.   Errors: those of open; no_space.
    struct Inherited {
        std::uint64_t bytes = 0;
        std::vector<LeafIndex> ask_for;
    };
    Result<Inherited> inherit(const ContentId& fresh, const ContentId& older,
                              std::size_t leaves_max);

    // ---- upkeep ----
    // Changes whether it is owned: published here, not merely a copy. No effect when nothing of it
    // is stored.
    Result<> set_owned(const ContentId& id, bool owned);
    // Nothing of it is stored any more; whoever has it open finds nothing there. A file shared in
    // place is left alone.   Errors: io, no_space.
    Result<> remove(const ContentId& id);
    // The same unless somebody holds the content, or `unneeded` says no. That is asked while no
    // batch can be begun, so what it finds in the Database is so until the content has gone.
    // Returns: whether it has. Errors: io, no_space; corrupt for one that cannot be opened.
    Result<bool> remove_unused(const ContentId& id, const std::function<bool()>& unneeded);

    // ---- eviction (content_eviction.hpp) ----
    // Nothing of the content is evicted while the hold lives.
    Hold hold(const ContentId& id);
    bool held(const ContentId& id) const;
    // A content that lies over it (layered_file.hpp), and nothing over that one; none: nothing does.
    std::optional<ContentId> top_over(const ContentId& id) const;
    // How often one has ended; what it kept counts as cache from then on.
    std::uint64_t holds_ended() const;
    // Bytes stored since the start that could be evicted again; never less than before.
    std::uint64_t taken_in() const;
    // Gives the chunks back, but for those of contents that are owned, held or shared in place. It is
    // on the disk before the first byte goes, so many at once cost little more than one.
    // Errors: io, no_space, unsupported (the file system has no holes). What was given up is not
    // stored any more then, though its room may not have come back.
    Result<Evicted> evict(std::span<const StoredChunk> chunks);
    // Removes the files of a content of which nothing is stored.
    // Returns: false while somebody has it open: to be tried again.   Errors: io, no_space.
    Result<bool> remove_emptied(const ContentId& id);

    // Up to `count` contents of which anything is stored, from `from` on. Moves `from` on, to empty
    // after the last.   Cost: as many rows.
    std::vector<std::pair<ContentId, ContentRecord>> stored_from(Bytes& from,
                                                                 std::size_t count) const;
    // Visits every content of which anything is stored, until `visit` returns false.
    void for_each_stored(
        const std::function<bool(const ContentId&, const ContentRecord&)>& visit) const;
    // Of what is saved.   Cost: none.
    ContentStatistics statistics() const;
    // What was found wrong since open, and what was done.
    std::vector<std::string> repairs() const;

    // Everything stored so far is in the Database (save), and on the disk (sync).
    Result<> save();
    Result<> sync();

private:
    class Core;
    explicit ContentStore(std::unique_ptr<Core> core);
    Result<std::uint64_t> evict_small(const ContentId& id);
    std::unique_ptr<Core> core_;
};

}  // namespace swarmfs::store
