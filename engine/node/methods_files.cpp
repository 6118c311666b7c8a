// Control methods about files: share, list, download.

#include <algorithm>

#include "engine/node/download.hpp"
#include "engine/node/methods.hpp"
#include "engine/node/tree_walk.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;

constexpr std::size_t kListCountMax = 1000;

const char* kind_name(store::InodeKind kind) {
    switch (kind) {
        case store::InodeKind::directory: return "directory";
        case store::InodeKind::symlink: return "symlink";
        case store::InodeKind::file: break;
    }
    return "file";
}

std::string base_name(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

Result<json> share(RunningNode& node, const json& params, ControlCall& call) {
    SWARM_TRY(const auto member, node.member(params.value("name", std::string())));
    const std::string to = params.value("to", std::string());
    if (!to.empty()) {
        SWARM_CHECK(catalog::check_path(to));
    }
    ShareReport total;
    json watched = json::array();
    const auto progress = [&](const ShareReport& report, const std::string& path) {
        static thread_local std::uint64_t calls = 0;
        if (++calls % 64 == 0) {
            call.progress({{"files", total.files + report.files},
                           {"bytes", total.bytes + report.bytes},
                           {"path", path}});
        }
        return !call.abandoned();
    };
    for (const std::string& path : params.at("paths").get<std::vector<std::string>>()) {
        SharedFolder folder;
        folder.source = path;
        folder.target = catalog::join_path(to, base_name(path));
        folder.tags = params.value("tags", std::vector<std::string>());
        std::sort(folder.tags.begin(), folder.tags.end());
        const bool remember = !params.value("once", false);
        SWARM_TRY(const auto shares, node.shares_of(*member));
        SWARM_TRY(ShareReport report, shares->share(folder, remember, progress));
        total.files += report.files;
        total.bytes += report.bytes;
        total.unchanged += report.unchanged;
        total.skipped.insert(total.skipped.end(), report.skipped.begin(), report.skipped.end());
        if (report.watched) {
            watched.push_back(path);
        }
    }
    json skipped = json::array();
    for (const auto& one : total.skipped) {
        skipped.push_back({{"path", one.path}, {"reason", one.reason}});
    }
    return json{{"files", total.files},
                {"bytes", total.bytes},
                {"unchanged", total.unchanged},
                {"watched", watched},
                {"skipped", skipped}};
}

json entry_json(const store::InodeRecord& record, store::ContentStore& contents) {
    json entry = {{"name", record.name},
                  {"kind", kind_name(record.kind)},
                  {"mode", record.mode},
                  {"mtime_ns", record.mtime_ns}};
    if (record.kind == store::InodeKind::file) {
        entry["size"] = record.content.size;
        entry["root"] = record.content.root.hex();
        std::uint64_t stored_bytes = 0;
        if (record.content.size > 0) {
            if (auto stored = contents.open(record.content); stored.ok()) {
                stored_bytes = (*stored)->stored_bytes();
            }
        }
        entry["stored_bytes"] = stored_bytes;
    } else if (record.kind == store::InodeKind::symlink) {
        entry["target"] = record.target;
    }
    return entry;
}

Result<json> list(RunningNode& node, const json& params) {
    SWARM_TRY(const auto member, node.member(params.value("name", std::string())));
    const std::string path = plain_path(params.value("path", std::string()));
    const TreeView view = member->tree().view();
    auto record = view.names.resolve(path);
    if (!record.ok()) {
        return record.error().code == Code::not_found ? nothing_at(path, member->membership().name)
                                                      : record.error();
    }
    json entries = json::array();
    if (record->kind != store::InodeKind::directory) {
        entries.push_back(entry_json(*record, node.contents()));
        return json{{"entries", entries}};
    }
    const std::size_t count = std::min(params.value("count", kListCountMax), kListCountMax);
    const auto children =
        view.names.list(record->inode, params.value("after", std::string()), count);
    for (const store::InodeRecord& child : children) {
        entries.push_back(entry_json(child, node.contents()));
    }
    json page = {{"entries", entries}};
    if (children.size() == count && count > 0) {
        page["next"] = children.back().name;
    }
    return page;
}

// The first file with that content, in the order of paths.
Result<store::InodeRecord> find_by_root(const store::NamespaceReader& names, const Hash256& root) {
    std::optional<store::InodeRecord> found;
    walk_below(names, store::kRootInode, [&](const store::InodeRecord& record) {
        if (record.kind == store::InodeKind::file && record.content.root == root) {
            found = record;
        }
        return !found;
    });
    if (!found) {
        return caller_error(Code::not_found, "no file has the content " + root.hex());
    }
    return *std::move(found);
}

Result<json> download(RunningNode& node, const json& params, ControlCall& call) {
    SWARM_TRY(const auto member, node.member(params.value("name", std::string())));
    const std::string out = params.at("out").get<std::string>();
    store::InodeRecord record;
    {
        const TreeView view = member->tree().view();
        if (params.contains("hash")) {
            const auto root = Hash256::from_hex(params.at("hash").get<std::string>());
            if (!root) {
                return caller_error(Code::invalid, "a hash has 64 hexadecimal digits");
            }
            SWARM_TRY(record, find_by_root(view.names, *root));
        } else {
            const std::string path = plain_path(params.at("path").get<std::string>());
            auto found = view.names.resolve(path);
            if (!found.ok()) {
                return nothing_at(path, member->membership().name);
            }
            record = *std::move(found);
        }
    }
    Download job(*member, node.clock(), call);
    SWARM_TRY(const DownloadReport report, job.run(record, out));
    json sources = json::array();
    for (const auto& [node_id, source] : report.sources) {
        sources.push_back(
            {{"node", node_id.hex()}, {"bytes", source.bytes}, {"path", source.link}});
    }
    const double seconds = std::chrono::duration<double>(report.took).count();
    return json{{"out", out},
                {"files", report.files},
                {"bytes", report.bytes},
                {"fetched_bytes", report.fetched_bytes},
                {"took_ms", static_cast<std::uint64_t>(seconds * 1000)},
                {"rate", static_cast<std::uint64_t>(static_cast<double>(report.fetched_bytes) /
                                                    std::max(seconds, 0.001))},
                {"sources", sources}};
}

}  // namespace

void add_file_methods(RunningNode& node, ControlMethods& methods) {
    methods["share"] = [&node](const json& params, ControlCall& call) {
        return share(node, params, call);
    };
    methods["list"] = [&node](const json& params, ControlCall&) { return list(node, params); };
    methods["download"] = [&node](const json& params, ControlCall& call) {
        return download(node, params, call);
    };
}

}  // namespace swarmfs::node
