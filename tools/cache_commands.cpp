#include <cstdio>

#include "engine/core/log.hpp"
#include "tools/commands.hpp"
#include "tools/printing.hpp"

namespace swarmfs::tools {
namespace {

using nlohmann::json;

std::string named(const std::string& path, const std::string& swarm) {
    const std::string quoted = "\"" + printable(path) + "\"";
    return path.empty() ? "All of \"" + swarm + "\"" : quoted + " in \"" + swarm + "\"";
}

Result<> run_pin(NodeClient& node, const Context& context, std::vector<std::string> words,
                 const std::string& method) {
    SWARM_CHECK(node.ensure_running());
    SWARM_TRY(const std::string name, take_swarm_name(node, words, 1, 1));
    if (words.size() != 1) {
        return usage_error(method + " takes NAME and one PATH; / is all of the swarm");
    }
    SWARM_TRY(const json answer, node.call(method, {{"name", name}, {"path", words[0]}}));
    if (context.json) {
        print_json(answer);
        return done();
    }
    const std::string what = named(answer.at("path").get<std::string>(), name);
    if (method == "pin") {
        std::printf("%s is pinned: it is fetched in the background, and stays.\n", what.c_str());
    } else {
        std::printf("%s is not pinned.\n", what.c_str());
    }
    return done();
}

Result<json> call_with_progress(NodeClient& node, const std::string& method, const json& params) {
    ProgressLine line;
    return node.call_for_long(method, params, [&](const json& at) {
        line.text(human_count(at.value("files", 0ULL), "file") + ", " +
                  human_bytes(at.value("bytes", 0ULL)));
    });
}

Result<> run_evict(NodeClient& node, const Context& context, std::vector<std::string> words) {
    SWARM_CHECK(node.ensure_running());
    SWARM_TRY(const std::string name, take_swarm_name(node, words, 1, 1));
    if (words.size() != 1) {
        return usage_error("evict takes NAME and one PATH; / is all of the swarm");
    }
    SWARM_TRY(const json answer,
              call_with_progress(node, "evict", {{"name", name}, {"path", words[0]}}));
    if (context.json) {
        print_json(answer);
        return done();
    }
    std::printf("%s of %s given back.\n", human_bytes(answer.value("bytes", 0ULL)).c_str(),
                human_count(answer.value("files", 0ULL), "file").c_str());
    for (const json& kept : answer.at("kept")) {
        std::fprintf(stderr, "Kept: %s\n", printable(kept.at("reason").get<std::string>()).c_str());
    }
    return done();
}

// What is damaged is bad data to a script, too, whatever was done about it.
Result<> run_verify(NodeClient& node, const Context& context, std::vector<std::string> words) {
    SWARM_CHECK(node.ensure_running());
    SWARM_TRY(const std::string name, take_swarm_name(node, words, 0, 1));
    if (words.size() > 1) {
        return usage_error("verify takes NAME and one PATH");
    }
    SWARM_TRY(const json answer,
              call_with_progress(node, "verify",
                                 {{"name", name}, {"path", words.empty() ? "" : words[0]}}));
    const std::uint64_t wrong = answer.value("wrong_files", 0ULL);
    if (context.json) {
        print_json(answer);
    } else {
        std::printf("%s stored here, %s: %s.\n",
                    human_count(answer.value("files", 0ULL), "file").c_str(),
                    human_bytes(answer.value("bytes", 0ULL)).c_str(),
                    wrong == 0 ? "all as it should be" : "not all as it should be");
        for (const json& path : answer.at("wrong")) {
            std::printf("damaged   /%s\n", printable(path.get<std::string>()).c_str());
        }
    }
    if (wrong == 0) {
        return done();
    }
    return disk_error(Code::corrupt,
                      human_bytes(answer.value("wrong_bytes", 0ULL)) + " of " +
                          human_count(wrong, "file") +
                          " did not match their hashes, and were dropped. What is pinned is "
                          "fetched anew now, the rest when it is read; a disk that damages what "
                          "it holds is to be looked at");
}

}  // namespace

void add_cache_commands(CLI::App& app, Context& context) {
    using Run = Result<> (*)(NodeClient&, const Context&, std::vector<std::string>);
    const auto add = [&](const std::string& method, const std::string& help,
                         const std::string& usage, int words_min, Run run) {
        auto* command = app.add_subcommand(method, help);
        auto words = std::make_shared<std::vector<std::string>>();
        command->add_option("NAME_PATH", *words, usage)->expected(words_min, 2);
        command->callback([&context, words, run] {
            context.run = [&context, words, run](NodeClient& node) {
                return run(node, context, *words);
            };
        });
    };
    add("pin", "Fetch a file, or all below a directory, and keep it here", "[NAME] PATH", 1,
        [](NodeClient& node, const Context& to, std::vector<std::string> words) {
            return run_pin(node, to, std::move(words), "pin");
        });
    add("unpin", "End a pin; what is here may be evicted again", "[NAME] PATH", 1,
        [](NodeClient& node, const Context& to, std::vector<std::string> words) {
            return run_pin(node, to, std::move(words), "unpin");
        });
    add("evict", "Give back the room of a file, or of all below a directory, that others have",
        "[NAME] PATH", 1, run_evict);
    add("verify", "Hash what is stored here; what is damaged is dropped, and fetched anew",
        "[NAME] [PATH]", 0, run_verify);
}

}  // namespace swarmfs::tools
