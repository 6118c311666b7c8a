#pragma once
// The command line's end of the control socket, and the starting of a node that is not there.

#include <chrono>
#include <functional>
#include <string>

#include <nlohmann/json.hpp>

#include "engine/core/result.hpp"
#include "tools/descriptor.hpp"

namespace swarmfs::tools {

using ProgressShown = std::function<void(const nlohmann::json&)>;

class NodeClient {
public:
    // What a node does at once takes it milliseconds; on a machine that swaps, seconds.
    static constexpr std::chrono::seconds kPatience{60};

    // `home` must be absolute.
    explicit NodeClient(std::string home, std::chrono::seconds patience = kPatience)
        : home_(std::move(home)), patience_(patience) {}

    // Starts swarmfsd when nobody answers on the home's socket, and waits until it reports that it
    // is ready (or has ended: then the error carries what it said last). When another holds the
    // home, that one is waited for: two commands at once may both find no node.
    Result<> ensure_running();
    bool is_running() const;

    // One request and its reply.
    // Errors: unavailable when no node runs; timed_out when it does not answer within the patience;
    // otherwise what the node answered.
    Result<nlohmann::json> call(const std::string& method, const nlohmann::json& params);
    // The same for work that takes as long as it takes (it hashes, fetches or erases what the
    // caller named); reports in between go to `shown`.
    Result<nlohmann::json> call_for_long(const std::string& method, const nlohmann::json& params,
                                         const ProgressShown& shown = {});

    // The process behind the socket, to be polled: readable once it has ended. -1 where nobody
    // listens, or who does cannot be seen from here.
    Descriptor process() const;

    const std::string& home() const { return home_; }

private:
    // Until somebody answers on the socket, for at most `ms`.
    void wait_for_node(int ms) const;
    // Zero `patience` is none: it waits as long as the node lives.
    Result<nlohmann::json> exchange(const std::string& method, const nlohmann::json& params,
                                    std::chrono::seconds patience, const ProgressShown& shown);

    const std::string home_;
    const std::chrono::seconds patience_;
};

// --home, else $SWARMFS_HOME, else the user's default; absolute.
// Errors: configuration, for a relative one where the current directory is gone.
Result<std::string> home_from(const std::string& flag);

// A program that was installed or built beside this one, else found through PATH.
std::string program_beside(const std::string& name);

}  // namespace swarmfs::tools
