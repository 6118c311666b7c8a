// The control method about what members agreed on: policy.

#include <future>

#include "engine/node/methods.hpp"
#include "engine/node/policy_text.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;

constexpr Duration kReadMax = std::chrono::seconds(30);

Result<std::string> read_whole(Volume& volume, const Attributes& file) {
    if (file.size > Policy::kTextMax) {
        return caller_error(Code::too_large, std::string(Policy::kFileName) + " has more than " +
                                                 std::to_string(Policy::kTextMax) + " bytes");
    }
    SWARM_TRY(const FileHandle handle, volume.open(file.inode, Access::read));
    std::promise<Result<std::string>> answer;
    volume.read(handle, 0, Policy::kTextMax, kReadMax, [&](Result<ByteSpan> bytes) {
        answer.set_value(bytes.ok() ? Result<std::string>(std::string(as_text(*bytes)))
                                    : Result<std::string>(bytes.error()));
    });
    auto text = answer.get_future().get();
    volume.release(handle);
    return text;
}

// As a program on a mount would: in place, so that the file keeps its mode.
Result<> write_whole(Volume& volume, const std::optional<Attributes>& file,
                     const std::string& text) {
    FileHandle handle = 0;
    if (file) {
        SWARM_TRY(handle, volume.open(file->inode, Access::write));
        AttributeChanges cut;
        cut.size = 0;
        if (auto changed = volume.set_attributes(file->inode, cut); !changed.ok()) {
            volume.release(handle);
            return changed.error();
        }
    } else {
        SWARM_TRY(const Created created, volume.create(kRootInode, Policy::kFileName, 0644));
        handle = created.handle;
    }
    Result<> written = done();
    for (std::size_t at = 0; at < text.size() && written.ok();) {
        const auto wrote = volume.write(handle, at, as_bytes(std::string_view(text).substr(at)));
        written = wrote.ok() ? done() : Result<>(wrote.error());
        at += wrote.ok() ? *wrote : 0;
    }
    if (written.ok()) {
        written = volume.close_write(handle);
    }
    volume.release(handle);
    return written;
}

Result<std::optional<std::uint32_t>> number_in(const json& params, const char* key) {
    if (!params.contains(key)) {
        return std::optional<std::uint32_t>();
    }
    const json& value = params.at(key);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() < 1 ||
        value.get<std::uint64_t>() > Policy::kNumberMax) {
        return caller_error(Code::invalid, std::string(key) + " must be a number from 1 to " +
                                               std::to_string(Policy::kNumberMax));
    }
    return std::optional(value.get<std::uint32_t>());
}

// Reads the file, changes it, and writes it. Errors: exists, not_found: it came, or another version of
// it, from elsewhere meanwhile.
Result<Policy> set_once(Volume& volume, const std::string& path, const Policy::Said& said) {
    const auto found = volume.lookup(kRootInode, Policy::kFileName);
    if (!found.ok() && found.error().code != Code::not_found) {
        return found.error();
    }
    const auto file = found.ok() ? std::optional(*found) : std::nullopt;
    std::string before;
    if (file) {
        SWARM_TRY(before, read_whole(volume, *file));
    }
    SWARM_TRY(const std::string after, policy_text_with(before, path, said));
    if (after != before) {
        SWARM_CHECK(write_whole(volume, file, after));
    }
    return Policy::parse(after);
}

// Returns: the policy with that in it, which is written, and in force here in a moment.
Result<Policy> set(Member& member, const std::string& path, const Policy::Said& said) {
    if (member.volume()->read_only()) {
        return caller_error(Code::read_only,
                            "this node may only read in \"" + member.membership().name +
                                "\", and a policy is a file of the swarm; ask somebody who may "
                                "write in it");
    }
    constexpr unsigned kTries = 8;
    for (unsigned tries = 1;; ++tries) {
        auto policy = set_once(*member.volume(), path, said);
        const bool overtaken = !policy.ok() && (policy.error().code == Code::exists ||
                                                policy.error().code == Code::not_found);
        if (!overtaken || tries == kTries) {
            return policy;
        }
    }
}

json said_json(const std::optional<std::uint32_t>& number) {
    return number ? json(*number) : json(nullptr);
}

Result<json> policy(RunningNode& node, const json& params) {
    SWARM_TRY(const auto member, node.member(params.value("name", std::string())));
    const std::string path = plain_path(params.value("path", std::string()));
    Policy::Said said;
    SWARM_TRY(said.replicas, number_in(params, "replicas"));
    SWARM_TRY(said.read_quorum, number_in(params, "read_quorum"));
    Policy now = *member->policy();
    if (said.replicas || said.read_quorum) {
        SWARM_TRY(now, set(*member, path, said));
    }
    json paths = json::array();
    for (const auto& [at, one] : now.said()) {
        paths.push_back({{"path", at},
                         {"replicas", said_json(one.replicas)},
                         {"read_quorum", said_json(one.read_quorum)}});
    }
    const PathPolicy here = now.of(path);
    return json{{"name", member->membership().name},
                {"path", path},
                {"replicas", here.replicas},
                {"read_quorum", here.read_quorum},
                {"paths", paths}};
}

}  // namespace

json replication_json(Member& member) {
    const ReplicationReport report = member.replicator().report();
    json worst = json::array();
    for (const ReplicationReport::Short& one : report.worst) {
        worst.push_back(
            {{"path", one.path}, {"copies", one.copies}, {"wanted", one.wanted}, {"why", one.why}});
    }
    return {{"files", report.files},
            {"bytes", report.bytes},
            {"short_contents", report.short_contents},
            {"short_bytes", report.short_bytes},
            {"worst", worst}};
}

void add_policy_methods(RunningNode& node, ControlMethods& methods) {
    methods["policy"] = [&node](const json& params, ControlCall&) { return policy(node, params); };
}

}  // namespace swarmfs::node
