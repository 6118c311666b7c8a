#include <poll.h>
#include <sys/signalfd.h>

#include <csignal>
#include <cstdio>
#include <sstream>

#include "engine/core/log.hpp"
#include "tools/commands.hpp"
#include "tools/descriptor.hpp"
#include "tools/local_mounts.hpp"
#include "tools/printing.hpp"

namespace swarmfs::tools {
namespace {

using nlohmann::json;

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

sigset_t signals_that_end() {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    return ends;
}

// The process behind the mount has ended; if it ended well, it unmounted.
Result<> end_with_the_node(NodeClient& node, const SwarmMount& mount) {
    if (probe(mount.directory) == Liveness::stale) {
        SWARM_CHECK(detach_stale(mount));
    }
    return network_error(Code::unavailable,
                         "the swarmfsd behind " + mount.directory +
                             " ended without unmounting it; its log may say why. Mount it again: "
                             "swarmfs --home " +
                             node.home() + " mount " + mount.swarm + " " + mount.directory);
}

// Until the directory is unmounted by anyone, or we are told to end, and then unmount it.
// `process`: the node's. Requires: signals_that_end() are blocked.
// Errors: unavailable when the node ends first; those of unmounting.
Result<> stay_until_unmounted(NodeClient& node, const Descriptor& process,
                              const std::string& directory) {
    const sigset_t ends = signals_that_end();
    const Descriptor signals(::signalfd(-1, &ends, SFD_CLOEXEC));
    const Descriptor mounts(::open("/proc/self/mounts", O_RDONLY | O_CLOEXEC));
    while (const auto mount = find_swarm_mount(directory)) {
        pollfd watched[] = {
            {signals.get(), POLLIN, 0}, {process.get(), POLLIN, 0}, {mounts.get(), POLLPRI, 0}};
        ::poll(watched, 3, -1);
        if ((watched[0].revents & POLLIN) != 0) {
            auto unmounted = node.call("unmount", {{"directory", directory}});
            return unmounted.ok() ? done() : Result<>(unmounted.error());
        }
        if ((watched[1].revents & POLLIN) != 0 && find_swarm_mount(directory)) {
            return end_with_the_node(node, *mount);
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
        return usage_error("mount takes NAME and DIR");
    }
    if (options.foreground) {  // one that comes while it is being mounted must not leave it behind
        const sigset_t ends = signals_that_end();
        ::sigprocmask(SIG_BLOCK, &ends, nullptr);
    }
    const Descriptor process = node.process();
    SWARM_TRY(const json mounted,
              node.call("mount", {{"name", name},
                                  {"directory", canonical_path(options.words[0])},
                                  {"options", mount_options(options.options)}}));
    const std::string directory = mounted.at("directory").get<std::string>();
    if (context.json) {
        print_json(mounted);
    } else {
        std::fprintf(stderr, "Swarm \"%s\" is mounted on %s.\n",
                     mounted.at("name").get<std::string>().c_str(), printable(directory).c_str());
    }
    return options.foreground ? stay_until_unmounted(node, process, directory) : done();
}

// Somebody may be working in it, so it is theirs to end.
Error mounted_by_another(const NodeClient& node, const SwarmMount& mount) {
    const std::string by_hand = ::geteuid() == 0 ? "umount " : "fusermount3 -u ";
    return caller_error(Code::not_found,
                        mount.directory + " shows the swarm \"" + mount.swarm +
                            "\" of another node, which " + user_name(mount.user) +
                            " runs; the node on " + node.home() + " has not mounted it. Use " +
                            by_hand + mount.directory + ", or swarmfs --home ITS_HOME unmount " +
                            mount.directory);
}

Result<json> unmount_what_no_node_of_ours_has(const NodeClient& node, const SwarmMount& mount) {
    switch (probe(mount.directory)) {
        case Liveness::alive: return mounted_by_another(node, mount);
        case Liveness::silent:
            return caller_error(Code::busy,
                                mount.directory +
                                    " is mounted by a swarmfsd that does not answer; stop that "
                                    "one, then try again");
        case Liveness::stale: break;
    }
    SWARM_CHECK(detach_stale(mount));
    std::fprintf(stderr, "The swarmfsd behind %s is gone; its stale mount was taken away.\n",
                 printable(mount.directory).c_str());
    return json{{"name", mount.swarm}, {"directory", mount.directory}, {"stale", true}};
}

Result<json> unmount_anyhow(NodeClient& node, const SwarmMount& mount) {
    if (node.is_running()) {
        auto unmounted = node.call("unmount", {{"directory", mount.directory}});
        if (unmounted.ok()) {
            return unmounted;
        }
        // A node that ends meanwhile may leave its mount behind.
        if (unmounted.error().code != Code::not_found && node.is_running()) {
            return unmounted;
        }
    }
    return unmount_what_no_node_of_ours_has(node, mount);
}

Result<> run_unmount(NodeClient& node, const Context& context, const std::string& given) {
    const std::string directory = canonical_path(given);
    const auto mount = find_swarm_mount(directory);
    if (!mount) {
        return caller_error(Code::not_found, "no swarm is mounted on " + directory +
                                                 "; `swarmfs status` lists the mounts");
    }
    SWARM_TRY(const json unmounted, unmount_anyhow(node, *mount));
    if (context.json) {
        print_json(unmounted);
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
