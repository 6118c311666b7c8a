#pragma once
// Catalog sync over HTTP: takes what a member pushes, then hands out what it lacks, a piece at a
// time. A member that asks again with the cursor it was given continues where it stopped; the
// cursor names a sender kept here for a while, so losing it costs repetition and nothing else.
// Thread: any. Answers come on threads of this object.

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "engine/async/io_threads.hpp"
#include "engine/catalog/sender.hpp"
#include "engine/core/dice.hpp"
#include "tracker/committer.hpp"
#include "tracker/outcome.hpp"

namespace swarmfs::tracker {

// Chosen by us: a sender is a few KiB, and a member uses one at a time.
inline constexpr std::size_t kSendersMax = 1024;
inline constexpr Duration kSenderKept = std::chrono::minutes(2);
// Bodies that wait to be parsed aside, of one host at most a ninth: one of the largest, and a little.
inline constexpr std::size_t kAsideBytesMax = 128 * 1024 * 1024;

class Changes {
public:
    using Answered = std::function<void(Outcome<protocol::ChangesAnswer>)>;

    // Requires: storage, clock and dice outlive it; nobody else uses the dice.
    Changes(Storage& storage, const Clock& clock, Dice& dice);
    // Finishes what was begun.
    ~Changes();

    // `host`: who asks (Request::host).
    void exchange(const SwarmId& swarm, protocol::ChangesRequest request, const std::string& host,
                  Answered answered);

    // Runs `work`, which holds so many bytes for `host`, on a thread that serves no sockets, one at
    // a time.   Returns: false when too much waits; it is not run then.
    bool aside(const std::string& host, std::size_t bytes, std::function<void()> work);

    // A number that changes when the swarm's catalog does.
    std::uint64_t moves_of(const SwarmId& swarm) const;

private:
    struct Kept {
        std::string cursor;
        SwarmId swarm;
        TimePoint since;
        std::unique_ptr<catalog::Sender> sender;
    };

    void pull(const SwarmId& swarm, protocol::ChangesRequest request, std::vector<Refused> refused,
              const Answered& answered);
    Result<protocol::ChangesAnswer> collect(const SwarmId& swarm, catalog::Sender& sender,
                                            bool& all);
    std::unique_ptr<catalog::Sender> take_sender(const std::string& cursor, const SwarmId& swarm);
    std::string keep_sender(const SwarmId& swarm, std::unique_ptr<catalog::Sender> sender);

    Storage& storage_;
    const Clock& clock_;
    std::uint64_t first_move_;  // a restarted tracker does not repeat itself

    mutable std::mutex mutex_;  // guards what follows
    Dice& dice_;
    std::list<Kept> senders_;  // the oldest first
    std::unordered_map<SwarmId, std::uint64_t> moves_;

    http::MemoryBudget aside_bytes_{kAsideBytesMax};
    std::unique_ptr<async::IoThreads> aside_;
    std::unique_ptr<async::IoThreads> readers_;
    std::unique_ptr<Committer> committer_;
};

}  // namespace swarmfs::tracker
