#include <cstdio>

#include "engine/core/log.hpp"
#include "tools/commands.hpp"
#include "tools/printing.hpp"

namespace swarmfs::tools {
namespace {

using nlohmann::json;

struct PolicyOptions {
    std::vector<std::string> words;
    unsigned replicas = 0;  // 0: not said
    unsigned read_quorum = 0;
};

std::string number_text(const json& number) {
    return number.is_null() ? "" : std::to_string(number.get<unsigned>());
}

void print_policy(const json& policy, bool of_path) {
    Table table({"PATH", "REPLICAS", "READ QUORUM"}, {1, 2});
    const std::string path = policy.at("path").get<std::string>();
    table.row({"/" + printable(path), number_text(policy.at("replicas")),
               number_text(policy.at("read_quorum"))});
    if (!of_path) {
        for (const json& one : policy.at("paths")) {
            const std::string said = one.at("path").get<std::string>();
            if (!said.empty()) {
                table.row({"/" + printable(said), number_text(one.at("replicas")),
                           number_text(one.at("read_quorum"))});
            }
        }
    }
    table.print();
}

Result<> run_policy(NodeClient& node, const Context& context, PolicyOptions options) {
    SWARM_CHECK(node.ensure_running());
    SWARM_TRY(const std::string name, take_swarm_name(node, options.words, 0, 1));
    if (options.words.size() > 1) {
        return usage_error("policy takes NAME and one PATH");
    }
    json params = {{"name", name}};
    if (!options.words.empty()) {
        params["path"] = options.words[0];
    }
    if (options.replicas != 0) {
        params["replicas"] = options.replicas;
    }
    if (options.read_quorum != 0) {
        params["read_quorum"] = options.read_quorum;
    }
    SWARM_TRY(const json answer, node.call("policy", params));
    if (context.json) {
        print_json(answer);
    } else {
        print_policy(answer, !options.words.empty());
    }
    return done();
}

}  // namespace

void add_policy_commands(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand(
        "policy", "How many members are to hold the files of a swarm; for all members");
    auto options = std::make_shared<PolicyOptions>();
    command->add_option("NAME_PATH", options->words, "[NAME] [PATH]")->expected(0, 2);
    command->add_option("--replicas", options->replicas, "So many members are to hold it (1 to 64)")
        ->check(CLI::Range(1U, 64U));
    command
        ->add_option("--read-quorum", options->read_quorum,
                     "So many members must confirm a file before it is opened (1 to 64)")
        ->check(CLI::Range(1U, 64U));
    command->callback([&context, options] {
        context.run = [&context, options](NodeClient& node) {
            return run_policy(node, context, *options);
        };
    });
}

}  // namespace swarmfs::tools
