// swarmfsd [--home DIR] [--listen ADDR] [--port N] [--supervise]: the node, with its mounts, in the
// foreground.
//
// SIGTERM and SIGINT end it, and its mounts. SIGHUP runs the program anew in the same process, as it
// stands on the disk by then, and its mounts go on: an upgrade.

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "engine/core/log.hpp"
#include "engine/node/node.hpp"
#include "engine/node/service.hpp"
#include "fs/mount_table.hpp"
#include "fs/supervisor.hpp"

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

sigset_t signals_waited_for() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        sigaddset(&signals, number);
    }
    return signals;
}

enum class Ending { for_good, to_run_anew };

// Returns when asked to end: by signal, or by the control method `stop`, which sends one.
Ending wait_for_the_end(const sigset_t& signals) {
    int received = 0;
    ::sigwait(&signals, &received);
    log_info("node", received == SIGHUP ? "running anew" : "stopping");
    return received == SIGHUP ? Ending::to_run_anew : Ending::for_good;
}

// The path this program was started from: what stands there later may be a newer version.
std::string own_program() {
    std::error_code failed;
    return std::filesystem::read_symlink("/proc/self/exe", failed).string();
}

// Gives the mounts to the next run. Does not return, unless the program cannot be run.
int run_anew(const std::string& program, const std::vector<std::string>& words,
             const std::vector<node::KeptDescriptor>& kept) {
    node::pass_kept_descriptors(kept);
    std::vector<std::string> copies = words;
    std::vector<char*> arguments;
    for (std::string& word : copies) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    ::execv(program.c_str(), arguments.data());
    std::fprintf(stderr, "swarmfsd: %s cannot be run: %s\n", program.c_str(), std::strerror(errno));
    return EX_OSERR;
}

std::vector<std::string> words_of(int argc, char** argv) {
    return {argv, argv + argc};
}

struct Run {
    bool anew = false;  // with what is kept
    std::vector<node::KeptDescriptor> kept;
};

Result<Run> run(const node::SettingsOverrides& overrides) {
    std::vector<node::KeptDescriptor> kept = node::take_kept_descriptors();
    // Blocked before any thread is made, so that all of them inherit it.
    const sigset_t signals = signals_waited_for();
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    SWARM_TRY(const node::Settings settings, node::load_settings(overrides));
    log_to_stderr(settings.log_level);
    raise_descriptor_limit();
    forbid_core_dumps();

    node::Surroundings surroundings;
    SWARM_TRY(const std::unique_ptr<node::Node> opened,
              node::Node::open(settings, surroundings.clock(), surroundings.dice()));
    node::Node& node = *opened;
    fs::MountOptions defaults;
    defaults.files.uid = ::geteuid();
    defaults.files.gid = ::getegid();
    defaults.files.read_timeout = std::chrono::milliseconds(settings.read_timeout_ms);
    fs::MountTable mounts(settings.home, defaults, surroundings.clock(), surroundings.dice());
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
    const auto volume = [&node](const std::string& name) { return node.volume(name); };
    mounts.expect(kept, volume);
    SWARM_CHECK(node.start(fs::mount_methods(mounts, volume)));
    mounts.go_on(std::move(kept), volume);
    node::notify_service("READY=1");
    Run done;
    done.anew = wait_for_the_end(signals) == Ending::to_run_anew;
    node::notify_service(done.anew ? "RELOADING=1" : "STOPPING=1");
    node.begin_stop();
    if (done.anew) {
        done.kept = mounts.pause();
    } else {
        mounts.stop();
    }
    node.stop();
    return done;
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
    bool supervised = false;
    app.add_flag("--supervise", supervised,
                 "Start it again when it crashes; its mounts go on (as systemd does)");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EX_OK : EX_USAGE;
    }
    const std::string program = own_program();
    if (supervised) {
        std::vector<std::string> words = words_of(argc, argv);
        std::erase(words, "--supervise");
        words[0] = program;
        return fs::supervise(words);
    }
    const auto done = run(overrides);
    if (!done.ok()) {
        return report(done.error());
    }
    return done->anew ? run_anew(program, words_of(argc, argv), done->kept) : EX_OK;
}
