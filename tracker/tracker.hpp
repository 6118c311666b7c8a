#pragma once
// A running tracker: storage, tables, and the HTTP server in front of them (docs/tracker.md).

#include <cstdint>
#include <memory>
#include <string>

#include "engine/core/clock.hpp"
#include "engine/core/dice.hpp"
#include "engine/core/result.hpp"
#include "tracker/settings.hpp"

namespace swarmfs::tracker {

class Storage;

class Tracker {
public:
    // Opens the tables in settings.data and serves. Requires: clock outlives the tracker.
    // Errors: configuration, busy (the port or the data directory is in use), permission, corrupt,
    // no_space, io.
    static Result<std::unique_ptr<Tracker>> start(const Settings& settings, const Clock& clock);
    // The same over a storage of the caller's.
    static Result<std::unique_ptr<Tracker>> start_on(std::unique_ptr<Storage> storage,
                                                     const Settings& settings, const Clock& clock);
    // Ends at once what drain() has not.
    virtual ~Tracker() = default;

    virtual std::uint16_t port() const = 0;
    virtual std::string listening_on() const = 0;
    // One line for the log: who is there, what is held, and what was answered.
    virtual std::string summary() const = 0;
    // Accepts no more, answers what is under way for at most `patience`, and ends.
    virtual void drain(Duration patience) = 0;
};

}  // namespace swarmfs::tracker
