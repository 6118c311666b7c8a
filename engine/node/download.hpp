#pragma once
// Copies a file or a tree out of the swarm: fetches what is not here, then writes it below `out`.
//
// Rules:
//   1. Contents are fetched whole, many at a time; what is stored already is not fetched again, so
//      a download that was broken off goes on where it stopped.
//   2. A file appears under its name once it is complete, in place of the file that had it. Devices,
//      pipes and sockets are never replaced, nor is a symbolic link that is `out` itself by a file.
//   3. Nothing is ever written outside `out`: no symbolic link below it is followed, whether it was
//      there before or came from the swarm.
//   4. When nothing comes for kStallMax, not even a leaf, the download ends with Code::unavailable.
//   5. What is paused (pauses.hpp) waits, without end: its fills are cancelled, what came of it
//      stays, and it goes on from there when it is resumed.
//   6. A file under `read_quorum` is copied out once enough members confirm that version
//      (open_quorum.hpp), for which it waits kConfirmMax; then the download ends.
//   7. What turns out damaged here while it is copied out is fetched again, kFetchesMax times.
// Thread: the caller's; blocks.

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/node/control_methods.hpp"
#include "engine/node/export_tree.hpp"
#include "engine/node/member.hpp"

namespace swarmfs::node {

struct DownloadReport {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::uint64_t fetched_bytes = 0;
    Duration took{};
    struct Source {
        std::uint64_t bytes = 0;
        std::string link;  // PeerStatistics::link, as it was last seen; empty: never
    };
    // Members that were found to hold any of it, also those that sent nothing.
    std::map<NodeId, Source> sources;
};

class Download {
public:
    static constexpr Duration kStallMax = std::chrono::seconds(30);
    // A disk that damages what it is given three times in a row is not one to copy from.
    static constexpr unsigned kFetchesMax = 3;
    static constexpr Duration kConfirmMax = std::chrono::seconds(20);
    static_assert(kConfirmMax < kStallMax);

    Download(Member& member, Clock& clock, ControlCall& call)
        : member_(member), clock_(clock), call_(call) {}

    // Errors: unavailable, cancelled (the caller hung up), and those of writing below `out`.
    Result<DownloadReport> run(const store::InodeRecord& record, const std::string& out);

private:
    struct Wanted {
        store::InodeRecord record;
        std::string path;  // below the root of the export
        unsigned fetches = 0;
        std::optional<std::uint64_t> stored_before{};  // when it was first fetched
        std::uint64_t stored = 0;                      // when it was paused
        bool confirmed = false;                        // rule 6
        std::shared_ptr<store::Hold> hold{};           // until it is copied out
    };
    struct Running {
        Wanted wanted;
        swarm::FillId fill = 0;
        OpenQuorum::Ticket asked = 0;  // it is here whole, and others are asked about it
        std::uint64_t stored_before = 0;
        std::uint64_t stored = 0;  // as the fill says: in whole chunks
        std::uint64_t seen = 0;    // in leaves, when it was last looked at
        bool complete = false;
        std::optional<Error> error;
    };

    Result<> gather(const store::NamespaceReader& names, const store::InodeRecord& record,
                    const std::string& path);
    Result<> fetch_all(ExportTree& tree);
    Result<> begin(Wanted wanted, ExportTree& tree);
    Result<> finish_completed(ExportTree& tree);
    // Whether it waits: rule 5.
    bool held_back(const Wanted& wanted) const;
    // Holds back what was paused since the last time, and lets go what was resumed.
    void heed_pauses();
    // Copies what is here whole out, perhaps after others have confirmed it, or, when it is not here
    // after all, has it fetched (rule 7).
    Result<> deliver(ExportTree& tree, Wanted wanted);
    Result<> write_out(ExportTree& tree, const Wanted& wanted);
    void fetch(Wanted wanted, std::uint64_t stored_bytes);
    void confirm(Wanted wanted, std::uint32_t quorum);
    Error not_confirmed(const store::InodeRecord& record, const Error& why) const;
    // Whether leaves came that make no chunk yet: under a low limit one takes minutes.
    bool leaves_came();
    Error nobody_has(const store::InodeRecord& record) const;
    // Errors: cancelled, when the caller hung up.
    Result<> breathe();
    void cancel_all();
    void show_progress();
    // Notes who holds any of the content, and how they are connected.
    // Returns: how many of them are connected by each kind of link.
    std::map<std::string, std::size_t> look_at_sources(const ContentId& content);

    Member& member_;
    Clock& clock_;
    ControlCall& call_;
    DownloadReport report_;
    std::vector<Wanted> directories_;
    std::vector<Wanted> links_;
    std::vector<Wanted> files_;  // last first
    std::vector<Wanted> held_;   // paused
    std::string root_;           // of the export, in the swarm
    bool directory_ = false;
    std::shared_ptr<Transfer> transfer_;
    std::uint64_t heeded_ = 0;  // Pauses::version()
    std::uint64_t bytes_total_ = 0;
    std::uint64_t files_total_ = 0;
    TimePoint started_;
    TimePoint reported_;

    // Fills report on the engine thread; the state outlives this object in their callbacks.
    struct Shared {
        std::mutex mutex;
        std::condition_variable changed;
        std::map<std::uint64_t, Running> running;  // guarded by mutex
        TimePoint last_progress;                   // guarded by mutex

        // Requires: mutex is held.
        bool any_ended() const {
            return std::any_of(running.begin(), running.end(), [](const auto& one) {
                return one.second.complete || one.second.error;
            });
        }
    };
    const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
    std::uint64_t next_ = 1;
};

}  // namespace swarmfs::node
