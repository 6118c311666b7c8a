#include "engine/protocol/tracker_messages.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "engine/protocol/problem.hpp"
#include "engine/protocol/tracker_contents.hpp"

using namespace swarmfs;
using namespace swarmfs::protocol;
using nlohmann::json;

namespace {

template <class Fixed>
Fixed filled(std::uint8_t byte) {
    Fixed value;
    value.bytes.fill(byte);
    return value;
}

Registration registration() {
    Registration statement;
    statement.peer = filled<NodeId>(0x11);
    statement.swarm = filled<SwarmId>(0x22);
    statement.timestamp_ms = 1'763'709'200'000;
    statement.port = 6881;
    statement.addresses = {"192.0.2.7:6881", "[2001:db8::7]:6881"};
    statement.grant = {1, 2, 3};
    statement.signature.fill(0x33);
    return statement;
}

}  // namespace

TEST_CASE("a registration travels whole, and what is signed covers all of it") {
    const Registration statement = registration();
    const auto decoded = decode_registration(encode(statement));
    REQUIRE(decoded.ok());
    CHECK(statement_of(*decoded) == statement_of(statement));
    CHECK(decoded->signature == statement.signature);
    // version swarm peer timestamp port count (length address)* length grant
    CHECK(to_hex(statement_of(statement)) ==
          "01" + std::string(64, '2') + std::string(64, '1') + "0000019aa542a680" + "1ae1" + "02" +
              "000e" + to_hex(as_bytes("192.0.2.7:6881")) + "0012" +
              to_hex(as_bytes("[2001:db8::7]:6881")) + "0003010203");
    const Leaving leaving{statement.peer, statement.swarm, 7, statement.signature};
    CHECK(to_hex(statement_of(leaving)) ==
          "01" + std::string(64, '2') + std::string(64, '1') + "0000000000000007");
    CHECK(decode_leaving(encode(leaving))->timestamp_ms == 7);
}

TEST_CASE("a registration that lacks a field, or has one out of bounds, is refused by its name") {
    const json good = json::parse(encode(registration()));
    CHECK(decode_registration(good.dump()).ok());
    const auto refused_for = [&](const char* field, const json& value) {
        json changed = good;
        if (value.is_null()) {
            changed.erase(field);
        } else {
            changed[field] = value;
        }
        const auto decoded = decode_registration(changed.dump());
        return !decoded.ok() && decoded.error().message.find(field) != std::string::npos;
    };
    for (const char* field : {"peer_id", "swarm", "timestamp", "port", "signature"}) {
        CAPTURE(field);
        CHECK(refused_for(field, nullptr));
        CHECK(refused_for(field, json::object()));
        CHECK(refused_for(field, -1));
        CHECK(refused_for(field, "zz"));
    }
    CHECK(refused_for("port", 65'536));
    CHECK(refused_for("timestamp", std::uint64_t{1} << 60));
    CHECK(refused_for("addrs", json::array({1})));
    CHECK(refused_for("addrs", json::array({""})));
    CHECK(refused_for("addrs", json::array({std::string(81, 'a')})));
    CHECK(refused_for("addrs", std::vector<std::string>(9, "192.0.2.7:1")));
    CHECK(refused_for("grant", "===="));
    CHECK(refused_for("grant", std::string(4000, 'A')));
    CHECK(!decode_registration(good.dump() + std::string(kSmallBodyBytesMax, ' ')).ok());
    json grown = good;
    grown["future"] = {{"field", 1}};
    CHECK(decode_registration(grown.dump()).ok());
    grown["future"] = json::parse("[[[[[1]]]]]");
    CHECK(!decode_registration(grown.dump()).ok());
}

TEST_CASE("tokens, heartbeats and peers travel whole") {
    const auto token = filled<PeerToken>(0x44);
    const auto registered = decode_registered(encode(Registered{token, "192.0.2.7:6881", 30, 5}));
    REQUIRE(registered.ok());
    CHECK(registered->token == token);
    CHECK(registered->address == "192.0.2.7:6881");
    CHECK(registered->changes == 5);
    CHECK(decode_heartbeat(encode(Heartbeat{filled<NodeId>(1), token}))->token == token);
    CHECK(decode_heartbeat_answer(encode(HeartbeatAnswer{9}))->changes == 9);
    const std::vector<TrackerPeer> peers = {
        {filled<NodeId>(1), "192.0.2.7:1", {"192.0.2.7:1", "[::1]:2"}, true, 77}};
    const auto decoded = decode_peers(encode(peers));
    REQUIRE(decoded.ok());
    REQUIRE(decoded->size() == 1);
    CHECK(decoded->front().addresses == peers.front().addresses);
    CHECK(decoded->front().online);
    CHECK(decode_peers("[]")->empty());
    for (const char* bad : {"", "{}", "[1]", "[{}]", "[[[[[[]]]]]]", "null"}) {
        const auto refused = decode_peers(bad);
        REQUIRE(!refused.ok());
        CHECK(refused.error().whose == Whose::peer);
    }
    json many = json::array();
    for (std::size_t i = 0; i <= kPeersPerPageMax; ++i) {
        many.push_back(json::parse(encode(peers))[0]);
    }
    CHECK(!decode_peers(many.dump()).ok());
}

TEST_CASE("catalog messages travel as they are, within their bounds") {
    ChangesRequest request{{0, 0, 0, 0}, {{1, 2, 3}, {2}}, "c"};
    const auto asked = decode_changes_request(encode(request));
    REQUIRE(asked.ok());
    CHECK(asked->vector == request.vector);
    CHECK(asked->messages == request.messages);
    CHECK(asked->cursor == "c");
    const ChangesAnswer answer{{0, 0, 0, 0}, {{9}}, "d", {{1, "why"}}};
    const auto answered = decode_changes_answer(encode(answer));
    REQUIRE(answered.ok());
    CHECK(answered->messages == answer.messages);
    CHECK(answered->cursor == "d");
    REQUIRE(answered->refused.size() == 1);
    CHECK(answered->refused[0].detail == "why");

    request.messages.assign(1, Bytes(kChangesMessageBytesMax + 1));
    CHECK(!decode_changes_request(encode(request)).ok());
    request.messages.assign(kChangesMessagesMax + 1, Bytes(1));
    CHECK(!decode_changes_request(encode(request)).ok());
    request.messages.assign(kChangesBytesMax / kChangesMessageBytesMax + 1,
                            Bytes(kChangesMessageBytesMax));
    CHECK(!decode_changes_request(encode(request)).ok());
    request.messages = {Bytes()};
    CHECK(!decode_changes_request(encode(request)).ok());
    request = {Bytes(kVectorBytesMax + 1), {}, ""};
    CHECK(!decode_changes_request(encode(request)).ok());
    CHECK(!decode_changes_request(R"({"vector":"A"})").ok());
}

TEST_CASE("an announce is one content or many, and every field is checked") {
    AnnouncedContent content;
    content.content = {filled<Hash256>(0x55), 2 * kChunkBytes};
    content.name = "a \"name\"\n";
    content.complete = false;
    content.chunk_hashes = {filled<Hash256>(1), filled<Hash256>(2)};
    const std::string list = encode(std::vector<AnnouncedContent>{content, content});
    const auto many = decode_announce(list);
    REQUIRE(many.ok());
    REQUIRE(many->contents.size() == 2);
    CHECK(many->contents[1].content == content.content);
    CHECK(many->contents[1].name == content.name);
    CHECK(!many->contents[1].complete);
    CHECK(many->contents[1].chunk_hashes == content.chunk_hashes);
    json one = json::parse(list)[0];
    one["token"] = std::string(32, '4');
    const auto single = decode_announce(one.dump());
    REQUIRE(single.ok());
    CHECK(single->token == filled<PeerToken>(0x44));
    one["other"] = json::parse(R"({"name":"x","file_hash":[1,{"size":2}]})");
    REQUIRE(decode_announce(one.dump()).ok());
    CHECK(decode_announce(one.dump())->contents[0].name == content.name);
    CHECK(decode_announce("[]")->contents.empty());
    CHECK(!decode_announce("[[]]").ok());
    CHECK(!decode_announce("[{}]").ok());
    CHECK(!decode_announce("[1]").ok());
    CHECK(!decode_announce("[" + one.dump()).ok());
}

TEST_CASE("a problem says the same to programs in every version, whatever an answer holds") {
    const Problem problem{404, "unknown_peer", "register again"};
    const json object = json::parse(encode(problem));
    CHECK(object["type"] == "urn:swarmfs:problem:unknown_peer");
    CHECK(object["status"] == 404);
    CHECK(object["title"].is_string());
    CHECK(decode_problem(404, encode(problem)).code == "unknown_peer");
    CHECK(decode_problem(502, "<html>Bad Gateway</html>").code == "unknown");
    CHECK(decode_problem(502, "").status == 502);
}
