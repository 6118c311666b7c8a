#include "engine/node/membership.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "engine/catalog/grant.hpp"
#include "engine/node/home.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

std::string file_of(const std::string& home, const SwarmId& swarm) {
    return home + "/swarms/" + swarm.hex() + ".json";
}

json to_json(const Membership& m) {
    json object = {{"version", kVersion},
                   {"name", m.name},
                   {"description", m.description},
                   {"swarm", m.swarm.hex()},
                   {"read_secret", to_hex(m.read_secret)},
                   {"grant", to_hex(m.grant)},
                   {"trackers", m.trackers},
                   {"bootstrap", m.bootstrap},
                   {"shares", json::array()}};
    if (m.owner) {
        object["owner"] = m.owner->hex();
    }
    for (const SharedFolder& share : m.shares) {
        object["shares"].push_back(
            {{"source", share.source}, {"target", share.target}, {"tags", share.tags}});
    }
    return object;
}

// Throws json::exception for a field of another type, std::bad_optional_access for bad hexadecimal.
Membership from_json(const json& object) {
    Membership m;
    if (object.at("version").get<int>() != kVersion) {
        throw std::bad_optional_access();
    }
    m.name = object.at("name").get<std::string>();
    m.description = object.at("description").get<std::string>();
    m.swarm = SwarmId::from_hex(object.at("swarm").get<std::string>()).value();
    const Bytes secret = from_hex(object.at("read_secret").get<std::string>()).value();
    if (secret.size() != m.read_secret.size()) {
        throw std::bad_optional_access();
    }
    std::copy(secret.begin(), secret.end(), m.read_secret.begin());
    m.grant = from_hex(object.at("grant").get<std::string>()).value();
    m.trackers = object.at("trackers").get<std::vector<std::string>>();
    m.bootstrap = object.at("bootstrap").get<std::vector<std::string>>();
    if (object.contains("owner")) {
        m.owner = crypto::Seed::from_hex(object.at("owner").get<std::string>()).value();
    }
    for (const json& share : object.at("shares")) {
        m.shares.push_back({share.at("source").get<std::string>(),
                            share.at("target").get<std::string>(),
                            share.at("tags").get<std::vector<std::string>>()});
    }
    return m;
}

Result<Membership> load(const std::string& file) {
    SWARM_TRY(const std::string text, read_secret_file(file));
    try {
        return from_json(json::parse(text));
    } catch (const std::exception&) {
        return caller_error(Code::configuration,
                            file +
                                " is damaged; restore it from a backup, or move it away and "
                                "join the swarm again with its invite");
    }
}

}  // namespace

Result<> check_swarm_name(const std::string& name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    };
    const bool begins_well = !name.empty() && name[0] != '.' && name[0] != '_' && name[0] != '-';
    if (!begins_well || name.size() > 64 || !std::all_of(name.begin(), name.end(), allowed)) {
        return caller_error(Code::invalid, "\"" + name +
                                               "\" cannot name a swarm: use 1 to 64 of a-z 0-9 . _ "
                                               "-, beginning with a letter or a digit");
    }
    return done();
}

Bytes grant_by_owner(const crypto::Seed& owner, const NodeId& node, std::uint64_t now_ms) {
    catalog::GrantLink link;
    link.subject = node;
    link.role = catalog::Role::admin;
    link.issued_ms = now_ms;
    link.valid_until_ms = 0;  // a creator's own membership has no end
    return catalog::grant_from_owner(crypto::SigningKey::from_seed(owner), link);
}

Result<std::vector<Membership>> load_memberships(const std::string& home) {
    std::vector<Membership> memberships;
    std::error_code failed;
    for (const auto& file : std::filesystem::directory_iterator(home + "/swarms", failed)) {
        if (file.path().extension() != ".json") {
            continue;
        }
        SWARM_TRY(Membership membership, load(file.path().string()));
        memberships.push_back(std::move(membership));
    }
    if (failed) {
        return disk_error_from_errno(failed.value(), "reading " + home + "/swarms");
    }
    std::sort(memberships.begin(), memberships.end(),
              [](const Membership& a, const Membership& b) { return a.name < b.name; });
    return memberships;
}

Result<> save_membership(const std::string& home, const Membership& membership) {
    return write_secret_file(file_of(home, membership.swarm), to_json(membership).dump(1) + "\n");
}

Result<> remove_membership(const std::string& home, const SwarmId& swarm) {
    const std::string file = file_of(home, swarm);
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) {
        return disk_error_from_errno(errno, "removing " + file);
    }
    return done();
}

}  // namespace swarmfs::node
