#pragma once
// Removes contents that nothing needs any more.
//
//   contents in the order of their keys, so many at once (candidates)
//     ── those a name, a file being written or a content that lies over them needs are struck off: a
//        walk over the tables, and every batch committed since the walk began
//     ── those published here that a catalog can still give back are struck off
//     ── the rest are removed one by one, unless somebody holds one
//
//   1. What was published here (owned) may have no other holder: it stays while a replaced or deleted
//      version that names it can be undone. What was merely fetched can be had again, and goes.
//   2. A batch that names a content wins: it is seen before the removal can begin (the removal holds
//      the Database's writer while it looks), or the removal was before it and it does not find the
//      content stored. So does whoever has the content open, for reading, fetching or publishing.
//   3. What took the names away is on the disk before the first file goes: a power cut never brings
//      back a name whose bytes were removed because of its end.
//   4. A row that cannot be read, or is of another version, ends the pass: it may need anything.
//   5. After the tables were lost, names come back from other members: what was found in content/
//      then stays for kFoundKeptMs.
// Thread: any; one pass at a time.

#include <atomic>
#include <mutex>
#include <vector>

#include "engine/store/content_store.hpp"
#include "engine/store/database.hpp"

namespace swarmfs::store {

class ContentSweep {
public:
    // As long as what was deleted can be undone.
    static constexpr std::uint64_t kFoundKeptMs = 7ULL * 24 * 3600 * 1000;
    // Candidates of one pass: 4 MiB of memory, and a walk over all names for so many.
    static constexpr std::size_t kAtOnce = 1 << 16;

    struct Swept {
        std::uint64_t removed = 0;
        std::uint64_t bytes = 0;   // stored bytes of those, however the disk counts them
        std::uint64_t in_use = 0;  // unneeded, but somebody holds them
        bool round_ended = false;  // the last contents were among the candidates
    };

    // Watches the database from now on. Both outlive this.
    ContentSweep(Database& database, ContentStore& contents, std::size_t at_once = kAtOnce);
    ~ContentSweep();
    ContentSweep(const ContentSweep&) = delete;
    ContentSweep& operator=(const ContentSweep&) = delete;

    // The next candidates. `stopping` ends it early.
    // Errors: corrupt (rule 4), and those of the Database and the disk.
    Result<Swept> pass(std::uint64_t wall_ms, const std::atomic<bool>& stopping);
    // Whether a round has begun and not ended, or another may find more: something was committed
    // since the last one began, or was held.
    bool due() const;
    // Whether the content is to stay, for all but rule 1 and those who have it open. Not under the
    // Database's writer: a batch may name it the moment after.
    bool needs(const ContentId& id, std::uint64_t wall_ms) const;
    // Nobody is left whose names could come back (rule 5).
    Result<> forget_found();

private:
    struct Candidate {
        ContentId id;
        std::uint64_t stored_bytes = 0;
        bool owned = false;
        bool needed = false;
    };

    void see(const Changes& changes);
    void strike(const ContentId& id, bool owned_only);
    bool is_needed(std::size_t index);
    bool waits_for_names(std::uint64_t wall_ms) const;
    Result<> find_candidates();
    Result<> strike_needed();
    Result<> remove_rest(const std::atomic<bool>& stopping, Swept& swept);

    Database& database_;
    ContentStore& contents_;
    const std::size_t at_once_;
    std::atomic<bool> changed_ = true;

    mutable std::mutex pass_mutex_;
    Bytes from_;  // where the next pass begins; guarded by pass_mutex_

    std::mutex mutex_;                   // guards what follows; taken under the Database's locks
    std::vector<Candidate> candidates_;  // by id; while a pass runs
    bool unreadable_ = false;            // a batch held a row that cannot be read
};

}  // namespace swarmfs::store
