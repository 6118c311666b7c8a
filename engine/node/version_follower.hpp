#pragma once
// Follows large files that others change: what a new version shares with the one before, which is stored
// here, is taken over before anybody asks for it (store/inheritance.hpp).
//
//   a name shows another version ── what its known nodes tell is taken over ── nothing left to ask: next
//                                        ▲                                  └─ a few leaves are fetched ─┐
//                                        └────────────────────────────────────────────────────────────────┘
//
// Rules:
//   1. One file at a time, in the order of the changes; kNewsMax wait, and of more the rest is fetched
//      like any other content.
//   2. Leaves are asked for as long as that pays: kLeavesFree for nothing, then one for each kLeafPays
//      that were taken over. Where nothing is shared, that is all it costs.
//   3. Only of what is here in good part (kBytesMin) and as large.
//   4. What is taken over is no more on the disk than before, but for what lies between two versions
//      and is copied: that waits for room in the cache like what arrives. What was evicted of the older
//      version meanwhile, or is on its way, is fetched.
//   5. When leaves cannot be had, the file is let go of: whoever reads it fetches it.
// Thread: any; the work is done by jobs.

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/core/ids.hpp"
#include "engine/node/cache_keeper.hpp"
#include "engine/node/tree.hpp"
#include "engine/node/workers.hpp"
#include "engine/store/content_store.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::node {

class VersionFollower : public std::enable_shared_from_this<VersionFollower> {
public:
    static constexpr std::uint64_t kBytesMin = std::uint64_t{4} << 20;
    static constexpr std::size_t kNewsMax = 1024;
    static constexpr std::size_t kLeavesFree = 48;  // 768 KiB
    static constexpr std::uint64_t kLeafPays = 256 << 10;

    // Outlives it, from start() to stop().
    struct Parts {
        Tree& tree;
        store::ContentStore& contents;
        CacheKeeper& cache;
        swarm::Swarm& swarm;
        const Clock& clock;
        JobGroup& jobs;
    };
    explicit VersionFollower(const Parts& parts) : parts_(parts) {}

    void start();
    // Nothing of Parts is used any more once jobs that were posted are over.
    void stop();

private:
    struct Followed {
        ContentId fresh;
        ContentId older;
        std::optional<NodeId> author;
        std::uint64_t taken_over = 0;  // bytes
        std::size_t leaves = 0;        // asked for
    };
    struct Asking {  // the leaves under way
        std::mutex mutex;
        std::size_t open = 0;
        bool any = false;  // arrived
    };

    void hear(const std::vector<store::NameChange>& changes);
    void post();
    void work();
    std::optional<Followed> next();
    std::optional<Followed> followed(const store::NameChange& change) const;
    bool go_on(Followed& one);
    void ask(const Followed& one, const std::vector<LeafIndex>& leaves);
    void asked(const std::shared_ptr<Asking>& asking, bool arrived);

    const Parts parts_;
    std::uint64_t listener_ = 0;
    std::mutex mutex_;                    // guards what follows
    std::deque<store::NameChange> news_;  // with the content before
    std::optional<Followed> current_;     // whose leaves are under way
    bool busy_ = false;                   // a job is posted or running, or leaves are under way
    bool stopped_ = false;
};

}  // namespace swarmfs::node
