#pragma once
// Turns what was written into contents and entries: on a worker, without making anyone wait.
//
//   staged bytes ─> what still shows of the base is fetched, where it is not here
//                ─> hashed ─> one commit: the content is stored, an entry names it, nothing is
//                staged
//
//   1. While a file is hashed it is claimed (open_file.hpp): reading and `stat` go on, a writer
//      waits. It is not claimed while its base is being fetched.
//   2. A file that lost its name on this node meanwhile is not published: who takes the name says
//      so in the batch that takes it, and the batch that publishes looks.
//   3. A file that cannot be published now, since its base cannot be fetched or the disk is full,
//      stays staged and is tried again when a peer joins and every few seconds; its row in the
//      Database brings it back after a restart.
//   4. A file that stays open is published some time after it was synced: a database would never
//      reach anybody otherwise. One that is costly to publish waits in proportion.
//   5. Hashing ends within a megabyte or so when the file loses its name, and when the node stops
//      or leaves the swarm: then small files are published for kStopPatience, and what else is
//      staged at the next start.
//   6. Large files are published one at a time, in lanes of their own (workers.hpp).
// Thread: any.

#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "engine/core/clock.hpp"
#include "engine/node/open_file.hpp"
#include "engine/node/problems.hpp"
#include "engine/node/tree.hpp"
#include "engine/node/workers.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::node {

class Publisher {
public:
    // From the sync of an open file until it is published. Long enough for what a program writes
    // in one go, short enough for somebody who waits for it.
    static constexpr Duration kAfterSync = std::chrono::seconds(5);
    // Of the time of this node's workers (and of the writers who wait for them), what publishing
    // one open file again and again may take: a twentieth.
    static constexpr int kRestAfterPublishing = 20;

    // A part of what the service manager allows a node for stopping, a minute.
    static constexpr Duration kStopPatience = std::chrono::seconds(10);

    struct Parts {
        Tree& tree;
        SwarmId swarm_id;
        store::Database& database;
        store::ContentStore& contents;
        store::Disk& disk;
        store::Path folder;  // of staging files
        JobGroup& jobs;
        swarm::Swarm& swarm;
        const Clock& clock;
        Problems& problems;
        // A content is stored here since now, under that name.
        std::function<void(const ContentId&, const std::string&)> arrived;
        // There was no room for one. Quick.
        std::function<void()> disk_full;
    };
    using Published = std::function<void(const std::shared_ptr<OpenFile>&)>;

    // `published` is called on the worker after a file is done or given up.
    Publisher(Parts parts, Published published);

    // Begins staging, unless it has begun. Requires: file.mutex() is held.
    Result<> stage(OpenFile& file);
    // Requires, for the three: file.mutex() is held.
    Result<> keep_row(OpenFile& file, store::Durability durability);
    // An unlinked file does not come back after a restart, though somebody has it open.
    void forget_row(OpenFile& file);
    // Requires: nobody has claimed it, either.
    void discard(OpenFile& file);

    // Publishes what is staged, or the empty file that was created. One job at most runs for a
    // file.
    void publish(std::shared_ptr<OpenFile> file);
    // The file was synced and stays open: rule 4.
    void publish_after_sync(const std::shared_ptr<OpenFile>& file);
    // Publishes the open files whose time has come.
    void publish_due();
    // Tries those again that had to wait: for somebody who has their base, or for room on the disk.
    void retry_waiting();
    // From here on nothing large is hashed, nor anything for long. What is staged stays.
    void stop();
    // Files that wait for either.
    std::size_t waiting() const;

    // Raised when a file was published, after the namespace has it and before written() forgets it:
    // who reads both, and the number before and after, knows whether they fit.
    std::uint64_t published_count() const { return published_count_; }

    // Files staged by an earlier run.
    struct Recovered {
        std::shared_ptr<OpenFile> file;
        bool had_writer = false;  // when that run died
    };
    std::vector<Recovered> recover();

private:
    struct Prepared {
        std::optional<Missing> missing;  // has to come from others first
        std::optional<store::NewContent> fresh;
    };

    void post(const std::shared_ptr<OpenFile>& file);
    void run(const std::shared_ptr<OpenFile>& file);
    Result<> run_staged(const std::shared_ptr<OpenFile>& file, std::unique_lock<std::mutex>& lock,
                        std::optional<Missing>& missing);
    bool left_for_later(const OpenFile& file) const;
    Result<Prepared> prepare(OpenFile& file);
    Result<std::optional<Missing>> missing_of_base(OpenFile& file);
    Result<> commit(OpenFile& file, std::optional<store::NewContent> fresh);
    Result<> settle(OpenFile& file, std::optional<store::NewContent> fresh,
                    const store::InodeRecord& published);
    void remove_empty(const store::StagedFile& staged);
    void fetch_base(const std::shared_ptr<OpenFile>& file, const Missing& missing);
    void put_off(const std::shared_ptr<OpenFile>& file);
    void finished(const std::shared_ptr<OpenFile>& file);

    const Parts parts_;
    const Published published_;
    std::atomic<std::uint64_t> published_count_ = 0;
    std::atomic<bool> stopping_ = false;
    std::atomic<TimePoint> give_up_at_ = TimePoint::max();  // when stopping
    mutable std::mutex mutex_;
    std::set<std::shared_ptr<OpenFile>> waiting_;            // guarded by mutex_
    std::map<std::shared_ptr<OpenFile>, TimePoint> synced_;  // guarded by mutex_; when to publish
};

}  // namespace swarmfs::node
