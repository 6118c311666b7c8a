#pragma once
// Makes changes durable, many at a time: one thread takes all exchanges that wait, applies their
// messages in one change of the storage, and reports to each once that is committed. So a commit's
// cost is shared, and nothing is acknowledged before it is safe. A change that fails is taken apart
// and tried again, an exchange at a time: what one breaks, the others do not suffer. Where no more
// may wait for its turn (catalog::kParkedPerNodeMax), what is whole takes it before the rest of an
// exchange is taken in: an empty tracker is filled by one member in one go.
//
// Between batches it shrinks old entries, a swarm at a time. Thread: any.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/core/ids.hpp"
#include "engine/http/memory_budget.hpp"
#include "tracker/catalog_store.hpp"
#include "tracker/storage.hpp"

namespace swarmfs::tracker {

// Chosen by us.
// That may wait, of one host at most a ninth: two of the largest exchanges. Beyond it: try again.
inline constexpr std::size_t kWaitingBytesMax = 128 * 1024 * 1024;
inline constexpr std::size_t kBatchBytesMax = 8 * 1024 * 1024;
inline constexpr Duration kCompactEvery = std::chrono::minutes(1);

class Committer {
public:
    // Called once, on the committer's thread, after the commit or its failure.
    using Done = std::function<void(Result<std::vector<Refused>>)>;
    // A publication of the swarm was applied. On the committer's thread.
    using Moved = std::function<void(const SwarmId&)>;

    // Requires: storage and clock outlive the committer.
    Committer(Storage& storage, const Clock& clock, Moved moved,
              std::size_t swarms_max = kSwarmsMax);
    // Finishes what waits, then ends.
    ~Committer();
    Committer(const Committer&) = delete;
    Committer& operator=(const Committer&) = delete;

    // `host`: who brings them (Request::host).
    // Errors: busy when too much waits, in all or of that host; `done` is not called then.
    Result<> submit(const SwarmId& swarm, std::vector<Bytes> messages, const std::string& host,
                    Done done);

private:
    struct Job {
        SwarmId swarm;
        std::vector<Bytes> messages;
        std::size_t bytes = 0;
        std::string host;
        Done done;
        Result<std::vector<Refused>> outcome;
        std::size_t taken = 0;  // of the messages

        bool unfinished() const { return outcome.ok() && taken < messages.size(); }
        void note(Result<Taken> piece);
    };

    void run();
    std::vector<Job> take_batch();
    void commit(std::vector<Job> batch);
    void write_apart(std::span<Job* const> jobs);
    Result<> write(std::span<Job* const> jobs);
    void advance_swarms(std::span<Job* const> jobs, std::span<Job> batch);
    Result<> advance_all(const SwarmId& swarm, std::span<Job> batch);
    static void report(const SwarmId& swarm, const catalog::Applied& refused, std::span<Job> batch);
    void compact();

    Storage& storage_;
    const Clock& clock_;
    const Moved moved_;
    const std::size_t swarms_max_;
    http::MemoryBudget waiting_bytes_{kWaitingBytesMax};
    std::optional<SwarmId> compacted_;  // committer's thread only

    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    std::deque<Job> waiting_;
    bool stopping_ = false;

    std::thread thread_;
};

}  // namespace swarmfs::tracker
