#pragma once
// Turns what was written into contents and entries: on a worker, without making anyone wait.
//
//   staged bytes ─> what still shows of the base is fetched, where it is not here
//                ─> hashed ─> one commit: the content is stored, an entry names it, nothing is
//                staged
//
// A file that cannot be published now, since its base cannot be fetched or the disk is full, stays
// staged and is tried again when a peer joins and every few seconds; its row in the Database brings
// it back after a restart. Thread: any.

#include <memory>
#include <mutex>
#include <set>

#include "engine/node/open_file.hpp"
#include "engine/node/tree.hpp"
#include "engine/node/workers.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::node {

class Publisher {
public:
    struct Parts {
        Tree& tree;
        SwarmId swarm_id;
        store::Database& database;
        store::ContentStore& contents;
        store::Disk& disk;
        store::Path folder;  // of staging files
        JobGroup& jobs;
        swarm::Swarm& swarm;
        // A content is stored here since now, under that name.
        std::function<void(const ContentId&, const std::string&)> arrived;
    };
    using Published = std::function<void(const std::shared_ptr<OpenFile>&)>;

    // `published` is called on the worker after a file is done or given up.
    Publisher(Parts parts, Published published);

    // Begins staging. Requires: file.mutex() is held, nothing is staged.
    Result<> stage(OpenFile& file);
    // Requires, for the three: file.mutex() is held.
    Result<> keep_row(OpenFile& file, store::Durability durability);
    // An unlinked file does not come back after a restart, though somebody has it open.
    void forget_row(OpenFile& file);
    void discard(OpenFile& file);

    // Publishes what is staged, or the empty file that was created. One job at most runs for a
    // file.
    void publish(std::shared_ptr<OpenFile> file);
    // Tries those again that had to wait: for somebody who has their base, or for room on the disk.
    void retry_waiting();
    std::size_t waiting() const;

    // Files staged by an earlier run, as if they had just been closed.
    std::vector<std::shared_ptr<OpenFile>> recover();

private:
    void run(const std::shared_ptr<OpenFile>& file);
    Result<bool> base_is_here(const std::shared_ptr<OpenFile>& file);
    Result<> commit(OpenFile& file);
    void fetch_base(const std::shared_ptr<OpenFile>& file, const Missing& missing);
    void put_off(const std::shared_ptr<OpenFile>& file);
    void finished(const std::shared_ptr<OpenFile>& file);

    const Parts parts_;
    const Published published_;
    mutable std::mutex mutex_;
    std::set<std::shared_ptr<OpenFile>> waiting_;  // guarded by mutex_
};

}  // namespace swarmfs::node
