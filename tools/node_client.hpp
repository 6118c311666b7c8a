#pragma once
// The command line's end of the control socket, and the starting of a node that is not there.

#include <functional>
#include <string>

#include <nlohmann/json.hpp>

#include "engine/core/result.hpp"

namespace swarmfs::tools {

using ProgressShown = std::function<void(const nlohmann::json&)>;

class NodeClient {
public:
    // `home` must be absolute.
    explicit NodeClient(std::string home) : home_(std::move(home)) {}

    // Starts swarmfsd when nobody answers on the home's socket, and waits until it reports that it
    // is ready (or has ended: then the error carries what it said last). When another holds the
    // home, that one is waited for: two commands at once may both find no node.
    Result<> ensure_running();
    bool is_running() const;

    // One request and its reply; reports in between go to `shown`.
    // Errors: unavailable when no node runs; otherwise what the node answered.
    Result<nlohmann::json> call(const std::string& method, const nlohmann::json& params,
                                const ProgressShown& shown = {});

    const std::string& home() const { return home_; }

private:
    // Until somebody answers on the socket, for at most `ms`.
    void wait_for_node(int ms) const;

    const std::string home_;
};

// --home, else $SWARMFS_HOME, else the user's default; absolute.
// Errors: configuration, for a relative one where the current directory is gone.
Result<std::string> home_from(const std::string& flag);

// A program that was installed or built beside this one, else found through PATH.
std::string program_beside(const std::string& name);

}  // namespace swarmfs::tools
