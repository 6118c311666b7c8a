#include <cstdio>

#include "engine/core/log.hpp"
#include "tools/commands.hpp"
#include "tools/printing.hpp"

namespace swarmfs::tools {
namespace {

using nlohmann::json;

constexpr std::int64_t kNsOfMs = 1'000'000;

struct RestoreWords {
    std::vector<std::string> words;
    bool list = false;
    std::string as;
    std::uint64_t version = 0;
};

std::string here_text(const json& one) {
    const std::uint64_t size = one.value("size", 0ULL);
    const std::uint64_t stored = one.value("stored_bytes", 0ULL);
    return stored >= size ? "here" : stored == 0 ? "elsewhere" : human_bytes(stored) + " here";
}

Result<> print_restorable(NodeClient& node, const Context& context, const std::string& name,
                          const std::string& path) {
    SWARM_TRY(const json answer, node.call("restorable", {{"name", name}, {"path", path}}));
    if (context.json) {
        print_json(answer);
        return done();
    }
    const json& versions = answer.at("versions");
    if (versions.empty()) {
        std::printf("Nothing was deleted or replaced here within seven days.\n");
        return done();
    }
    Table table({"WHEN", "WHAT", "BY", "SIZE", "BYTES", "UNTIL", "VERSION", "PATH"}, {3, 6});
    for (const json& one : versions) {
        const auto time = [&](const char* field) {
            return human_time(one.at(field).get<std::int64_t>() * kNsOfMs);
        };
        const bool file = one.at("kind") == "file";
        table.row({time("at_ms"), one.at("deleted").get<bool>() ? "deleted" : "replaced",
                   one.at("by").is_null() ? "-" : one.at("by").get<std::string>().substr(0, 8),
                   file ? human_bytes(one.value("size", 0ULL)) : one.at("kind").get<std::string>(),
                   file ? here_text(one) : "here", time("until_ms"),
                   std::to_string(one.at("version").get<std::uint64_t>()),
                   "/" + printable(one.at("path").get<std::string>())});
    }
    table.print();
    if (answer.at("more").get<bool>()) {
        std::fprintf(stderr, "There is more; name a directory to see what is below it.\n");
    }
    return done();
}

Result<> run_restore(NodeClient& node, const Context& context, RestoreWords given) {
    SWARM_CHECK(node.ensure_running());
    SWARM_TRY(const std::string name, take_swarm_name(node, given.words, 0, 1));
    if (given.words.size() > 1) {
        return usage_error("restore takes NAME and one PATH");
    }
    const std::string path = given.words.empty() ? "" : given.words[0];
    const bool chosen = !given.as.empty() || given.version > 0;
    if (given.list || given.words.empty()) {
        return chosen ? usage_error("--as and --version are for restoring a PATH, not for listing")
                      : print_restorable(node, context, name, path);
    }
    json params = {{"name", name}, {"path", path}};
    if (!given.as.empty()) {
        params["as"] = given.as;
    }
    if (given.version > 0) {
        params["version"] = given.version;
    }
    json answer;
    {
        ProgressLine line;
        SWARM_TRY(answer, node.call_for_long("restore", params, [&](const json& at) {
            line.text(human_count(at.value("files", 0ULL), "file") + ", " +
                      human_bytes(at.value("bytes", 0ULL)));
        }));
    }
    if (context.json) {
        print_json(answer);
    } else {
        for (const json& one : answer.at("restored")) {
            std::printf("/%s\n", printable(one.at("path").get<std::string>()).c_str());
        }
        for (const json& one : answer.at("failed")) {
            std::fprintf(stderr, "%s\n", printable(one.at("reason").get<std::string>()).c_str());
        }
    }
    const std::uint64_t failed = answer.value("failed_files", 0ULL);
    if (failed == 0) {
        return done();
    }
    return network_error(Code::unavailable,
                         std::to_string(failed) + " of " +
                             human_count(failed + answer.value("files", 0ULL), "file") +
                             " could not be restored; the rest is back");
}

}  // namespace

void add_restore_commands(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand(
        "restore", "List what was deleted or replaced within seven days, or bring a PATH back");
    auto given = std::make_shared<RestoreWords>();
    command->add_option("NAME_PATH", given->words, "[NAME] [PATH]")->expected(0, 2);
    command->add_flag("--list", given->list, "List what can be restored at PATH and below it");
    command->add_option("--as", given->as, "Where it comes back, instead of where it was");
    command->add_option("--version", given->version, "An older version, as listed; 1 is the newest")
        ->check(CLI::PositiveNumber);
    command->callback([&context, given] {
        context.run = [&context, given](NodeClient& node) {
            return run_restore(node, context, *given);
        };
    });
}

}  // namespace swarmfs::tools
