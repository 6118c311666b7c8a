// swarmfsd [--home DIR] [--listen ADDR] [--port N]: the node, with its mounts, in the foreground.

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <CLI/CLI.hpp>

#include "engine/core/log.hpp"
#include "engine/node/node.hpp"
#include "engine/node/service.hpp"
#include "fs/mount_table.hpp"

using namespace swarmfs;

namespace {

// The table in docs/control.md; the units rely on it (RestartPreventExitStatus=).
int exit_code_of(const Error& error) {
    switch (error.code) {
        case Code::not_directory:  // the home
        case Code::configuration: return EX_CONFIG;
        case Code::corrupt: return EX_DATAERR;
        case Code::permission:
        case Code::read_only: return EX_NOPERM;
        case Code::try_again: return EX_TEMPFAIL;
        case Code::busy:
        case Code::unavailable: return EX_UNAVAILABLE;
        default: return EX_IOERR;
    }
}

int report(const Error& error) {
    std::fprintf(stderr, "swarmfsd: %s\n", printable(error.message).c_str());
    return exit_code_of(error);
}

spdlog::level::level_enum level_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warning: return spdlog::level::warn;
        case LogLevel::error: break;
    }
    return spdlog::level::err;
}

void log_to_stderr(const std::string& level) {
    const auto logger = spdlog::stderr_color_mt("swarmfsd");
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
    logger->set_level(level == "warning" ? spdlog::level::warn : spdlog::level::from_str(level));
    logger->flush_on(spdlog::level::debug);
    set_log_sink([logger](LogLevel of, std::string_view room, std::string_view message) {
        logger->log(level_of(of), "{}: {}", room, message);
    });
}

// Every open content and every peer is a descriptor; the hard limit is what the operator allows.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

// Secrets of the swarm are in this memory: a crash leaves no copy of it on the disk.
void forbid_core_dumps() {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
}

sigset_t signals_that_end() {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    return ends;
}

// Returns when asked to end: by signal, or by the control method `stop`, which sends one.
void wait_for_the_end(const sigset_t& ends) {
    int received = 0;
    ::sigwait(&ends, &received);
    log_info("node", "stopping");
}

int run(const node::SettingsOverrides& overrides) {
    // Blocked before any thread is made, so that all of them inherit it.
    const sigset_t ends = signals_that_end();
    ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    auto settings = node::load_settings(overrides);
    if (!settings.ok()) {
        return report(settings.error());
    }
    log_to_stderr(settings->log_level);
    raise_descriptor_limit();
    forbid_core_dumps();

    node::Surroundings surroundings;
    auto opened = node::Node::open(*settings, surroundings.clock(), surroundings.dice());
    if (!opened.ok()) {
        return report(opened.error());
    }
    node::Node& node = **opened;
    fs::MountOptions defaults;
    defaults.files.uid = ::geteuid();
    defaults.files.gid = ::getegid();
    defaults.files.read_timeout = std::chrono::milliseconds(settings->read_timeout_ms);
    fs::MountTable mounts(settings->home, defaults, surroundings.clock(), surroundings.dice());
    node.list_mounts_with([&mounts](const std::string& swarm) {
        std::vector<std::string> directories;
        for (const fs::MountedSwarm& mounted : mounts.list()) {
            if (mounted.swarm == swarm) {
                directories.push_back(mounted.directory);
            }
        }
        return directories;
    });
    node.on_stop_requested([] { ::kill(::getpid(), SIGTERM); });
    auto methods =
        fs::mount_methods(mounts, [&node](const std::string& name) { return node.volume(name); });
    if (auto started = node.start(std::move(methods)); !started.ok()) {
        return report(started.error());
    }
    node::notify_service("READY=1");
    wait_for_the_end(ends);
    node::notify_service("STOPPING=1");
    node.begin_stop();
    mounts.stop();
    node.stop();
    return EX_OK;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"swarmfsd: a node of swarmfs, in the foreground"};
    app.name("swarmfsd");
    app.set_version_flag("--version", "swarmfsd " SWARMFS_VERSION);
    node::SettingsOverrides overrides;
    app.add_option("--home", overrides.home, "The node's directory");
    app.add_option("--listen", overrides.listen, "ADDRESS:PORT for peers (default [::]:6881)");
    app.add_option("--port", overrides.port, "Only the port; 0 is any free one");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EX_OK : EX_USAGE;
    }
    return run(overrides);
}
