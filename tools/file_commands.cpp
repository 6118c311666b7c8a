#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "engine/core/ids.hpp"
#include "engine/core/log.hpp"
#include "tools/commands.hpp"
#include "tools/paths.hpp"
#include "tools/printing.hpp"

namespace swarmfs::tools {
namespace {

using nlohmann::json;

constexpr std::size_t kPathsMax = 1'000'000;  // more than a command line holds
constexpr std::size_t kListPage = 1000;       // names a call; the node streams longer directories

struct ShareOptions {
    std::vector<std::string> words;
    std::string to;
    bool once = false;
    std::vector<std::string> tags;
};

bool is_there(const std::string& path) {
    std::error_code ignored;  // what may not be looked at may be there
    return std::filesystem::symlink_status(path, ignored).type() !=
           std::filesystem::file_type::not_found;
}

// Any number of paths may follow NAME, so a first word that is no joined swarm would pass for one.
Result<std::string> take_name_before_paths(const std::vector<std::string>& joined,
                                           std::vector<std::string>& words) {
    const bool is_swarm = std::find(joined.begin(), joined.end(), words[0]) != joined.end();
    if (!joined.empty() && !is_swarm && !is_there(words[0])) {
        return caller_error(Code::not_found,
                            "\"" + words[0] +
                                "\" is neither a joined swarm nor an existing path; joined: " +
                                joined_text(joined));
    }
    if (is_swarm && words.size() == 1 && !is_there(words[0])) {
        return usage_error("share takes PATH... behind NAME");
    }
    return take_swarm_name(joined, words, 1, kPathsMax);
}

Result<> run_share(NodeClient& node, const Context& context, ShareOptions options) {
    SWARM_CHECK(node.ensure_running());
    SWARM_TRY(const std::vector<std::string> joined, joined_swarms(node));
    SWARM_TRY(const std::string name, take_name_before_paths(joined, options.words));
    json paths = json::array();
    for (const std::string& path : options.words) {
        SWARM_TRY(std::string absolute, absolute_path(path));
        paths.push_back(std::move(absolute));
    }
    json shared;
    {
        ProgressLine line;
        SWARM_TRY(shared, node.call_for_long(
                              "share",
                              {{"name", name},
                               {"paths", paths},
                               {"to", options.to},
                               {"once", options.once},
                               {"tags", options.tags}},
                              [&](const json& at) {
                                  line.text(human_count(at.value("files", 0ULL), "file") + ", " +
                                            human_bytes(at.value("bytes", 0ULL)) + "  " +
                                            printable(at.value("path", std::string())));
                              }));
    }
    if (context.json) {
        print_json(shared);
        return done();
    }
    const std::uint64_t unchanged = shared.value("unchanged", 0ULL);
    std::printf("%s, %s shared in place; %llu %s shared already.\n",
                human_count(shared.value("files", 0ULL), "file").c_str(),
                human_bytes(shared.value("bytes", 0ULL)).c_str(),
                static_cast<unsigned long long>(unchanged), unchanged == 1 ? "was" : "were");
    for (const json& watched : shared.at("watched")) {
        std::printf("Watching %s for changes.\n", printable(watched.get<std::string>()).c_str());
    }
    for (const json& skipped : shared.at("skipped")) {
        std::fprintf(stderr, "Skipped %s: %s\n",
                     printable(skipped.at("path").get<std::string>()).c_str(),
                     skipped.at("reason").get<std::string>().c_str());
    }
    return done();
}

std::string stored_share(const json& entry) {
    const std::uint64_t size = entry.value("size", 0ULL);
    if (entry.at("kind") != "file") {
        return "";
    }
    const std::uint64_t stored = entry.value("stored_bytes", 0ULL);
    return stored >= size ? "here" : std::to_string(stored * 100 / size) + " %";
}

std::vector<std::string> list_row(const json& entry) {
    const std::string kind = entry.at("kind").get<std::string>();
    std::string shown = printable(entry.at("name").get<std::string>());
    if (kind == "directory") {
        shown += "/";
    } else if (kind == "symlink") {
        shown += " -> " + printable(entry.value("target", std::string()));
    }
    const std::string size = kind == "file" ? human_bytes(entry.value("size", 0ULL)) : "";
    return {size, stored_share(entry), human_time(entry.value("mtime_ns", std::int64_t{0})), shown};
}

Result<> run_list(NodeClient& node, const Context& context, std::vector<std::string> words) {
    SWARM_CHECK(node.ensure_running());
    SWARM_TRY(const std::string name, take_swarm_name(node, words, 0, 1));
    if (words.size() > 1) {
        return usage_error("list takes NAME and one PATH");
    }
    json all = json::array();
    std::string after;
    for (;;) {
        SWARM_TRY(const json page, node.call("list", {{"name", name},
                                                      {"path", words.empty() ? "" : words[0]},
                                                      {"after", after},
                                                      {"count", kListPage}}));
        for (const json& entry : page.at("entries")) {
            all.push_back(entry);
        }
        if (!page.contains("next")) {
            break;
        }
        after = page.at("next").get<std::string>();
    }
    if (context.json) {
        print_json({{"entries", all}});
        return done();
    }
    Table table({"SIZE", "STORED", "MODIFIED", "NAME"}, {0, 1});
    for (const json& entry : all) {
        table.row(list_row(entry));
    }
    table.print();
    return done();
}

struct DownloadOptions {
    std::vector<std::string> words;
    std::string out;
};

// "3 peers (2 direct, 1 relay)"
std::string found_text(const json& at) {
    std::string links;
    for (const auto& [link, count] : at.at("links").items()) {
        if (link.empty()) {
            continue;  // it left just now
        }
        links += (links.empty() ? " (" : ", ") + std::to_string(count.get<std::uint64_t>()) + " " +
                 printable(link);
    }
    return human_count(at.value("peers", 0ULL), "peer") + links + (links.empty() ? "" : ")");
}

void show_download(ProgressLine& line, const json& at) {
    if (at.value("paused", false)) {
        line.text("paused at " + human_bytes(at.value("bytes", 0ULL)) + " of " +
                  human_bytes(at.value("bytes_total", 0ULL)) +
                  "; `swarmfs status` shows what to resume");
        return;
    }
    line.bar(at.value("bytes", 0ULL), at.value("bytes_total", 0ULL),
             human_bytes(at.value("bytes", 0ULL)) + " of " +
                 human_bytes(at.value("bytes_total", 0ULL)) + "  " +
                 human_rate(at.value("rate", 0ULL)) + "  " + found_text(at) + "  " +
                 printable(at.value("path", std::string())));
}

void print_fetched(const json& fetched) {
    const std::uint64_t over_network = fetched.value("fetched_bytes", 0ULL);
    std::printf("%s: %s, %s; ", printable(fetched.at("out").get<std::string>()).c_str(),
                human_count(fetched.value("files", 0ULL), "file").c_str(),
                human_bytes(fetched.value("bytes", 0ULL)).c_str());
    if (over_network == 0) {
        std::printf("all of it was here.\n");
        return;
    }
    std::printf("%s came over the network in %.1f s (%s), %s found.\n",
                human_bytes(over_network).c_str(),
                static_cast<double>(fetched.value("took_ms", 0ULL)) / 1000,
                human_rate(fetched.value("rate", 0ULL)).c_str(),
                human_count(fetched.at("sources").size(), "peer").c_str());
    for (const json& source : fetched.at("sources")) {
        const std::string link = source.at("path").get<std::string>();
        std::printf("  %s from %s%s\n", human_bytes(source.value("bytes", 0ULL)).c_str(),
                    source.at("node").get<std::string>().substr(0, 16).c_str(),
                    link.empty() ? "" : (" over " + printable(link)).c_str());
    }
}

// The whole swarm has no name of its own but the swarm's.
std::string default_out(const std::string& what, const std::string& swarm) {
    const std::string last = last_name(what);
    return last.empty() ? swarm : last;
}

Result<> run_download(NodeClient& node, const Context& context, DownloadOptions options) {
    SWARM_CHECK(node.ensure_running());
    SWARM_TRY(const std::string name, take_swarm_name(node, options.words, 1, 1));
    if (options.words.size() != 1) {
        return usage_error("download takes NAME and one PATH or HASH");
    }
    const std::string& what = options.words[0];
    if (what.empty()) {
        return caller_error(Code::invalid, "PATH is empty; `/` is the whole swarm");
    }
    SWARM_TRY(const std::string out,
              absolute_path(options.out.empty() ? default_out(what, name) : options.out));
    json params = {{"name", name}, {"out", out}};
    params[Hash256::from_hex(what) ? "hash" : "path"] = what;
    json fetched;
    {
        ProgressLine line;
        SWARM_TRY(fetched, node.call_for_long("download", params,
                                              [&](const json& at) { show_download(line, at); }));
    }
    if (context.json) {
        print_json(fetched);
        return done();
    }
    print_fetched(fetched);
    return done();
}

}  // namespace

void add_file_commands(CLI::App& app, Context& context) {
    {
        auto* command =
            app.add_subcommand("share", "Publish files where they are, without copying");
        auto options = std::make_shared<ShareOptions>();
        command->add_option("NAME_PATHS", options->words, "[NAME] PATH...")->required();
        command->add_option("--to", options->to, "The directory in the swarm to put them in");
        command->add_flag("--once", options->once, "Do not watch and rescan directories");
        command->add_option("--tag", options->tags, "A word to find them by; repeatable")
            ->allow_extra_args(false)
            ->take_all();
        command->callback([&context, options] {
            context.run = [&context, options](NodeClient& node) {
                return run_share(node, context, *options);
            };
        });
    }
    {
        auto* command = app.add_subcommand("list", "What a swarm contains");
        auto words = std::make_shared<std::vector<std::string>>();
        command->add_option("NAME_PATH", *words, "[NAME] [PATH]")->expected(0, 2);
        command->callback([&context, words] {
            context.run = [&context, words](NodeClient& node) {
                return run_list(node, context, *words);
            };
        });
    }
    {
        auto* command = app.add_subcommand(
            "download", "Fetch a file or directory; again continues where it stopped");
        auto options = std::make_shared<DownloadOptions>();
        command->add_option("NAME_PATH", options->words, "[NAME] PATH|HASH")
            ->required()
            ->expected(1, 2);
        command->add_option("-o", options->out, "Where to put it (default: its name, here)");
        command->callback([&context, options] {
            context.run = [&context, options](NodeClient& node) {
                return run_download(node, context, *options);
            };
        });
    }
}

}  // namespace swarmfs::tools
