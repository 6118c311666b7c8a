#pragma once
// Opening under `read_quorum = N` (policy.hpp): a file is opened when N members, this one included,
// show the version that is shown here.
//
// Rules:
//   1. The version is that of the file as it was opened. Where it was replaced here before enough
//      members have confirmed it, opening fails as not_found: whoever opens by name looks the name
//      up again and finds the other version.
//   2. What is written here and not published yet is no version: it is asked about once it is
//      published, within the same deadline.
//   3. A file without a name stands at no path, so no policy speaks of it. Nor is the policy's own
//      file asked about: who asked for too many can still read it, and mend it.
//   4. Who cannot open hears an error; why, is a problem of the swarm (problems.hpp).
// Cost: none while the policy asks for no quorum anywhere.   Thread: any. No lock is held while
// others are called, but for the swarm, which only takes the question.

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "engine/node/open_file.hpp"
#include "engine/node/policy.hpp"
#include "engine/node/problems.hpp"
#include "engine/node/tree.hpp"
#include "engine/node/workers.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::node {

class OpenQuorum {
public:
    using Ticket = std::uint64_t;
    // In every ticket, so that it is never the number of a read.
    static constexpr Ticket kTicketBit = std::uint64_t{1} << 63;
    using Done = std::function<void(Result<>)>;

    struct Parts {
        Tree& tree;
        JobGroup& jobs;
        swarm::Swarm& swarm;
        const Clock& clock;
        Problems& problems;
        std::function<std::shared_ptr<const Policy>()> policy;  // never null
    };
    explicit OpenQuorum(Parts parts);

    // Returns: how many members have to show it, at least 1.
    std::uint32_t of(const store::InodeRecord& record) const;
    std::uint32_t of(store::Inode inode) const;

    // Asks the others. Calls `done` exactly once, on a worker. A deadline of 0 waits for ever.
    // Requires: `quorum` > 1; the file is in use until then.
    // Errors: not_found (rule 1), unavailable, timed_out, cancelled, busy.
    Ticket confirm(const std::shared_ptr<OpenFile>& file, std::uint32_t quorum, Duration deadline,
                   Done done);
    // The same of a version that was published.
    Ticket confirm(const store::InodeRecord& record, std::uint32_t quorum, Duration deadline,
                   Done done);
    // Ends it early with Code::cancelled. No effect when it has been answered.
    void cancel(Ticket ticket);
    // The file was published.
    void published(store::Inode inode);

private:
    // What is asked about now; nothing while it is not published.
    using Current = std::function<std::optional<store::InodeRecord>()>;
    struct Pending {
        store::Inode inode = 0;
        std::string name;
        Current current;
        std::uint32_t quorum = 0;
        TimePoint deadline;
        Done done;
        std::uint64_t round = 0;  // of asking; what comes of an earlier one does not count
        swarm::ConfirmId asked = 0;
        std::optional<catalog::Dot> dot;  // asked about
        bool cancelled = false;
    };

    Ticket begin(Pending pending, Duration deadline);
    void ask(Ticket ticket);
    void end(Ticket ticket, std::uint64_t round, Result<> outcome);
    bool replaced(store::Inode inode, const catalog::Dot& dot) const;
    void look_at(const std::vector<store::NameChange>& changes);
    template <class Which>
    std::vector<Ticket> tickets(const Which& which);

    const Parts parts_;
    std::atomic<std::size_t> count_ = 0;  // of what is pending
    std::mutex mutex_;
    std::unordered_map<Ticket, Pending> pending_;  // guarded by mutex_
    Ticket next_ = kTicketBit;                     // guarded by mutex_
    // What the tree's listener holds on to: the tree may live longer.
    const std::shared_ptr<OpenQuorum*> self_ = std::make_shared<OpenQuorum*>(this);
};

}  // namespace swarmfs::node
