#include "engine/protocol/tracker_messages.hpp"

#include "engine/core/wire.hpp"
#include "engine/protocol/json_fields.hpp"

namespace swarmfs::protocol {

using nlohmann::json;

namespace {

constexpr std::uint8_t kStatementVersion = 1;
// 2^53 - 1: what every JSON reader can hold exactly, and beyond any date in milliseconds.
constexpr std::uint64_t kNumberMax = (std::uint64_t{1} << 53) - 1;
constexpr std::size_t kPeersBodyBytesMax = 512 * 1024;
constexpr std::size_t kDetailBytesMax = 1024;

std::vector<std::string> read_addresses(JsonFields& fields, const char* name) {
    std::vector<std::string> addresses;
    const json* list = fields.array(name, kPeerAddressesMax + 1, false);
    if (list == nullptr) {
        return addresses;
    }
    for (const json& item : *list) {
        if (!item.is_string() || item.get_ref<const std::string&>().empty() ||
            item.get_ref<const std::string&>().size() > kPeerAddressBytesMax) {
            fields.fail(std::string("\"") + name + "\" holds what is no address");
            break;
        }
        addresses.push_back(item.get<std::string>());
    }
    return addresses;
}

json messages_json(const std::vector<Bytes>& messages) {
    json list = json::array();
    for (const Bytes& message : messages) {
        list.push_back(to_base64url(message));
    }
    return list;
}

std::vector<Bytes> read_messages(JsonFields& fields) {
    std::vector<Bytes> messages;
    const json* list = fields.array("messages", kChangesMessagesMax, false);
    if (list == nullptr) {
        return messages;
    }
    std::size_t total = 0;
    for (const json& item : *list) {
        auto message =
            item.is_string() ? from_base64url(item.get_ref<const std::string&>()) : std::nullopt;
        total += message ? message->size() : 0;
        if (!message || message->empty() || message->size() > kChangesMessageBytesMax ||
            total > kChangesBytesMax) {
            fields.fail("\"messages\" holds what is no message, or more than 6 MiB of them");
            break;
        }
        messages.push_back(std::move(*message));
    }
    return messages;
}

}  // namespace

Bytes statement_of(const Registration& registration) {
    Bytes out;
    WireWriter writer(out);
    writer.u8(kStatementVersion);
    writer.fixed(registration.swarm);
    writer.fixed(registration.peer);
    writer.u64(registration.timestamp_ms);
    writer.u16(registration.port);
    writer.u8(static_cast<std::uint8_t>(registration.addresses.size()));
    for (const std::string& address : registration.addresses) {
        writer.text16(address);
    }
    writer.bytes16(registration.grant);
    return out;
}

Bytes statement_of(const Leaving& leaving) {
    Bytes out;
    WireWriter writer(out);
    writer.u8(kStatementVersion);
    writer.fixed(leaving.swarm);
    writer.fixed(leaving.peer);
    writer.u64(leaving.timestamp_ms);
    return out;
}

std::string encode(const Registration& registration) {
    json object = {{"peer_id", registration.peer.hex()},
                   {"swarm", registration.swarm.hex()},
                   {"port", registration.port},
                   {"addrs", registration.addresses},
                   {"timestamp", registration.timestamp_ms},
                   {"signature", to_hex(registration.signature)}};
    if (!registration.grant.empty()) {
        object["grant"] = to_base64url(registration.grant);
    }
    return dump(object);
}

Result<Registration> decode_registration(std::string_view body) {
    JsonFields fields(body, kSmallBodyBytesMax);
    Registration registration;
    registration.peer = fields.fixed<NodeId>("peer_id");
    registration.swarm = fields.fixed<SwarmId>("swarm");
    registration.port = static_cast<std::uint16_t>(fields.number("port", 65'535));
    registration.addresses = read_addresses(fields, "addrs");
    registration.timestamp_ms = fields.number("timestamp", kNumberMax);
    registration.grant = fields.base64url("grant", kPeerGrantBytesMax, false);
    fields.hex("signature", registration.signature);
    if (registration.addresses.size() > kPeerAddressesMax) {
        fields.fail("\"addrs\" must be a list of at most 8");
    }
    if (fields.failed()) {
        return fields.error();
    }
    return registration;
}

std::string encode(const Registered& registered) {
    return dump({{"token", registered.token.hex()},
                 {"addr", registered.address},
                 {"heartbeat_seconds", registered.heartbeat_seconds},
                 {"changes", registered.changes}});
}

Result<Registered> decode_registered(std::string_view body) {
    JsonFields fields(body, kSmallBodyBytesMax);
    Registered registered;
    registered.token = fields.fixed<PeerToken>("token");
    registered.address = fields.text("addr", kPeerAddressBytesMax);
    registered.heartbeat_seconds = fields.number("heartbeat_seconds", 3600);
    registered.changes = fields.number("changes", kNumberMax);
    if (fields.failed()) {
        return fields.answer_error();
    }
    return registered;
}

std::string encode(const Leaving& leaving) {
    return dump({{"peer_id", leaving.peer.hex()},
                 {"swarm", leaving.swarm.hex()},
                 {"timestamp", leaving.timestamp_ms},
                 {"signature", to_hex(leaving.signature)}});
}

Result<Leaving> decode_leaving(std::string_view body) {
    JsonFields fields(body, kSmallBodyBytesMax);
    Leaving leaving;
    leaving.peer = fields.fixed<NodeId>("peer_id");
    leaving.swarm = fields.fixed<SwarmId>("swarm");
    leaving.timestamp_ms = fields.number("timestamp", kNumberMax);
    fields.hex("signature", leaving.signature);
    if (fields.failed()) {
        return fields.error();
    }
    return leaving;
}

std::string encode(const Heartbeat& heartbeat) {
    return dump({{"peer_id", heartbeat.peer.hex()}, {"token", heartbeat.token.hex()}});
}

Result<Heartbeat> decode_heartbeat(std::string_view body) {
    JsonFields fields(body, kSmallBodyBytesMax);
    Heartbeat heartbeat;
    heartbeat.peer = fields.fixed<NodeId>("peer_id");
    heartbeat.token = fields.fixed<PeerToken>("token");
    if (fields.failed()) {
        return fields.error();
    }
    return heartbeat;
}

std::string encode(const HeartbeatAnswer& answer) {
    return dump({{"changes", answer.changes}});
}

Result<HeartbeatAnswer> decode_heartbeat_answer(std::string_view body) {
    JsonFields fields(body, kSmallBodyBytesMax);
    const HeartbeatAnswer answer{fields.number("changes", kNumberMax)};
    if (fields.failed()) {
        return fields.answer_error();
    }
    return answer;
}

std::string encode(const std::vector<TrackerPeer>& peers) {
    json list = json::array();
    for (const TrackerPeer& peer : peers) {
        list.push_back({{"peer_id", peer.peer.hex()},
                        {"addr", peer.address},
                        {"addrs", peer.addresses},
                        {"status", peer.online ? "online" : "offline"},
                        {"last_seen", peer.last_seen_ms}});
    }
    return dump(list);
}

Result<std::vector<TrackerPeer>> decode_peers(std::string_view body) {
    if (body.size() > kPeersBodyBytesMax || !json_within(body, 4)) {
        return peer_error("a list of peers is too large or nested too deeply");
    }
    const json list = json::parse(body, nullptr, false);
    if (!list.is_array() || list.size() > kPeersPerPageMax) {
        return peer_error("this is not a list of at most 200 peers");
    }
    std::vector<TrackerPeer> peers;
    for (const json& item : list) {
        JsonFields fields(item);
        TrackerPeer peer;
        peer.peer = fields.fixed<NodeId>("peer_id");
        peer.address = fields.text("addr", kPeerAddressBytesMax);
        peer.addresses = read_addresses(fields, "addrs");
        peer.online = fields.text("status", 16) == "online";
        peer.last_seen_ms = fields.number("last_seen", kNumberMax);
        if (fields.failed()) {
            return fields.answer_error();
        }
        peers.push_back(std::move(peer));
    }
    return peers;
}

std::string encode(const ChangesRequest& request) {
    json object = {{"vector", to_base64url(request.vector)},
                   {"messages", messages_json(request.messages)}};
    if (!request.cursor.empty()) {
        object["cursor"] = request.cursor;
    }
    return dump(object);
}

Result<ChangesRequest> decode_changes_request(std::string_view body) {
    JsonFields fields(body, kChangesBodyBytesMax);
    ChangesRequest request;
    request.vector = fields.base64url("vector", kVectorBytesMax);
    request.messages = read_messages(fields);
    request.cursor = fields.has("cursor") ? fields.text("cursor", kCursorBytesMax) : "";
    if (fields.failed()) {
        return fields.error();
    }
    return request;
}

std::string encode(const ChangesAnswer& answer) {
    json refused = json::array();
    for (const auto& one : answer.refused) {
        refused.push_back({{"index", one.index}, {"detail", one.detail}});
    }
    json object = {{"vector", to_base64url(answer.vector)},
                   {"messages", messages_json(answer.messages)},
                   {"refused", refused}};
    if (!answer.cursor.empty()) {
        object["cursor"] = answer.cursor;
    }
    return dump(object);
}

Result<ChangesAnswer> decode_changes_answer(std::string_view body) {
    JsonFields fields(body, kChangesBodyBytesMax);
    ChangesAnswer answer;
    answer.vector = fields.base64url("vector", kVectorBytesMax);
    answer.messages = read_messages(fields);
    answer.cursor = fields.has("cursor") ? fields.text("cursor", kCursorBytesMax) : "";
    if (const json* list = fields.array("refused", kChangesMessagesMax, false)) {
        for (const json& item : *list) {
            JsonFields one(item);
            const std::size_t index = one.number("index", kChangesMessagesMax);
            answer.refused.push_back({index, one.text("detail", kDetailBytesMax)});
            if (one.failed()) {
                return one.answer_error();
            }
        }
    }
    if (fields.failed()) {
        return fields.answer_error();
    }
    return answer;
}

}  // namespace swarmfs::protocol
