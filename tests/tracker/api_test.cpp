#include <doctest/doctest.h>

#include <set>

#include "engine/crypto/merkle.hpp"
#include "engine/protocol/tracker_contents.hpp"
#include "tests/tracker/running_tracker.hpp"

using namespace swarmfs;
using catalog::testing::any_root;
using http::Method;
using nlohmann::json;
using test::Registrant;
using test::RunningTracker;
using test::Visitor;

namespace {

json content_json(std::uint64_t n, std::uint64_t size = 1000, const std::string& name = "a file") {
    return {{"file_hash", any_root(n).hex()},
            {"name", name},
            {"size", size},
            {"chunk_size", 262144},
            {"chunks", chunk_count(size)}};
}

}  // namespace

TEST_CASE("a registered peer is listed, with the address it came from") {
    RunningTracker running;
    Visitor visitor(running.url());
    Registrant alice(1);
    protocol::Registration statement = alice.registration();
    statement.addresses = {"192.0.2.7:6881", "[2001:db8::7]:6881"};
    alice.sign(statement);
    const auto entered =
        visitor.send(Method::post, "/api/peers/register", protocol::encode(statement));
    REQUIRE(entered.status == 200);
    CHECK(entered.body["addr"] == "127.0.0.1:6881");
    CHECK(entered.body["heartbeat_seconds"] == 30);
    CHECK(entered.body["token"].get<std::string>().size() == 32);

    const auto peers = visitor.get("/api/swarms/" + alice.swarm.hex() + "/peers");
    REQUIRE(peers.body.size() == 1);
    CHECK(peers.body[0]["peer_id"] == alice.id());
    CHECK(peers.body[0]["addr"] == "127.0.0.1:6881");
    CHECK(peers.body[0]["addrs"].size() == 3);
    CHECK(peers.body[0]["status"] == "online");
    CHECK(peers.body[0]["last_seen"].get<std::uint64_t>() > 1'700'000'000'000);
    CHECK(visitor.get("/api/swarms/" + any_root(1).hex() + "/peers").body.empty());
}

TEST_CASE("only the key's own word registers, and only once") {
    RunningTracker running;
    Visitor visitor(running.url());
    Registrant alice(1);
    const protocol::Registration genuine = alice.registration();
    const auto code_of = [&](const protocol::Registration& statement) {
        return visitor.send(Method::post, "/api/peers/register", protocol::encode(statement))
            .code();
    };
    for (int field = 0; field < 6; ++field) {
        protocol::Registration forged = genuine;
        switch (field) {
            case 0: forged.peer = Registrant(2).key.public_key(); break;
            case 1: forged.swarm = SwarmId{any_root(5).bytes}; break;
            case 2: forged.port = 22; break;
            case 3: forged.timestamp_ms += 1; break;
            case 4: forged.addresses = {"198.51.100.1:80"}; break;
            default: forged.signature[0] ^= 1; break;
        }
        CHECK(code_of(forged) == "bad_signature");
    }
    CHECK(code_of(genuine) == "");
    CHECK(code_of(genuine) == "statement_replayed");
    protocol::Registration old = genuine;
    old.timestamp_ms -= protocol::kStatementAgeMsMax + 60'000;
    alice.sign(old);
    CHECK(code_of(old) == "statement_expired");
    protocol::Registration odd = alice.registration();
    odd.addresses = {"not\nan address"};
    alice.sign(odd);
    CHECK(code_of(odd) == "bad_address");
}

TEST_CASE("a grant that is shown must be genuine") {
    RunningTracker running;
    Visitor visitor(running.url());
    const catalog::testing::Swarm swarm;
    Registrant alice(1, swarm.id);
    catalog::GrantLink link;
    link.subject = alice.key.public_key();
    link.role = catalog::Role::write;
    link.issued_ms = 1;
    alice.grant = catalog::grant_from_owner(swarm.owner, link);
    alice.enter(visitor);
    Registrant mallory(2, swarm.id);
    mallory.grant = alice.grant;
    const auto refused =
        visitor.send(Method::post, "/api/peers/register", protocol::encode(mallory.registration()));
    CHECK(refused.code() == "grant_refused");
}

TEST_CASE("heartbeats are for those who have the token") {
    RunningTracker running;
    Visitor visitor(running.url());
    Registrant alice(1);
    alice.enter(visitor);
    const auto beat = [&](const std::string& peer, const std::string& token) {
        return visitor.post("/api/peers/heartbeat", {{"peer_id", peer}, {"token", token}});
    };
    const auto good = beat(alice.id(), alice.token);
    CHECK(good.status == 200);
    CHECK(good.body["changes"].is_number_unsigned());
    CHECK(beat(alice.id(), std::string(32, '0')).code() == "unknown_peer");
    CHECK(beat(Registrant(2).id(), alice.token).code() == "unknown_peer");
    CHECK(beat(alice.id(), "short").status == 400);
    running.restart();
    visitor.base = running.url();
    CHECK(beat(alice.id(), alice.token).status == 404);
}

TEST_CASE("a peer that leaves is gone at once, with all it held") {
    RunningTracker running;
    Visitor visitor(running.url());
    Registrant alice(1);
    alice.enter(visitor);
    CHECK(visitor.post("/api/files/announce", content_json(1), alice.shown()).status == 200);
    const std::string path = "/api/peers/" + alice.id();
    const protocol::Leaving statement = alice.leaving();
    CHECK(visitor.send(Method::delete_, path, "").status == 400);
    protocol::Leaving forged = statement;
    forged.signature[3] ^= 1;
    CHECK(visitor.send(Method::delete_, path, protocol::encode(forged)).code() == "bad_signature");
    CHECK(
        visitor
            .send(Method::delete_, "/api/peers/" + Registrant(2).id(), protocol::encode(statement))
            .status == 400);
    CHECK(visitor.send(Method::delete_, path, protocol::encode(statement)).status == 204);
    CHECK(visitor.send(Method::delete_, path, protocol::encode(statement)).code() ==
          "statement_replayed");
    CHECK(visitor.get("/api/swarms/" + alice.swarm.hex() + "/peers").body.empty());
    CHECK(visitor.get("/api/files").body["files"].empty());
    CHECK(visitor.post("/api/files/announce", content_json(1), alice.shown()).code() ==
          "unknown_peer");
}

TEST_CASE("announced contents are listed, described, and their holders named") {
    RunningTracker running;
    Visitor visitor(running.url());
    Registrant alice(1);
    Registrant bob(2);
    alice.enter(visitor);
    bob.enter(visitor);
    CHECK(visitor.post("/api/files/announce", content_json(1), alice.shown()).body["accepted"] ==
          1);
    CHECK(visitor
              .post("/api/files/announce", json::array({content_json(1), content_json(2)}),
                    bob.shown())
              .body["accepted"] == 2);
    auto partial = content_json(2);
    partial["complete"] = false;
    CHECK(visitor.post("/api/files/announce", partial, alice.shown()).status == 200);

    const auto list = visitor.get("/api/files").body["files"];
    REQUIRE(list.size() == 2);
    const auto one = visitor.get("/api/files/" + any_root(1).hex());
    REQUIRE(one.status == 200);
    CHECK(one.body["file_hash"] == any_root(1).hex());
    CHECK(one.body["merkle_root"] == any_root(1).hex());
    CHECK(one.body["name"] == "a file");
    CHECK(one.body["size"] == 1000);
    CHECK(one.body["chunk_size"] == 262144);
    CHECK(one.body["chunk_hashes"] == json::array({any_root(1).hex()}));
    CHECK(one.body["seeders"] == 2);
    CHECK(visitor.get("/api/files/" + any_root(2).hex()).body["seeders"] == 1);

    const auto peers = visitor.get("/api/files/" + any_root(1).hex() + "/peers");
    REQUIRE(peers.body.size() == 2);
    for (const auto& peer : peers.body) {
        CHECK(peer["status"] == "online");
        CHECK(peer["addr"] == "127.0.0.1:6881");
    }
    CHECK(visitor.get("/api/files/" + any_root(1).hex() + "/peers?limit=1").body.size() == 1);
    CHECK(visitor.get("/api/files/" + any_root(9).hex()).code() == "not_found");
    CHECK(visitor.get("/api/files/" + any_root(9).hex() + "/peers").code() == "not_found");
    CHECK(visitor.get("/api/files/" + any_root(1).hex() + "?size=999").code() == "not_found");
    CHECK(visitor.get("/api/files?swarm=" + any_root(9).hex()).body["files"].empty());
}

TEST_CASE("answers have the fields that the document lists") {
    RunningTracker running;
    Visitor visitor(running.url());
    Registrant alice(1);
    const auto fields = [](const json& object) {
        std::set<std::string> names;
        for (const auto& [name, value] : object.items()) {
            names.insert(name);
        }
        return names;
    };
    using Names = std::set<std::string>;
    const auto entered =
        visitor.send(Method::post, "/api/peers/register", protocol::encode(alice.registration()));
    CHECK(fields(entered.body) == Names{"token", "addr", "heartbeat_seconds", "changes"});
    alice.token = entered.body["token"];
    const auto beaten =
        visitor.post("/api/peers/heartbeat", {{"peer_id", alice.id()}, {"token", alice.token}});
    CHECK(fields(beaten.body) == Names{"changes"});
    json one = content_json(1);  // one content, or a list of them; the token in the body, too
    one["token"] = alice.token;
    CHECK(visitor.post("/api/files/announce", one).body == json{{"accepted", 1}});
    CHECK(visitor.post("/api/files/announce", {content_json(2), content_json(3)}, alice.shown())
              .body == json{{"accepted", 2}});

    const Names summary{"file_hash", "name", "size", "chunk_size", "chunks", "seeders", "swarm"};
    const auto page = visitor.get("/api/files?limit=1").body;
    CHECK(fields(page) == Names{"files", "next"});
    CHECK(fields(page["files"][0]) == summary);
    Names detail = summary;
    detail.insert({"merkle_root", "chunk_hashes_known", "chunk_hashes"});
    const std::string path = "/api/files/" + any_root(1).hex();
    CHECK(fields(visitor.get(path).body) == detail);
    const Names peer{"peer_id", "addr", "addrs", "status", "last_seen"};
    CHECK(fields(visitor.get(path + "/peers").body[0]) == peer);
    const std::string swarm = "/api/swarms/" + alice.swarm.hex();
    CHECK(fields(visitor.get(swarm + "/peers").body[0]) == peer);
    CHECK(fields(visitor.get(swarm + "/changes").body) == Names{"vector", "messages", "refused"});
    CHECK(fields(visitor.get("/health").body) == Names{"status"});
    CHECK(fields(visitor.get("/nothing").body) ==
          Names{"type", "title", "status", "code", "detail"});
}

TEST_CASE("chunk hashes are kept when they make the root, and come in pages") {
    RunningTracker running;
    Visitor visitor(running.url());
    Registrant alice(1);
    alice.enter(visitor);
    const std::uint64_t size = 5 * 262144;
    std::vector<Hash256> leaves;
    for (std::uint64_t i = 0; i < leaf_count(size); ++i) {
        leaves.push_back(any_root(i));
    }
    const Hash256 root = crypto::merkle_root(leaves);
    json announced = content_json(0, size);
    announced["file_hash"] = root.hex();
    CHECK(visitor.post("/api/files/announce", announced, alice.shown()).status == 200);
    const std::string path = "/api/files/" + root.hex();
    CHECK(visitor.get(path).body["chunk_hashes_known"] == false);

    json hashes = json::array();
    for (std::uint64_t chunk = 0; chunk < 5; ++chunk) {
        hashes.push_back(crypto::merkle_node(leaves, kChunkLevel, chunk).hex());
    }
    json lying = announced;
    lying["chunk_hashes"] = hashes;
    lying["chunk_hashes"][2] = any_root(7).hex();
    CHECK(visitor.post("/api/files/announce", lying, alice.shown()).code() == "bad_chunk_hashes");
    announced["chunk_hashes"] = hashes;
    CHECK(visitor.post("/api/files/announce", announced, alice.shown()).status == 200);
    CHECK(visitor.get(path).body["chunk_hashes"] == hashes);
    const auto page = visitor.get(path + "?chunk=1&limit=2").body;
    CHECK(page["chunk_hashes"] == json::array({hashes[1], hashes[2]}));
    CHECK(page["next"] == 3);
    const auto last = visitor.get(path + "?chunk=3&limit=2").body;
    CHECK(last["chunk_hashes"] == json::array({hashes[3], hashes[4]}));
    CHECK(!last.contains("next"));
    CHECK(visitor.get(path + "?chunk=99").body["chunk_hashes"].empty());
    CHECK(visitor.get(path + "?limit=0").status == 400);
}

TEST_CASE("pages of files follow one another without gap or repetition") {
    RunningTracker running;
    Visitor visitor(running.url());
    Registrant alice(1);
    alice.enter(visitor);
    json all = json::array();
    std::set<std::string> expected;
    for (std::uint64_t n = 0; n < 45; ++n) {
        all.push_back(content_json(n));
        expected.insert(any_root(n).hex());
    }
    CHECK(visitor.post("/api/files/announce", all, alice.shown()).status == 200);
    std::vector<std::string> listed;
    std::string cursor;
    do {
        const auto page =
            visitor.get("/api/files?limit=10" + (cursor.empty() ? "" : "&cursor=" + cursor));
        REQUIRE(page.status == 200);
        CHECK(page.body["files"].size() <= 10);
        for (const auto& file : page.body["files"]) {
            listed.push_back(file["file_hash"]);
        }
        cursor = page.body.value("next", "");
    } while (!cursor.empty());
    CHECK(listed == std::vector<std::string>(expected.begin(), expected.end()));
    CHECK(visitor.get("/api/files?cursor=AAAA").status == 400);
    CHECK(visitor.get("/api/files?limit=1001").status == 400);
}

TEST_CASE("announces that contradict themselves are refused whole") {
    RunningTracker running;
    Visitor visitor(running.url());
    Registrant alice(1);
    alice.enter(visitor);
    const auto refused = [&](const std::string& body) {
        const auto answer = visitor.send(Method::post, "/api/files/announce", body, alice.shown());
        return answer.status >= 400 && answer.status < 500 && !answer.code().empty();
    };
    const json good = content_json(1);
    const auto with = [&](const char* field, const json& value) {
        json changed = good;
        changed[field] = value;
        return changed.dump();
    };
    for (const std::string& body : {std::string(""),
                                    std::string("{"),
                                    std::string("null"),
                                    std::string("\"x\""),
                                    std::string("{}"),
                                    std::string("[[]]"),
                                    std::string("[1]"),
                                    std::string("{\"a\":{}}"),
                                    with("file_hash", "zz"),
                                    with("file_hash", 7),
                                    with("file_hash", std::string(64, '0')),
                                    with("file_hash", std::string(64, 'A')),
                                    with("name", ""),
                                    with("name", 5),
                                    with("name", std::string(2000, 'n')),
                                    with("size", 0),
                                    with("size", -1),
                                    with("size", 1.5),
                                    with("size", std::uint64_t{1} << 60),
                                    with("size", "1000"),
                                    with("chunk_size", 1024),
                                    with("chunks", 2),
                                    with("chunk_hashes", "x"),
                                    with("chunk_hashes", {any_root(1).hex(), any_root(2).hex()}),
                                    with("chunk_hashes", {1}),
                                    with("complete", "yes"),
                                    with("token", "beef"),
                                    std::string(100'000, '['),
                                    std::string("[") + good.dump() + ",{}]",
                                    good.dump() + good.dump(),
                                    std::string("{\"file_hash\":\"\xff\"}")}) {
        CAPTURE(body.substr(0, 100));
        CHECK(refused(body));
    }
    CHECK(visitor.get("/api/files").body["files"].empty());
    CHECK(visitor.send(Method::post, "/api/files/announce", "[]", alice.shown()).status == 200);
    CHECK(visitor.post("/api/files/announce", good).code() == "token_needed");
    json with_token = good;
    with_token["token"] = alice.token;
    with_token["unknown"] = {{"nested", {1, 2, {{"deep", nullptr}}}}};
    CHECK(visitor.post("/api/files/announce", with_token).status == 200);
    json many = json::array();
    for (std::size_t n = 0; n <= protocol::kAnnounceContentsMax; ++n) {
        many.push_back(content_json(n));
    }
    CHECK(refused(many.dump()));
    CHECK(refused(std::string(protocol::kAnnounceBodyBytesMax + 1, ' ')));
}

TEST_CASE("bodies and paths that make no sense are problems, not accidents") {
    RunningTracker running;
    Visitor visitor(running.url());
    const std::string swarm = "/api/swarms/" + any_root(1).hex();
    for (const std::string& path : {std::string("/api/peers/register"),
                                    std::string("/api/peers/heartbeat"), swarm + "/changes"}) {
        for (const std::string& body :
             {std::string(""), std::string("{"), std::string("[]"), std::string("{}"),
              std::string("null"), std::string(1000, '['), std::string("{\"peer_id\":{}}"),
              std::string("{\"vector\":\"****\"}"), std::string("{\"vector\":\"AAAB\"}"),
              std::string("{\"vector\":\"AAAAAA\",\"messages\":[1]}"),
              std::string("{\"vector\":\"AAAAAA\",\"messages\":\"x\"}")}) {
            CAPTURE(path);
            CAPTURE(body);
            CHECK(visitor.send(Method::post, path, body).status == 400);
        }
    }
    CHECK(visitor.get("/api/files/xyz").code() == "bad_id");
    CHECK(visitor.get("/api/files/" + std::string(64, 'A')).code() == "bad_id");
    CHECK(visitor.get("/api/swarms/1/peers").code() == "bad_id");
    CHECK(visitor.get("/api/swarms/1/changes").code() == "bad_id");
    CHECK(visitor.get(swarm + "/changes?vector=!").status == 400);
    CHECK(visitor.get("/api/files?limit=x").status == 400);
    CHECK(visitor.get("/api/files?limit=1&limit=2").status == 400);
    CHECK(visitor.get("/api/../files").status == 400);
    CHECK(visitor.get("/nothing").status == 404);
    CHECK(visitor.send(Method::put, "/api/files", "").status == 405);
    CHECK(visitor.get("/health").body["status"] == "ok");
}
