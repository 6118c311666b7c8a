// swarmfs: the command line of a node. It speaks to swarmfsd over the home's control socket.

#include <sysexits.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>

#include "engine/core/log.hpp"
#include "tools/commands.hpp"
#include "tools/printing.hpp"

namespace {

using namespace swarmfs::tools;

// `NAME [PATH]` is one list of words to the parser, because a lone word may be either; people see the
// words. Such positionals have a name with `_` and their words for a description.
class Help final : public CLI::Formatter {
public:
    std::string make_option_usage(const CLI::Option* option) const override {
        return takes_words(option) ? option->get_description()
                                   : CLI::Formatter::make_option_usage(option);
    }
    std::string make_positionals(const CLI::App* app) const override {
        const auto all =
            app->get_options([](const CLI::Option* option) { return option->get_positional(); });
        return std::all_of(all.begin(), all.end(), takes_words)
                   ? std::string()
                   : CLI::Formatter::make_positionals(app);
    }

private:
    static bool takes_words(const CLI::Option* option) {
        return option->get_positional() && option->get_name(true).find('_') != std::string::npos;
    }
};

// What a node of another version answers may lack what is looked for in it; nlohmann throws then.
int run(const Context& context) {
    try {
        const auto home = home_from(context.home_flag);
        if (!home.ok()) {
            return report(home.error());
        }
        NodeClient node(*home, std::chrono::seconds(context.timeout_s));
        const auto result = context.run(node);
        return result.ok() ? EX_OK : report(result.error());
    } catch (const std::exception& error) {
        std::fprintf(stderr,
                     "swarmfs: something went wrong that should not (%s). If swarmfs was upgraded "
                     "while its node ran, stop the node and try again: swarmfs stop. Else this is "
                     "a bug.\n",
                     swarmfs::printable(error.what()).c_str());
        return EX_SOFTWARE;
    }
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "swarmfs: a private peer-to-peer file system. Mount a swarm, and what its members "
        "share is there to be read."};
    app.name("swarmfs");
    app.formatter(std::make_shared<Help>());
    app.set_version_flag("--version", "swarmfs " SWARMFS_VERSION);
    app.footer(
        "Exit codes: 0; 64 usage, 65 bad data or no such thing, 69 unavailable, 70 a bug, 74 I/O, "
        "75 try again,\n77 permission, 78 configuration. docs/control.md says more.");
    app.require_subcommand(1);
    app.fallthrough();
    Context context;
    app.add_option("--home", context.home_flag,
                   "The node's directory (default $SWARMFS_HOME, else the user's data directory)");
    app.add_flag("--json", context.json, "Print the answer as JSON");
    app.add_option("--timeout", context.timeout_s,
                   "Seconds the node may take to answer (60); share, download, evict, verify, "
                   "restore and leave take theirs")
        ->check(CLI::Range(1U, 86'400U));
    add_swarm_commands(app, context);
    add_mount_commands(app, context);
    add_file_commands(app, context);
    add_state_commands(app, context);
    add_cache_commands(app, context);
    add_limit_commands(app, context);
    add_peer_commands(app, context);
    add_policy_commands(app, context);
    add_restore_commands(app, context);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EX_OK : EX_USAGE;
    }
    return run(context);
}
