#pragma once
// Makes changes durable, many at a time: one thread takes all exchanges that wait, applies their
// messages in one change of the storage, and reports to each once that is committed. So a commit's
// cost is shared, and nothing is acknowledged before it is safe. A change that fails is taken apart
// and tried again, an exchange at a time: what one breaks, the others do not suffer.
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
#include "tracker/catalog_store.hpp"
#include "tracker/storage.hpp"

namespace swarmfs::tracker {

// Chosen by us.
inline constexpr std::size_t kWaitingBytesMax = 64 * 1024 * 1024;  // beyond it: try again
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

    // Errors: busy when too much waits; `done` is not called then.
    Result<> submit(const SwarmId& swarm, std::vector<Bytes> messages, Done done);

private:
    struct Job {
        SwarmId swarm;
        std::vector<Bytes> messages;
        std::size_t bytes = 0;
        Done done;
        Result<std::vector<Refused>> outcome;
    };

    void run();
    std::vector<Job> take_batch();
    void commit(std::vector<Job> batch);
    Result<> write(std::span<Job> jobs);
    Result<> advance_all(const SwarmId& swarm);
    void compact();

    Storage& storage_;
    const Clock& clock_;
    const Moved moved_;
    const std::size_t swarms_max_;
    std::optional<SwarmId> compacted_;  // committer's thread only

    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    std::deque<Job> waiting_;
    std::size_t waiting_bytes_ = 0;
    bool stopping_ = false;

    std::thread thread_;
};

}  // namespace swarmfs::tracker
