#include <cstdio>

#include "engine/core/log.hpp"
#include "tools/commands.hpp"
#include "tools/paths.hpp"
#include "tools/printing.hpp"

namespace swarmfs::tools {
namespace {

using nlohmann::json;

struct LimitOptions {
    std::vector<std::string> words;
    std::string peer;
    std::string up;
    std::string down;
    std::vector<std::string> schedule;
};

Result<> run_limit(NodeClient& node, const Context& context, LimitOptions options) {
    SWARM_CHECK(node.ensure_running());
    json params = json::object();
    // Without a name it is the node that is limited, unless a peer is named: it is one of a swarm.
    if (!options.peer.empty()) {
        SWARM_TRY(params["name"], take_swarm_name(node, options.words, 0, 0));
        params["peer"] = options.peer;
    } else if (!options.words.empty()) {
        params["name"] = options.words[0];
    }
    if (!options.up.empty()) {
        params["up"] = options.up;
    }
    if (!options.down.empty()) {
        params["down"] = options.down;
    }
    if (!options.schedule.empty()) {
        params["schedule"] = options.schedule;
    }
    SWARM_TRY(const json answer, node.call("limit", params));
    if (context.json) {
        print_json(answer);
        return done();
    }
    Table table({"LIMIT OF", "UP", "DOWN", "UP NOW", "DOWN NOW", "SCHEDULE"}, {1, 2, 3, 4});
    for (const json& one : answer.at("limits")) {
        const json& schedule = one.at("schedule");
        std::vector<std::string> row = {
            limited_text(one),           rate_text(one.at("up")),       rate_text(one.at("down")),
            rate_text(one.at("now_up")), rate_text(one.at("now_down")), ""};
        for (const json& entry : schedule) {
            row.back() = entry.get<std::string>();
            table.row(row);
            row = {"", "", "", "", "", ""};
        }
        if (schedule.empty()) {
            table.row(row);
        }
    }
    table.print();
    return done();
}

struct PauseOptions {
    std::vector<std::string> words;
    std::string transfer;
};

Result<> run_pause(NodeClient& node, const Context& context, PauseOptions options,
                   const std::string& method) {
    SWARM_CHECK(node.ensure_running());
    const bool of_transfer = !options.transfer.empty();
    SWARM_TRY(const std::string name, take_swarm_name(node, options.words, 0, of_transfer ? 0 : 1));
    if (options.words.size() > (of_transfer ? 0 : 1)) {
        return usage_error(method + " takes NAME and one PATH, or NAME and --transfer OUT");
    }
    json params = {{"name", name}};
    std::string what = "\"" + name + "\"";
    if (of_transfer) {
        SWARM_TRY(const std::string out, absolute_path(options.transfer));
        params["transfer"] = out;
        what = "The download into " + printable(out);
    } else if (!options.words.empty()) {
        params["path"] = options.words[0];
        what = "\"" + printable(options.words[0]) + "\" in " + what;
    }
    SWARM_TRY(const json answer, node.call(method, params));
    if (context.json) {
        print_json(answer);
    } else if (answer.at("paused").get<bool>()) {
        std::printf("%s is paused; `swarmfs resume` with the same words ends that.\n",
                    what.c_str());
    } else {
        std::printf("%s goes on.\n", what.c_str());
    }
    return done();
}

}  // namespace

void add_limit_commands(CLI::App& app, Context& context) {
    {
        auto* command = app.add_subcommand(
            "limit", "Bytes a second for the node, a swarm or a peer of it; shows them all");
        auto options = std::make_shared<LimitOptions>();
        command->add_option("NAME", options->words, "The swarm (default: the whole node)")
            ->expected(0, 1);
        command->add_option("--peer", options->peer, "A node id, or its beginning: only this peer");
        command->add_option("--up", options->up, "What is sent: 500k, 2M or none; k is 1024");
        command->add_option("--down", options->down, "What is fetched");
        command
            ->add_option("--schedule", options->schedule,
                         "Other rates at times, \"mon-fri 08:00-18:00 up=1M down=4M\"; repeatable; "
                         "none for none")
            ->take_all()
            ->allow_extra_args(false);
        command->callback([&context, options] {
            context.run = [&context, options](NodeClient& node) {
                return run_limit(node, context, *options);
            };
        });
    }
    const auto add = [&](const std::string& method, const std::string& help) {
        auto* command = app.add_subcommand(method, help);
        auto options = std::make_shared<PauseOptions>();
        command->add_option("NAME_PATH", options->words, "[NAME] [PATH]")->expected(0, 2);
        command->add_option("--transfer", options->transfer,
                            "Only the running download into this path of this machine");
        command->callback([&context, options, method] {
            context.run = [&context, options, method](NodeClient& node) {
                return run_pause(node, context, *options, method);
            };
        });
    };
    add("pause", "Fetch and serve nothing of a swarm, or fetch nothing of a file or directory");
    add("resume", "End a pause");
}

}  // namespace swarmfs::tools
