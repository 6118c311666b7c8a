#pragma once
// One line of log, for the operator. Programs install a sink once at start (spdlog in the mains);
// until then lines are dropped, so that libraries and tests stay quiet. Never log secrets.

#include <functional>
#include <string>
#include <string_view>

namespace swarmfs {

enum class LogLevel { debug, info, warning, error };

using LogSink =
    std::function<void(LogLevel level, std::string_view room, std::string_view message)>;

// Requires: called before other threads log. Thread: main.
void set_log_sink(LogSink sink);

// Thread: any. `room` is the room's name: "swarm", "store", ...
void log(LogLevel level, std::string_view room, std::string_view message);

inline void log_debug(std::string_view room, std::string_view message) {
    log(LogLevel::debug, room, message);
}
inline void log_info(std::string_view room, std::string_view message) {
    log(LogLevel::info, room, message);
}
inline void log_warning(std::string_view room, std::string_view message) {
    log(LogLevel::warning, room, message);
}
inline void log_error(std::string_view room, std::string_view message) {
    log(LogLevel::error, room, message);
}

// A name from outside as it may be shown on a terminal or in a log: control characters, quotes that
// would break a line, bidirectional overrides and invalid UTF-8 become \xNN.
std::string printable(std::string_view text);

}  // namespace swarmfs
