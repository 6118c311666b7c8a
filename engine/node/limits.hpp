#pragma once
// The limits of a node: what was set for it, for its swarms and for peers of them, kept in the
// Database, and brought to the gates as the clock on the wall has it.
//
//   50 'b'                        ->  rule of the node (rate_rules.hpp)
//   50 'b' swarm:32               ->  of a swarm
//   50 'b' swarm:32 node:32       ->  of a peer of it
//
// Rules:
//   1. A rule is on record before it holds: it survives kill -9.
//   2. Schedules are looked at at every full minute of the wall clock, and every ten seconds in case
//      that is set anew.
//   3. A row that cannot be read is no limit, and the log says so.
// Thread: any.

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "engine/core/clock.hpp"
#include "engine/core/ids.hpp"
#include "engine/node/rate_rules.hpp"
#include "engine/store/database.hpp"
#include "engine/swarm/rate_gate.hpp"

namespace swarmfs::node {

// The node without a swarm, a swarm without a peer, or a peer of a swarm.
struct LimitScope {
    std::optional<SwarmId> swarm;
    std::optional<NodeId> peer;
    auto operator<=>(const LimitScope&) const = default;
};

class Limits {
public:
    // `database`, `clock` and `engine` must outlive it.
    Limits(store::Database& database, const Clock& clock, boost::asio::io_context& engine);
    // Ends the timer: the engine does not come here any more. Before the engine stops.
    void stop();

    swarm::RateGates gates_of(const SwarmId& swarm) const { return {up_, down_, swarm}; }

    // Returns: what is set; an empty rule when nothing is.
    LimitRule rule(const LimitScope& scope) const;
    // Errors: those of the Database; nothing changed then.
    Result<> set(const LimitScope& scope, const LimitRule& rule);
    std::map<LimitScope, LimitRule> rules() const;
    Rates now(const LimitRule& rule) const { return rule.at(local_time(clock_.wall_ms())); }

    // What goes with a swarm that is left: its rows, and what is remembered of them.
    static Bytes rows_of(const SwarmId& swarm);
    void forget(const SwarmId& swarm);

    // Brings what holds now to the gates.
    void apply();

private:
    // Shared with the timer's handler, which may run after stop().
    struct Ticking {
        explicit Ticking(boost::asio::io_context& engine) : timer(engine) {}
        boost::asio::steady_timer timer;  // engine thread
        std::mutex mutex;
        Limits* limits = nullptr;  // guarded by mutex
    };
    static void tick(const std::shared_ptr<Ticking>& ticking);
    Duration until_next_look() const;
    // Requires: mutex_ is held.
    void apply_locked();

    store::Database& database_;
    const Clock& clock_;
    boost::asio::io_context& engine_;
    const std::shared_ptr<swarm::RateGate> up_;
    const std::shared_ptr<swarm::RateGate> down_;
    const std::shared_ptr<Ticking> ticking_;
    std::mutex setting_mutex_;  // one change at a time, from its row to the gates
    mutable std::mutex mutex_;  // never held while the disk is waited for: the engine takes it
    std::map<LimitScope, LimitRule> rules_;  // guarded by mutex_
};

}  // namespace swarmfs::node
