#pragma once
// One running member: identity, store, swarms and the control socket of one home directory.
//
//   open   locks the home (a second node on it leaves with Code::try_again), repairs what a crash
//   left,
//          and loads the swarms joined;
//   start  listens, dials, syncs, and opens the control socket; returns once all of them stand;
//   begin_stop   gives up what takes long: a writer may wait for it, and the mounts for him;
//   stop   says goodbye to peers, publishes what is small, flushes, and joins every thread. What
//          else is staged is published at the next start.
//
// Thread: open, start and stop from one thread; the rest from any.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/core/dice.hpp"
#include "engine/core/result.hpp"
#include "engine/node/control_methods.hpp"
#include "engine/node/settings.hpp"
#include "engine/node/volume.hpp"

namespace swarmfs::node {

class Node {
public:
    // Errors: configuration, try_again (another node runs on this home), busy (the port is in
    // use), corrupt, io, permission.
    static Result<std::unique_ptr<Node>> open(Settings settings, Clock& clock, Dice& dice);
    virtual ~Node() = default;

    // `extra` joins the node's own control methods.
    // Errors: those of opening the control socket.
    virtual Result<> start(ControlMethods extra) = 0;
    virtual void begin_stop() = 0;
    virtual void stop() = 0;

    virtual const Settings& settings() const = 0;
    // The swarm joined under this local name; an empty name means the only one there is.
    // Errors: not_found, invalid (several swarms, none named).
    virtual Result<std::shared_ptr<Volume>> volume(const std::string& name) = 0;
    // How to learn where a swarm is mounted: for status, and so that no mount shares itself.
    // Requires: called before start.
    using MountsOf = std::function<std::vector<std::string>(const std::string& swarm)>;
    virtual void list_mounts_with(MountsOf mounts_of) = 0;
    // Called after the control method `stop` was asked for; swarmfsd ends its main loop.
    virtual void on_stop_requested(std::function<void()> act) = 0;
};

}  // namespace swarmfs::node
