// Control methods about what is kept here: pin, unpin, evict, verify.

#include "engine/node/keeping.hpp"
#include "engine/node/methods.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;

constexpr Duration kReportEvery = std::chrono::milliseconds(250);

std::string path_in(const json& params) {
    return plain_path(params.value("path", std::string()));
}

Result<json> set_pinned(RunningNode& node, const json& params, bool pinned) {
    SWARM_TRY(const auto member, node.member(params.value("name", std::string())));
    const std::string path = plain_path(params.at("path").get<std::string>());
    Keeping keeping(*member, node.cache(), node.pins());
    SWARM_CHECK(pinned ? keeping.pin(path) : keeping.unpin(path));
    return json{{"name", member->membership().name}, {"path", path}, {"pinned", pinned}};
}

// Says how far it is, a few times a second, and whether anybody still wants to know.
Keeping::GoOn progress_of(RunningNode& node, ControlCall& call) {
    return
        [&node, &call, reported = TimePoint{}](std::uint64_t files, std::uint64_t bytes) mutable {
            const TimePoint now = node.clock().now();
            if (now - reported < kReportEvery) {
                return true;
            }
            reported = now;
            call.progress({{"files", files}, {"bytes", bytes}});
            return !call.abandoned();
        };
}

Result<json> evict(RunningNode& node, const json& params, ControlCall& call) {
    SWARM_TRY(const auto member, node.member(params.value("name", std::string())));
    const std::string path = plain_path(params.at("path").get<std::string>());
    Keeping keeping(*member, node.cache(), node.pins());
    SWARM_TRY(const EvictReport report, keeping.evict(path, progress_of(node, call)));
    if (report.files == 0 && report.kept_files > 0) {
        Error why = report.kept.front().why;
        if (report.kept_files > 1) {
            why.message += " (and " + std::to_string(report.kept_files - 1) +
                           " more files that stay; nothing was evicted)";
        }
        return why;
    }
    json kept = json::array();
    for (const KeptFile& file : report.kept) {
        kept.push_back({{"path", file.path}, {"reason", file.why.message}});
    }
    return json{{"name", member->membership().name},
                {"path", path},
                {"files", report.files},
                {"bytes", report.bytes},
                {"kept_files", report.kept_files},
                {"kept", kept}};
}

Result<json> verify(RunningNode& node, const json& params, ControlCall& call) {
    SWARM_TRY(const auto member, node.member(params.value("name", std::string())));
    const std::string path = path_in(params);
    Keeping keeping(*member, node.cache(), node.pins());
    SWARM_TRY(const VerifyReport report, keeping.verify(path, progress_of(node, call)));
    return json{{"name", member->membership().name},
                {"path", path},
                {"files", report.files},
                {"bytes", report.bytes},
                {"wrong_files", report.wrong_files},
                {"wrong_bytes", report.wrong_bytes},
                {"wrong", report.wrong}};
}

}  // namespace

json cache_json(RunningNode& node) {
    const CacheReport report = node.cache().report();
    const auto& most = report.limits.max_bytes;
    return {{"bytes", report.bytes},
            {"max_bytes", most ? json(*most) : json(nullptr)},
            {"min_free_bytes", report.min_free_bytes},
            {"kept_bytes", report.kept_bytes},
            {"evicted_bytes", report.evicted_bytes}};
}

json pinned_json(Member& member) {
    const PinReport report = member.pin_keeper().report();
    return {{"paths", member.pins().all(member.id())},
            {"files", report.files},
            {"bytes", report.bytes},
            {"missing_bytes", report.missing_bytes}};
}

void add_cache_methods(RunningNode& node, ControlMethods& methods) {
    methods["pin"] = [&node](const json& params, ControlCall&) {
        return set_pinned(node, params, true);
    };
    methods["unpin"] = [&node](const json& params, ControlCall&) {
        return set_pinned(node, params, false);
    };
    methods["evict"] = [&node](const json& params, ControlCall& call) {
        return evict(node, params, call);
    };
    methods["verify"] = [&node](const json& params, ControlCall& call) {
        return verify(node, params, call);
    };
}

}  // namespace swarmfs::node
