// swarmfs: the command line of a node. It speaks to swarmfsd over the home's control socket.

#include <sysexits.h>

#include "tools/commands.hpp"
#include "tools/printing.hpp"

int main(int argc, char** argv) {
    using namespace swarmfs::tools;
    CLI::App app{
        "swarmfs: a private peer-to-peer file system. Mount a swarm, and what its members "
        "share is there to be read."};
    app.name("swarmfs");
    app.set_version_flag("--version", "swarmfs " SWARMFS_VERSION);
    app.require_subcommand(1);
    app.fallthrough();
    Context context;
    app.add_option("--home", context.home_flag,
                   "The node's directory (default $SWARMFS_HOME, else the user's data directory)");
    app.add_flag("--json", context.json, "Print the answer as JSON");
    add_swarm_commands(app, context);
    add_mount_commands(app, context);
    add_file_commands(app, context);
    add_state_commands(app, context);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EX_OK : EX_USAGE;
    }
    NodeClient node(home_from(context.home_flag));
    const auto result = context.run(node);
    return result.ok() ? EX_OK : report(result.error());
}
