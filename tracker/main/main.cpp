// swarmfs-tracker [--listen ADDR] [--data DIR] [--config FILE]
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "engine/async/service_notify.hpp"
#include "engine/core/clock.hpp"
#include "engine/core/log.hpp"
#include "tracker/settings.hpp"
#include "tracker/tracker.hpp"

using namespace swarmfs;

namespace {

// Below the 30 s a service manager allows (systemd/swarmfs-tracker.service).
constexpr Duration kDrainPatience = std::chrono::seconds(10);

int exit_code_of(const Error& error) {
    switch (error.code) {
        case Code::configuration: return EX_CONFIG;
        case Code::permission: return EX_NOPERM;
        case Code::corrupt: return EX_DATAERR;
        case Code::busy: return EX_UNAVAILABLE;
        default: return EX_IOERR;
    }
}

int report(const Error& error) {
    std::fprintf(stderr, "swarmfs-tracker: %s\n", printable(error.message).c_str());
    return exit_code_of(error);
}

void log_to_stderr(const std::string& level) {
    const auto logger = spdlog::stderr_color_mt("tracker");
    // The journal has the time and reads the priority from "<N>".
    const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
    logger->set_pattern(journal ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
    logger->set_level(level == "debug"     ? spdlog::level::debug
                      : level == "warning" ? spdlog::level::warn
                      : level == "error"   ? spdlog::level::err
                                           : spdlog::level::info);
    logger->flush_on(spdlog::level::debug);
    set_log_sink([logger, journal](LogLevel of, std::string_view room, std::string_view message) {
        struct Kind {
            spdlog::level::level_enum level;
            const char* priority;
        };
        const Kind kinds[] = {{spdlog::level::debug, "<7>"},
                              {spdlog::level::info, "<6>"},
                              {spdlog::level::warn, "<4>"},
                              {spdlog::level::err, "<3>"}};
        const Kind& kind = kinds[static_cast<std::size_t>(of)];
        logger->log(kind.level, "{}{}: {}", journal ? kind.priority : "", room, message);
    });
}

// Every connection is a descriptor; the hard limit is what the operator allows.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int run(const tracker::SettingsOverrides& overrides) {
    const auto settings = tracker::load_settings(overrides);
    if (!settings.ok()) {
        return report(settings.error());
    }
    log_to_stderr(settings->log_level);
    raise_descriptor_limit();

    // Threads inherit the mask, so the signals wait for this one.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);

    const SystemClock clock;
    auto started = tracker::Tracker::start(*settings, clock);
    if (!started.ok()) {
        return report(started.error());
    }
    const std::unique_ptr<tracker::Tracker> tracker = std::move(*started);
    log_info("tracker", "listening on " + tracker->listening_on() + ", data in " + settings->data);
    log_warning("tracker", "this tracker is open: anybody who can reach it may use it");
    async::notify_service("READY=1\nSTATUS=listening on " + tracker->listening_on());

    int signal = SIGHUP;
    while (signal == SIGHUP) {
        ::sigwait(&signals, &signal);
        log_info("tracker", (signal == SIGHUP ? "" : "stopping; ") + tracker->summary());
    }
    async::notify_service("STOPPING=1");
    // Whoever does not want to wait asks again; what was acknowledged is on disk.
    ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    tracker->drain(kDrainPatience);
    log_info("tracker", "stopped");
    return EX_OK;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("The swarmfs tracker: who is there, who holds what, and a copy of the catalogs.",
                 "swarmfs-tracker");
    app.set_version_flag("--version", "swarmfs-tracker " SWARMFS_VERSION);
    tracker::SettingsOverrides overrides;
    app.add_option("--listen", overrides.listen, "where to serve (default [::]:8080, IPv4 too)")
        ->type_name("ADDRESS:PORT");
    app.add_option("--data", overrides.data,
                   "folder of its tables (default " + tracker::default_data() + ")")
        ->type_name("DIR");
    app.add_option("--config", overrides.config, "TOML file with these and further settings")
        ->type_name("FILE");
    app.footer("Settings: " + tracker::known_keys() +
               ".\nIn the environment: SWARMFS_TRACKER_LISTEN, and so on; "
               "SWARMFS_TRACKER_CONFIG for the file.\n"
               "SIGTERM ends it once requests under way are answered; SIGHUP logs what it holds.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            return app.exit(error);
        }
        std::fprintf(stderr, "swarmfs-tracker: %s; --help lists the options\n",
                     printable(error.what()).c_str());
        return EX_USAGE;
    }
    return run(overrides);
}
