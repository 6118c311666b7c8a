#pragma once
// Fetches the files that a program is about to read (sibling_window.hpp decides which), by fills of
// the swarm.
//
//   1. Reads are noted without waiting: who finds another thread planning leaves its read to it.
//   2. A fetch that nobody waits for any more is cancelled; so are all when the volume goes.
//   3. What fails, fails silently: whoever reads the file asks for it himself.
// Thread: any.

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "engine/node/open_file.hpp"
#include "engine/node/sibling_window.hpp"
#include "engine/node/tree.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::node {

class SiblingReader final : private Siblings {
public:
    struct Parts {
        const Tree& tree;
        store::ContentStore& contents;
        swarm::Swarm& swarm;
        const Clock& clock;
    };
    explicit SiblingReader(const Parts& parts) : parts_(parts) {}
    ~SiblingReader() override;
    SiblingReader(const SiblingReader&) = delete;
    SiblingReader& operator=(const SiblingReader&) = delete;

    // Of a file whose content as it is published was read at its beginning: `waited` says that not
    // all of what was read is here. Fetches what comes next.
    // Requires: the caller holds no lock.   Cost: while nobody reads in order, a comparison for
    // what is here; for what is not, a look at the few names after the last such read.
    void note_read(OpenFile& file, bool waited);

private:
    // Shared with callbacks, which may come when the reader has gone.
    struct Fetching {
        std::mutex mutex;
        std::unordered_map<SiblingWindow::Ticket, swarm::FillId> fills;  // guarded by mutex
    };

    std::vector<Sibling> list(std::uint64_t directory, std::string_view after,
                              std::size_t count) override;
    std::optional<Place> place_of(std::uint64_t directory) override;
    bool stored(const ContentId& content) override;

    std::optional<SiblingWindow::Read> next_noted();
    void carry_out(const SiblingWindow::Plan& plan);

    const Parts parts_;
    const std::shared_ptr<Fetching> fetching_ = std::make_shared<Fetching>();
    std::atomic<bool> any_runs_ = false;
    std::mutex noted_mutex_;
    std::deque<SiblingWindow::Read> noted_;  // guarded by noted_mutex_
    bool planning_ = false;                  // guarded by noted_mutex_
    SiblingWindow window_{*this};            // of the thread that set planning_
};

}  // namespace swarmfs::node
