#pragma once
// The door for the command line: methods by name, called with JSON over the control socket.
//
// The node registers its own (status, join, …); programs add theirs before the socket opens, as
// swarmfsd does with mount and unmount. The conversation itself is protocol/control.hpp.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/result.hpp"

namespace swarmfs::node {

// One call in progress. Thread: any.
class ControlCall {
public:
    virtual ~ControlCall() = default;
    // Sends an intermediate report to the caller (a progress bar's numbers). Dropped when it is
    // gone.
    virtual void progress(const nlohmann::json& report) = 0;
    // The caller hung up: long work should stop.
    virtual bool abandoned() const = 0;
};

// Runs on a thread of its own for the call, so it may block.
using ControlMethod =
    std::function<Result<nlohmann::json>(const nlohmann::json& parameters, ControlCall& call)>;

using ControlMethods = std::map<std::string, ControlMethod>;

}  // namespace swarmfs::node
