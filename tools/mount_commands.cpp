#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "engine/core/log.hpp"
#include "tools/commands.hpp"
#include "tools/descriptor.hpp"
#include "tools/printing.hpp"

namespace swarmfs::tools {
namespace {

using nlohmann::json;

// mountinfo writes blanks, tabs, newlines and backslashes as three octal digits.
std::string unescaped(const std::string& field) {
    std::string text;
    for (std::size_t i = 0; i < field.size(); ++i) {
        if (field[i] == '\\' && i + 3 < field.size()) {
            text.push_back(static_cast<char>(std::stoi(field.substr(i + 1, 3), nullptr, 8)));
            i += 3;
        } else {
            text.push_back(field[i]);
        }
    }
    return text;
}

bool is_swarmfs_mount(const std::string& directory) {
    std::ifstream mounts("/proc/self/mountinfo");
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream fields(line);
        std::string skip;
        std::string point;
        fields >> skip >> skip >> skip >> skip >> point;
        if (unescaped(point) == directory && line.find(" fuse.swarmfs ") != std::string::npos) {
            return true;
        }
    }
    return false;
}

// "ro,uid=1000" and repeated -o, as mount(8) takes them.
json mount_options(const std::vector<std::string>& given) {
    json options = json::object();
    for (const std::string& list : given) {
        std::istringstream words(list);
        for (std::string word; std::getline(words, word, ',');) {
            const std::size_t equals = word.find('=');
            if (equals != std::string::npos) {
                options[word.substr(0, equals)] = word.substr(equals + 1);
            } else if (!word.empty()) {
                options[word] = true;
            }
        }
    }
    return options;
}

// Until the directory is unmounted by anyone, or we are told to end, and then unmount it.
Result<> stay_until_unmounted(NodeClient& node, const std::string& directory) {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &ends, nullptr);
    const Descriptor signals(::signalfd(-1, &ends, SFD_CLOEXEC));
    const Descriptor mounts(::open("/proc/self/mounts", O_RDONLY | O_CLOEXEC));
    while (is_swarmfs_mount(directory)) {
        pollfd watched[] = {{signals.get(), POLLIN, 0}, {mounts.get(), POLLPRI, 0}};
        ::poll(watched, 2, -1);
        if ((watched[0].revents & POLLIN) != 0) {
            auto unmounted = node.call("unmount", {{"directory", directory}});
            return unmounted.ok() ? done() : Result<>(unmounted.error());
        }
    }
    return done();
}

struct MountOptions {
    std::vector<std::string> words;
    std::vector<std::string> options;
    bool foreground = false;
};

Result<> run_mount(NodeClient& node, const Context& context, MountOptions options) {
    SWARM_CHECK(node.ensure_running());
    SWARM_TRY(const std::string name, take_swarm_name(node, options.words, 1, 1));
    if (options.words.size() != 1) {
        return caller_error(Code::invalid, "mount takes NAME and DIR");
    }
    const std::string directory = absolute_path(options.words[0]);
    SWARM_TRY(const json mounted,
              node.call("mount", {{"name", name},
                                  {"directory", directory},
                                  {"options", mount_options(options.options)}}));
    if (context.json) {
        print_json(mounted);
    } else {
        std::fprintf(stderr, "Swarm \"%s\" is mounted on %s.\n",
                     mounted.at("name").get<std::string>().c_str(), printable(directory).c_str());
    }
    return options.foreground ? stay_until_unmounted(node, directory) : done();
}

// A mount whose daemon died answers "Transport endpoint is not connected" until it is detached.
Result<> detach_orphan(const std::string& directory) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::execlp("fusermount3", "fusermount3", "-u", "-z", "--", directory.c_str(), nullptr);
        ::_exit(127);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) < 0 || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0) {
        return caller_error(Code::io, directory +
                                          " was left by a swarmfsd that died and could not be "
                                          "detached; try `umount -l` on it as root");
    }
    std::fprintf(stderr, "Its swarmfsd had died; the stale mount was detached.\n");
    return done();
}

Result<> run_unmount(NodeClient& node, const Context& context, const std::string& given) {
    const std::string directory = absolute_path(given);
    const bool mounted = is_swarmfs_mount(directory);
    if (!mounted) {
        return caller_error(Code::not_found, "no swarm is mounted on " + directory +
                                                 "; `swarmfs status` lists the mounts");
    }
    if (!node.is_running()) {
        return detach_orphan(directory);
    }
    auto unmounted = node.call("unmount", {{"directory", directory}});
    if (!unmounted.ok()) {
        return unmounted.error();
    }
    if (context.json) {
        print_json(*unmounted);
    }
    return done();
}

}  // namespace

void add_mount_commands(CLI::App& app, Context& context) {
    {
        auto* command = app.add_subcommand("mount", "Show a swarm as a directory");
        auto options = std::make_shared<MountOptions>();
        command->add_option("NAME_DIR", options->words, "[NAME] DIR")->required()->expected(1, 2);
        command
            ->add_option("-o", options->options,
                         "ro, allow_other, default_permissions, uid=, gid=, umask=, "
                         "read_timeout=, nonempty")
            ->allow_extra_args(false)
            ->take_all();
        command->add_flag("--foreground", options->foreground, "Stay until it is unmounted");
        command->callback([&context, options] {
            context.run = [&context, options](NodeClient& node) {
                return run_mount(node, context, *options);
            };
        });
    }
    {
        auto* command = app.add_subcommand("unmount", "Take a mount away (umount works, too)");
        auto directory = std::make_shared<std::string>();
        command->add_option("DIR", *directory, "Where it is mounted")->required();
        command->callback([&context, directory] {
            context.run = [&context, directory](NodeClient& node) {
                return run_unmount(node, context, *directory);
            };
        });
    }
}

}  // namespace swarmfs::tools
