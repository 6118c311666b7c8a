#include <poll.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdio>

#include "engine/core/log.hpp"
#include "tools/commands.hpp"
#include "tools/descriptor.hpp"
#include "tools/printing.hpp"

namespace swarmfs::tools {
namespace {

using nlohmann::json;

std::string joined_texts(const json& list) {
    std::string text;
    for (const json& item : list) {
        text += (text.empty() ? "" : ", ") + printable(item.get<std::string>());
    }
    return text.empty() ? "none" : text;
}

std::string trackers_text(const json& trackers) {
    std::string text;
    for (const json& tracker : trackers) {
        const std::string detail = tracker.value("detail", std::string());
        text += (text.empty() ? "" : ", ") + printable(tracker.at("url").get<std::string>()) + " " +
                tracker.at("state").get<std::string>() +
                (detail.empty() ? "" : " (" + printable(detail) + ")");
    }
    return text.empty() ? "none" : text;
}

// "up 1 MiB/s, down none"; nothing where nothing is limited now.
std::string limits_text(const json& limits) {
    std::string text;
    for (const json& limit : limits) {
        if (!limit.at("now_up").is_null() || !limit.at("now_down").is_null()) {
            text += (text.empty() ? "" : "; ") + limited_text(limit) + " up " +
                    rate_text(limit.at("now_up")) + ", down " + rate_text(limit.at("now_down"));
        }
    }
    return text.empty() ? "none" : text;
}

std::string blocked_text(const json& blocked) {
    constexpr std::size_t kShown = 4;
    std::string text;
    for (std::size_t i = 0; i < std::min(blocked.size(), kShown); ++i) {
        text += (i == 0 ? "" : ", ") + blocked[i].at("node").get<std::string>().substr(0, 16);
    }
    if (blocked.size() > kShown) {
        text += " and " + std::to_string(blocked.size() - kShown) + " more: `swarmfs peers`";
    }
    return text.empty() ? "none" : text;
}

void print_paused(const json& swarm) {
    const json& paused = swarm.at("paused");
    if (paused.at("swarm").get<bool>()) {
        std::printf("  paused    everything; `swarmfs resume %s` ends that\n",
                    swarm.at("name").get<std::string>().c_str());
    }
    for (const json& path : paused.at("paths")) {
        std::printf("  paused    /%s\n", printable(path.get<std::string>()).c_str());
    }
    for (const json& out : paused.at("transfers")) {
        std::printf("  paused    the download into %s\n",
                    printable(out.get<std::string>()).c_str());
    }
    for (const json& transfer : swarm.at("transfers")) {
        std::printf("  download  /%s into %s: %s of %s%s\n",
                    printable(transfer.at("path").get<std::string>()).c_str(),
                    printable(transfer.at("out").get<std::string>()).c_str(),
                    human_bytes(transfer.value("bytes", 0ULL)).c_str(),
                    human_bytes(transfer.value("bytes_total", 0ULL)).c_str(),
                    transfer.value("paused", false) ? ", paused" : "");
    }
}

void print_pinned(const json& pinned) {
    for (const json& path : pinned.at("paths")) {
        std::printf("  pinned    /%s\n", printable(path.get<std::string>()).c_str());
    }
    if (!pinned.at("paths").empty()) {
        const std::uint64_t missing = pinned.value("missing_bytes", 0ULL);
        std::printf("            %s, %s; %s\n",
                    human_count(pinned.value("files", 0ULL), "file").c_str(),
                    human_bytes(pinned.value("bytes", 0ULL)).c_str(),
                    missing == 0 ? "all here" : (human_bytes(missing) + " not here yet").c_str());
    }
}

// "1.5 GiB of 20 GiB, 4 GiB to stay free"; what may not go is said where there is any.
std::string cache_text(const json& cache) {
    std::string text = human_bytes(cache.value("bytes", 0ULL));
    if (!cache.at("max_bytes").is_null()) {
        text += " of " + human_bytes(cache.value("max_bytes", 0ULL));
    }
    text += "; " + human_bytes(cache.value("min_free_bytes", 0ULL)) + " of the disk stay free";
    if (const std::uint64_t kept = cache.value("kept_bytes", 0ULL); kept > 0) {
        text += "; " + human_bytes(kept) + " may be last copies, and stay";
    }
    return text;
}

void print_replication(const json& replication) {
    const std::uint64_t contents = replication.value("short_contents", 0ULL);
    const std::uint64_t files = replication.value("files", 0ULL);
    if (contents == 0 && files == 0) {
        return;
    }
    std::printf("  copies    %s, %s, to be there more than once; ",
                human_count(files, "file").c_str(),
                human_bytes(replication.value("bytes", 0ULL)).c_str());
    if (contents == 0) {
        std::printf("all are\n");
        return;
    }
    std::printf("%s, %s, too few times\n", human_count(contents, "content").c_str(),
                human_bytes(replication.value("short_bytes", 0ULL)).c_str());
    for (const json& one : replication.at("worst")) {
        const std::string why = one.value("why", std::string());
        std::printf("            /%s %llu of %llu%s%s\n",
                    printable(one.at("path").get<std::string>()).c_str(), one.value("copies", 0ULL),
                    one.value("wanted", 0ULL), why.empty() ? "" : ": ", printable(why).c_str());
    }
}

void print_swarm(const json& swarm) {
    const std::string description = swarm.value("description", std::string());
    std::printf("\n%s%s%s (%s)\n", swarm.at("name").get<std::string>().c_str(),
                description.empty() ? "" : ": ", printable(description).c_str(),
                swarm.at("role").get<std::string>().c_str());
    const std::uint64_t peers = swarm.value("peers", 0ULL);
    std::printf("  content   %s, %s, of which %s here\n",
                human_count(swarm.value("files", 0ULL), "file").c_str(),
                human_bytes(swarm.value("bytes", 0ULL)).c_str(),
                human_bytes(swarm.value("stored_bytes", 0ULL)).c_str());
    std::printf("  peers     %llu connected; %s in, %s out\n",
                static_cast<unsigned long long>(peers),
                human_bytes(swarm.value("received_bytes", 0ULL)).c_str(),
                human_bytes(swarm.value("sent_bytes", 0ULL)).c_str());
    std::printf("  trackers  %s\n", trackers_text(swarm.at("trackers")).c_str());
    std::printf("  mounts    %s\n", joined_texts(swarm.at("mounts")).c_str());
    std::printf("  shares    %s\n", joined_texts(swarm.at("shares")).c_str());
    print_paused(swarm);
    print_pinned(swarm.at("pinned"));
    print_replication(swarm.at("replication"));
    if (const std::string error = swarm.value("last_error", std::string()); !error.empty()) {
        std::printf("  problem   %s\n", printable(error).c_str());
    }
}

Result<> run_status(NodeClient& node, const Context& context) {
    SWARM_TRY(const json status, node.call("status", json::object()));
    if (context.json) {
        print_json(status);
        return done();
    }
    const json& store = status.at("store");
    std::printf("node      %s\n", status.at("node").get<std::string>().c_str());
    std::printf("home      %s\n", printable(status.at("home").get<std::string>()).c_str());
    std::printf("listens   %s\n", status.at("listen").get<std::string>().c_str());
    std::printf("up        %s\n", human_duration(status.value("uptime_ms", 0ULL)).c_str());
    std::printf("store     %s in %s; %s free on its disk\n",
                human_bytes(store.value("bytes", 0ULL)).c_str(),
                human_count(store.value("contents", 0ULL), "content").c_str(),
                human_bytes(store.value("free_bytes", 0ULL)).c_str());
    std::printf("cache     %s\n", cache_text(status.at("cache")).c_str());
    std::printf("limits    %s\n", limits_text(status.at("limits")).c_str());
    std::printf("blocked   %s\n", blocked_text(status.at("blocked")).c_str());
    for (const json& swarm : status.at("swarms")) {
        print_swarm(swarm);
    }
    if (status.at("swarms").empty()) {
        std::printf(
            "\nNo swarm is joined. Make one with `swarmfs create NAME`, or join one with "
            "`swarmfs join INVITE`.\n");
    }
    return done();
}

// The node publishes, says goodbye and unmounts before it ends; who asked wants to see that done.
Result<> wait_until_ended(int process) {
    constexpr int kPatienceMs = 60'000;
    const Descriptor watched(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
    pollfd ended{watched.get(), POLLIN, 0};
    if (watched.get() >= 0 && ::poll(&ended, 1, kPatienceMs) == 0) {
        return caller_error(Code::timed_out, "swarmfsd (process " + std::to_string(process) +
                                                 ") is still stopping after a minute");
    }
    return done();
}

Result<> run_stop(NodeClient& node, const Context& context) {
    if (!node.is_running()) {
        std::fprintf(stderr, "No swarmfsd runs on %s.\n", printable(node.home()).c_str());
        if (context.json) {
            print_json({{"pid", nullptr}});
        }
        return done();
    }
    SWARM_TRY(const json answer, node.call("stop", json::object()));
    SWARM_CHECK(wait_until_ended(answer.at("pid").get<int>()));
    if (context.json) {
        print_json(answer);
    }
    return done();
}

}  // namespace

std::string limited_text(const json& limit) {
    const json& name = limit.at("name");
    const json& peer = limit.at("peer");
    return name.is_null()   ? "node"
           : peer.is_null() ? name.get<std::string>()
                            : name.get<std::string>() + " " + peer.get<std::string>().substr(0, 16);
}

std::string rate_text(const json& rate) {
    return rate.is_null() ? "none" : human_rate(rate.get<std::uint64_t>());
}

void add_state_commands(CLI::App& app, Context& context) {
    auto* status = app.add_subcommand("status", "What this node does");
    status->callback([&context] {
        context.run = [&context](NodeClient& node) { return run_status(node, context); };
    });
    auto* stop = app.add_subcommand("stop", "Stop the node, with its mounts");
    stop->callback([&context] {
        context.run = [&context](NodeClient& node) { return run_stop(node, context); };
    });
}

}  // namespace swarmfs::tools
