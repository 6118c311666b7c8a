// Control methods about what was deleted or replaced: restorable, restore.

#include <algorithm>

#include "engine/node/methods.hpp"
#include "engine/node/restore.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;

constexpr std::size_t kRestorableCountMax = 1000;
constexpr Duration kSayEvery = std::chrono::milliseconds(250);

Result<json> restorable(RunningNode& node, const json& params) {
    SWARM_TRY(const auto member, node.member(params.value("name", std::string())));
    const std::string path = plain_path(params.value("path", std::string()));
    const std::size_t count =
        std::min(params.value("count", kRestorableCountMax), kRestorableCountMax);
    auto found = Restore(*member).list(path, count + 1);
    const bool more = found.size() > count;
    found.resize(std::min(found.size(), count));
    json versions = json::array();
    for (const Restorable& one : found) {
        const catalog::Entry& entry = one.version.entry;
        json version = {{"path", entry.path},
                        {"kind", catalog::name_of(entry.kind)},
                        {"version", one.number},
                        {"deleted", one.deleted},
                        {"at_ms", catalog::wall_ms_of(one.at)},
                        {"by", one.by ? json(one.by->hex()) : json(nullptr)},
                        {"author", one.version.dot.author.node.hex()},
                        {"mtime_ns", entry.mtime_ns},
                        {"until_ms", one.until_ms}};
        if (entry.kind == catalog::EntryKind::file) {
            version["size"] = entry.content.size;
            version["stored_bytes"] = one.stored_bytes;
        }
        versions.push_back(std::move(version));
    }
    return json{{"name", member->membership().name}, {"versions", versions}, {"more", more}};
}

Result<json> restore(RunningNode& node, const json& params, ControlCall& call) {
    SWARM_TRY(const auto member, node.member(params.value("name", std::string())));
    RestoreRequest request;
    request.path = plain_path(params.at("path").get<std::string>());
    if (params.contains("as")) {
        request.as = plain_path(params.at("as").get<std::string>());
    }
    if (params.contains("version")) {
        request.number = params.at("version").get<std::uint64_t>();
    }
    const auto go_on = [&, said = TimePoint{}](std::uint64_t files, std::uint64_t bytes) mutable {
        const TimePoint now = node.clock().now();
        if (now - said >= kSayEvery) {
            said = now;
            call.progress({{"files", files}, {"bytes", bytes}});
        }
        return !call.abandoned();
    };
    SWARM_TRY(const RestoreReport report, Restore(*member).bring_back(request, go_on));
    if (report.restored_files == 0 && !report.failed.empty()) {
        Error why = report.failed.front().why;
        if (report.failed_files > 1) {
            why.message += " (and " + std::to_string(report.failed_files - 1) +
                           " more that cannot be; nothing was restored)";
        }
        return why;
    }
    json restored = json::array();
    for (const auto& one : report.restored) {
        restored.push_back({{"path", one.path}, {"bytes", one.bytes}});
    }
    json failed = json::array();
    for (const auto& one : report.failed) {
        failed.push_back({{"path", one.path}, {"reason", one.why.message}});
    }
    return json{{"name", member->membership().name},
                {"files", report.restored_files},
                {"bytes", report.bytes},
                {"restored", restored},
                {"failed_files", report.failed_files},
                {"failed", failed}};
}

}  // namespace

void add_restore_methods(RunningNode& node, ControlMethods& methods) {
    methods["restorable"] = [&node](const json& params, ControlCall&) {
        return restorable(node, params);
    };
    methods["restore"] = [&node](const json& params, ControlCall& call) {
        return restore(node, params, call);
    };
}

}  // namespace swarmfs::node
