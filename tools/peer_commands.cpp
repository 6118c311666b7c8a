#include <cstdio>

#include "engine/core/log.hpp"
#include "tools/commands.hpp"
#include "tools/printing.hpp"

namespace swarmfs::tools {
namespace {

using nlohmann::json;

// Shows that there is nothing to show, in the width of what could be.
constexpr const char* kNone = "-";

std::string short_node(const json& entry) {
    return entry.at("node").get<std::string>().substr(0, 16);
}

std::string decimals(const json& number, const char* format) {
    if (number.is_null()) {
        return kNone;
    }
    char text[32];
    std::snprintf(text, sizeof(text), format, number.get<double>());
    return text;
}

Result<> run_peers(NodeClient& node, const Context& context, const std::string& name) {
    SWARM_TRY(const json answer, node.call("peers", {{"name", name}}));
    if (context.json) {
        print_json(answer);
        return done();
    }
    Table table({"NODE", "PATH", "RTT", "DOWN", "UP", "SCORE", "FAILED", "RECEIVED", "SENT",
                 "STATE", "SWARM", "ADDRESS"},
                {2, 3, 4, 5, 6, 7, 8});
    for (const json& peer : answer.at("peers")) {
        table.row({short_node(peer), peer.at("path").get<std::string>(),
                   decimals(peer.at("rtt_ms"), "%.1f ms"),
                   human_rate(peer.value("down_rate", 0ULL)),
                   human_rate(peer.value("up_rate", 0ULL)), decimals(peer.at("score"), "%.2f"),
                   std::to_string(peer.value("failures", 0ULL)),
                   human_bytes(peer.value("received_bytes", 0ULL)),
                   human_bytes(peer.value("sent_bytes", 0ULL)), "connected",
                   peer.at("swarm").get<std::string>(),
                   printable(peer.at("address").get<std::string>())});
    }
    const auto refused = [&](const json& one, const std::string& state, const std::string& swarm) {
        table.row({short_node(one), kNone, kNone, kNone, kNone, kNone, kNone, kNone, kNone, state,
                   swarm, kNone});
    };
    for (const json& one : answer.at("banned")) {
        const auto until_ms = one.at("until_ms").get<std::int64_t>();
        refused(one, "banned until " + human_time(until_ms * 1'000'000),
                one.at("swarm").get<std::string>());
    }
    for (const json& one : answer.at("blocked")) {
        refused(one, "blocked", "all");
    }
    table.print();
    return done();
}

Result<> run_block(NodeClient& node, const Context& context, const std::string& peer,
                   const std::string& method) {
    SWARM_CHECK(node.ensure_running());
    SWARM_TRY(const json answer, node.call(method, {{"peer", peer}}));
    if (context.json) {
        print_json(answer);
        return done();
    }
    const std::string who = answer.at("node").get<std::string>();
    const bool changed = answer.at("changed").get<bool>();
    if (answer.at("blocked").get<bool>()) {
        std::printf("%s is %sblocked; `swarmfs unblock %s` ends that.\n", who.c_str(),
                    changed ? "" : "already ", who.substr(0, 16).c_str());
    } else {
        std::printf("%s %s.\n", who.c_str(), changed ? "is let in again" : "was not blocked");
    }
    return done();
}

}  // namespace

void add_peer_commands(CLI::App& app, Context& context) {
    {
        auto* command =
            app.add_subcommand("peers", "Whom this node is connected to, and whom it refuses");
        auto name = std::make_shared<std::string>();
        command->add_option("NAME", *name, "Only this swarm's");
        command->callback([&context, name] {
            context.run = [&context, name](NodeClient& node) {
                return run_peers(node, context, *name);
            };
        });
    }
    const auto add = [&](const std::string& method, const std::string& help) {
        auto* command = app.add_subcommand(method, help);
        auto peer = std::make_shared<std::string>();
        command->add_option("PEER", *peer, "A node id, or its beginning")->required();
        command->callback([&context, peer, method] {
            context.run = [&context, peer, method](NodeClient& node) {
                return run_block(node, context, *peer, method);
            };
        });
    };
    add("block", "End all connections with a node, and refuse new ones");
    add("unblock", "Let a node in again that was blocked, or banned");
}

}  // namespace swarmfs::tools
