#pragma once
// What this node says of itself and of one swarm, as files: status.json, peers.json, version. A
// mount shows them in /.swarmfs (fs/report_volume.hpp). From memory and this node's disk: nothing of
// it waits for the network.

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.hpp"

namespace swarmfs::node {

class JobGroup;

class Reports {
public:
    using Done = std::function<void(Result<std::string>)>;

    virtual ~Reports() = default;
    // In byte order; fixed. Plain names of files.
    virtual std::vector<std::string> names() const = 0;
    // Calls `done` exactly once, perhaps before it returns, on any thread.
    // Errors: not_found (no such name), cancelled (the node stops).
    virtual void report(std::string_view name, Done done) = 0;
};

// Those of a member. Some of what they say, the engine thread has to be asked for: a worker does and
// waits for it. Thread: any.
class MemberReports final : public Reports {
public:
    // Returns: what the file of that name says. Called on a worker.
    using Write = std::function<Result<std::string>(std::string_view name)>;

    explicit MemberReports(JobGroup& jobs) : jobs_(jobs) {}

    std::vector<std::string> names() const override;
    void report(std::string_view name, Done done) override;
    // Requires: called before anybody asks.
    void write_with(Write write) { write_ = std::move(write); }
    // From here on nobody is asked for anything.
    void stop() { stopping_ = true; }

private:
    JobGroup& jobs_;
    Write write_;
    std::atomic<bool> stopping_ = false;
};

}  // namespace swarmfs::node
