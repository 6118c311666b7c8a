// Control methods about limits and pauses: limit, pause, resume.

#include <algorithm>

#include "engine/node/methods.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;

json rate_json(Rate rate) {
    return rate == kNoLimit ? json(nullptr) : json(rate);
}

Result<json> limit(RunningNode& node, const json& params) {
    const std::string name = params.value("name", std::string());
    const std::string peer = params.value("peer", std::string());
    LimitScope scope;
    if (!name.empty() || !peer.empty()) {
        SWARM_TRY(const auto member, node.member(name));
        scope.swarm = member->id();
        if (!peer.empty()) {
            SWARM_TRY(scope.peer, node_named(node, peer, member.get()));
        }
    }
    LimitRule rule = node.limits().rule(scope);
    const LimitRule before = rule;
    if (params.contains("up")) {
        SWARM_TRY(rule.standing.up, parse_rate(params.at("up").get<std::string>()));
    }
    if (params.contains("down")) {
        SWARM_TRY(rule.standing.down, parse_rate(params.at("down").get<std::string>()));
    }
    if (params.contains("schedule")) {
        rule.schedule.clear();
        const auto entries = params.at("schedule").get<std::vector<std::string>>();
        for (const std::string& text : entries) {
            if (text == "none" && entries.size() == 1) {
                break;
            }
            SWARM_TRY(ScheduleEntry entry, parse_schedule(text));
            rule.schedule.push_back(entry);
        }
        if (rule.schedule.size() > LimitRule::kEntriesMax) {
            return caller_error(Code::too_large, "a schedule has at most 200 entries");
        }
    }
    if (rule != before) {
        SWARM_CHECK(node.limits().set(scope, rule));
    }
    return json{{"limits", limits_json(node)}};
}

// ---- pauses ----

Result<json> pause_transfer(Member& member, const std::string& out, bool paused) {
    const auto running = member.transfers().of(member.id());
    const bool runs = std::any_of(running.begin(), running.end(),
                                  [&](const auto& one) { return one->out == out; });
    if (paused && !runs) {
        return caller_error(Code::not_found, "no download into " + out +
                                                 " runs; `swarmfs status` lists those that do");
    }
    SWARM_CHECK(member.pauses().set(member.id(), PauseKind::transfer, out, paused));
    return json{{"name", member.membership().name}, {"transfer", out}, {"paused", paused}};
}

Result<json> pause_path(Member& member, const std::string& path, bool paused) {
    const std::string name = member.membership().name;
    if (paused && !member.tree().view().names.resolve(path).ok()) {
        return nothing_at(path, name);
    }
    SWARM_CHECK(member.pauses().set(member.id(), PauseKind::path, path, paused));
    if (const auto above = member.pauses().covering(member.id(), path); above && !paused) {
        return caller_error(Code::invalid, "\"" + path + "\" is paused with \"" + *above +
                                               "\", in which it is; resume that: swarmfs resume " +
                                               name + " " + (above->empty() ? "/" : *above));
    }
    return json{{"name", name}, {"path", path}, {"paused", paused}};
}

Result<json> set_paused(RunningNode& node, const json& params, bool paused) {
    SWARM_TRY(const auto member, node.member(params.value("name", std::string())));
    if (params.contains("transfer")) {
        return pause_transfer(*member, params.at("transfer").get<std::string>(), paused);
    }
    if (params.contains("path")) {
        return pause_path(*member, plain_path(params.at("path").get<std::string>()), paused);
    }
    SWARM_CHECK(member->set_paused(paused));
    return json{{"name", member->membership().name}, {"paused", paused}};
}

}  // namespace

json limits_json(RunningNode& node) {
    std::map<SwarmId, std::string> names;
    for (const auto& member : node.members()) {
        names[member->id()] = member->membership().name;
    }
    auto rules = node.limits().rules();
    rules.try_emplace(LimitScope{});  // the node's own comes first, also when it is none
    json all = json::array();
    for (const auto& [scope, rule] : rules) {
        json schedule = json::array();
        for (const ScheduleEntry& entry : rule.schedule) {
            schedule.push_back(to_text(entry));
        }
        const Rates now = node.limits().now(rule);
        all.push_back({{"name", scope.swarm ? json(names[*scope.swarm]) : json(nullptr)},
                       {"peer", scope.peer ? json(scope.peer->hex()) : json(nullptr)},
                       {"up", rate_json(rule.standing.up)},
                       {"down", rate_json(rule.standing.down)},
                       {"now_up", rate_json(now.up)},
                       {"now_down", rate_json(now.down)},
                       {"schedule", schedule}});
    }
    return all;
}

json paused_json(Member& member) {
    return {{"swarm", member.pauses().paused(member.id(), PauseKind::swarm)},
            {"paths", member.pauses().all(member.id(), PauseKind::path)},
            {"transfers", member.pauses().all(member.id(), PauseKind::transfer)}};
}

json transfers_json(Member& member) {
    json all = json::array();
    for (const auto& one : member.transfers().of(member.id())) {
        all.push_back({{"path", one->path},
                       {"out", one->out},
                       {"bytes", one->bytes.load()},
                       {"bytes_total", one->bytes_total.load()},
                       {"paused", one->paused.load()}});
    }
    return all;
}

void add_limit_methods(RunningNode& node, ControlMethods& methods) {
    methods["limit"] = [&node](const json& params, ControlCall&) { return limit(node, params); };
    methods["pause"] = [&node](const json& params, ControlCall&) {
        return set_paused(node, params, true);
    };
    methods["resume"] = [&node](const json& params, ControlCall&) {
        return set_paused(node, params, false);
    };
}

}  // namespace swarmfs::node
