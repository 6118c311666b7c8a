// Control methods about swarms as a whole: create, invite, join, leave, status, stop.

#include <unistd.h>

#include "engine/catalog/invite.hpp"
#include "engine/http/url.hpp"
#include "engine/node/disk_room.hpp"
#include "engine/node/handover.hpp"
#include "engine/node/methods.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;

std::vector<std::string> texts(const json& params, const char* key) {
    return params.value(key, std::vector<std::string>());
}

// Addresses at which this node may be reached, for invites: hints for when no tracker can help.
std::vector<std::string> own_addresses(RunningNode& node) {
    std::vector<std::string> addresses = reachable_addresses(node.listen_address());
    addresses.resize(std::min(addresses.size(), catalog::kInviteAddressesMax));
    return addresses;
}

Result<json> invite_to(RunningNode& node, Member& member, catalog::Role role,
                       std::uint64_t use_for_ms, const std::string& password) {
    const Membership membership = member.membership();
    const bool owner = membership.owner.has_value();
    SWARM_TRY(const catalog::Role own, member.identity().role());
    if (!owner && own != catalog::Role::admin) {
        return caller_error(Code::permission,
                            "only admins of a swarm may invite, and this node's role in \"" +
                                membership.name + "\" is " + catalog::name_of(own) +
                                "; ask one of them, such as who made the swarm");
    }
    catalog::Invite draft;
    draft.swarm = membership.swarm;
    draft.name = membership.name;
    draft.read_secret = membership.read_secret;
    draft.trackers = membership.trackers;
    draft.bootstrap = own_addresses(node);
    const crypto::SigningKey key =
        owner ? crypto::SigningKey::from_seed(*membership.owner) : node.home().key();
    const Bytes chain = owner ? Bytes() : membership.grant;
    SWARM_TRY(const catalog::Invite invite,
              catalog::make_invite(draft, role, node.clock().wall_ms(), use_for_ms, key, chain,
                                   node.dice()));
    std::string text = catalog::to_text(invite);
    if (!password.empty()) {
        SWARM_TRY(text, catalog::to_text_with_password(invite, password, node.dice()));
    }
    return json{{"name", membership.name},
                {"swarm", membership.swarm.hex()},
                {"invite", text},
                {"role", catalog::name_of(role)},
                {"expires_ms", invite.use_until_ms()}};
}

Result<json> create(RunningNode& node, const json& params) {
    Membership membership;
    membership.name = params.at("name").get<std::string>();
    SWARM_CHECK(check_swarm_name(membership.name));
    membership.description = params.value("description", std::string());
    membership.trackers = texts(params, "trackers");
    if (membership.trackers.size() > catalog::kInviteTrackersMax) {
        return caller_error(Code::too_large, "a swarm names at most 8 trackers");
    }
    for (const std::string& url : membership.trackers) {
        if (auto parsed = http::parse_url(url); !parsed.ok()) {
            Error error = std::move(parsed).error();
            error.message +=
                "; a tracker is http://HOST[:PORT] or https://HOST[:PORT], and "
                "--tracker none is for none";
            return error;
        }
    }
    const crypto::SigningKey owner = crypto::SigningKey::generate(node.dice());
    membership.swarm.bytes = owner.public_key().bytes;
    membership.owner = owner.seed();
    node.dice().fill(membership.read_secret);
    membership.grant =
        grant_by_owner(*membership.owner, node.home().key().public_key(), node.clock().wall_ms());
    SWARM_TRY(const auto member, node.join(std::move(membership)));
    return invite_to(node, *member, catalog::Role::write, catalog::kInviteUseMs, "");
}

Result<json> invite(RunningNode& node, const json& params) {
    SWARM_TRY(const auto member, node.member(params.value("name", std::string())));
    const std::string role = params.value("role", std::string("write"));
    if (role != "read" && role != "write") {
        return caller_error(Code::invalid, "the role of an invite is read or write");
    }
    const std::uint64_t use_for_s =
        params.value("expires_s", std::uint64_t{catalog::kInviteUseMs / 1000});
    constexpr std::uint64_t kTenYears = 10ULL * 366 * 86'400;
    if (use_for_s == 0 || use_for_s > kTenYears) {
        return caller_error(Code::invalid, "an invite is good for a second to ten years");
    }
    return invite_to(node, *member, role == "read" ? catalog::Role::read : catalog::Role::write,
                     use_for_s * 1000, params.value("password", std::string()));
}

// Like any invite this node cannot take, one of a later version is wrong input, not a wrong call.
Result<catalog::Invite> invite_of(const std::string& text, std::uint64_t now_ms,
                                  const std::string& password) {
    auto invite = catalog::parse_invite(text, now_ms, password);
    if (!invite.ok() && invite.error().code == Code::unsupported) {
        return caller_error(Code::invalid, invite.error().message);
    }
    return invite;
}

Result<json> join(RunningNode& node, const json& params) {
    const std::string text = params.at("invite").get<std::string>();
    const std::string password = params.value("password", std::string());
    const std::uint64_t now_ms = node.clock().wall_ms();
    SWARM_TRY(const catalog::Invite invite, invite_of(text, now_ms, password));
    Membership membership;
    const std::string as = params.value("as", std::string());
    membership.name = as.empty() ? invite.name : as;
    membership.swarm = invite.swarm;
    membership.read_secret = invite.read_secret;
    membership.trackers = invite.trackers;
    membership.bootstrap = invite.bootstrap;
    SWARM_TRY(membership.grant, invite.grant_for(node.home().key().public_key(), now_ms));
    SWARM_TRY(const auto member, node.join(std::move(membership)));
    return json{{"name", member->membership().name},
                {"swarm", invite.swarm.hex()},
                {"role", catalog::name_of(invite.role())}};
}

Result<json> leave(RunningNode& node, const json& params, ControlCall& call) {
    const std::string name = params.at("name").get<std::string>();
    if (const auto mounts = node.mounts_of(name); !mounts.empty()) {
        return caller_error(Code::busy, "\"" + name + "\" is mounted on " + mounts[0] +
                                            "; unmount it first: swarmfs unmount " + mounts[0]);
    }
    if (!params.value("now", false)) {
        SWARM_TRY(const auto member, node.member(name));
        SWARM_CHECK(Handover(*member, node.clock(), call).run());
    }
    SWARM_CHECK(node.leave(name));
    return json{{"name", name}};
}

std::string role_text(Member& member) {
    const auto role = member.identity().role();
    return role.ok() ? catalog::name_of(*role) : "expired";
}

// With less room than this the tables of a busy node cannot grow, and writing programs get ENOSPC.
constexpr std::uint64_t kRoomMin = 4ULL << 20;

// The first of: no role, no room, what failed last; nothing else can be mended before.
std::string problem_of(RunningNode& node, Member& member) {
    if (const auto role = member.identity().role(); !role.ok()) {
        return role.error().message;
    }
    const std::string home = node.home().path();
    if (room_at(home).free_bytes < kRoomMin) {
        return "the disk of the home " + home + " is full; make room on it";
    }
    return member.problems().newest();
}

// At most ReadFailures::kFailuresMax, the newest first.
json failed_reads_json(Member& member) {
    json all = json::array();
    const TreeView view = member.tree().view();
    for (const ReadFailures::Failure& failure : member.volume()->failures().all()) {
        const auto record = view.names.find(failure.inode);
        const auto path =
            record.ok() ? view.names.path_of(*record) : Result<std::string>(record.error());
        if (path.ok()) {  // else it was removed, or replaced, since
            all.push_back(
                {{"path", *path}, {"reason", failure.reason}, {"when_ms", failure.when_ms}});
        }
    }
    return all;
}

Result<json> status(RunningNode& node) {
    // Counted is what is on record, half a second behind what was read. Where that fails, status
    // says so otherwise, and shows what it can.
    (void)node.contents().save();
    const store::ContentStatistics contents = node.contents().statistics();
    json swarms = json::array();
    for (const auto& member : node.members()) {
        swarms.push_back(swarm_status(node, *member));
    }
    const auto uptime = node.clock().now() - node.started_at();
    return json{
        {"node", node.home().key().public_key().hex()},
        {"version", SWARMFS_VERSION},
        {"home", node.home().path()},
        {"listen", node.listen_address()},
        {"uptime_ms", std::chrono::duration_cast<std::chrono::milliseconds>(uptime).count()},
        {"store",
         {{"contents", contents.contents},
          {"bytes", contents.stored_bytes},
          {"free_bytes", room_at(node.home().path()).free_bytes}}},
        {"cache", cache_json(node)},
        {"limits", limits_json(node)},
        {"blocked", blocked_json(node)},
        {"swarms", swarms}};
}

Result<json> stop(RunningNode& node) {
    node.request_stop();
    return json{{"pid", ::getpid()}};
}

}  // namespace

json swarm_status(RunningNode& node, Member& member) {
    const Membership membership = member.membership();
    const store::NamespaceSums sums = member.tree().view().names.sums();
    json trackers = json::array();
    for (const auto& tracker : member.trackers()) {
        trackers.push_back(
            {{"url", tracker.url}, {"state", tracker.state}, {"detail", tracker.detail}});
    }
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
    const auto peers = member.swarm().peers();
    for (const swarm::PeerStatistics& peer : peers) {
        received += peer.bytes_received;
        sent += peer.bytes_sent;
    }
    json shares = json::array();
    for (const SharedFolder& share : membership.shares) {
        shares.push_back(share.source);
    }
    return {{"name", membership.name},
            {"swarm", membership.swarm.hex()},
            {"description", membership.description},
            {"role", role_text(member)},
            {"mounts", node.mounts_of(membership.name)},
            {"shares", shares},
            {"files", sums.files},
            {"directories", sums.directories},
            {"bytes", sums.bytes},
            {"stored_bytes", sums.stored_bytes},
            {"peers", peers.size()},
            {"trackers", trackers},
            {"received_bytes", received},
            {"sent_bytes", sent},
            {"paused", paused_json(member)},
            {"transfers", transfers_json(member)},
            {"replication", replication_json(member)},
            {"failed_reads", failed_reads_json(member)},
            {"pinned", pinned_json(member)},
            {"last_error", problem_of(node, member)}};
}

void add_swarm_methods(RunningNode& node, ControlMethods& methods) {
    methods["create"] = [&node](const json& params, ControlCall&) { return create(node, params); };
    methods["invite"] = [&node](const json& params, ControlCall&) { return invite(node, params); };
    methods["join"] = [&node](const json& params, ControlCall&) { return join(node, params); };
    methods["leave"] = [&node](const json& params, ControlCall& call) {
        return leave(node, params, call);
    };
    methods["status"] = [&node](const json&, ControlCall&) { return status(node); };
    methods["stop"] = [&node](const json&, ControlCall&) { return stop(node); };
}

}  // namespace swarmfs::node
