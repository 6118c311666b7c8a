// Bodies that are no JSON, or JSON that nobody should have to take.
#include <doctest/doctest.h>

#include "engine/protocol/tracker_contents.hpp"
#include "tests/tracker/running_tracker.hpp"

using namespace swarmfs;
using catalog::testing::any_root;
using http::Method;
using test::Registrant;
using test::RunningTracker;
using test::Visitor;

namespace {

std::string repeated(const std::string& text, std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) {
        all += text;
    }
    return all;
}

// What may stand behind the first field of an object, or for a whole body.
std::vector<std::string> hostile_bodies(const std::string& fields) {
    const std::string deep = repeated("[", 100'000);
    return {"",
            " ",
            "\0",
            "not JSON",
            "{" + fields,
            "{" + fields + "}}",
            "{" + fields + ",}",
            "{'a':1," + fields + "}",
            deep,
            repeated("{\"a\":", 50'000),
            "{" + fields + ",\"x\":" + deep + repeated("]", 100'000) + "}",
            "{" + fields + "," + fields + "}",
            "{" + fields + ",\"x\":1e999}",
            "{" + fields + ",\"x\":-1e999}",
            "{" + fields + ",\"x\":0" + repeated("9", 1000) + "}",
            "{" + fields + ",\"x\":NaN}",
            "{" + fields + ",\"x\":\"\\ud800\"}",
            "{" + fields + ",\"x\":\"\\udc00\\ud800\"}",
            "{" + fields + ",\"x\":\"\\ud800\\u0041\"}",
            "{" + fields + ",\"x\":\"\xed\xa0\x80\"}",
            "{" + fields + ",\"x\":\"\xc0\x80\"}",
            "{" + fields + ",\"x\":\"\n\"}",
            "{" + fields + ",\"x\":[" + repeated("1,", 70'000) + "1]}",
            "\xff\xfe{\0}"};
}

}  // namespace

TEST_CASE("an announce that is no JSON, or says a thing twice, is a bad request and no more") {
    RunningTracker running;
    Visitor visitor(running.url());
    Registrant alice(1);
    alice.enter(visitor);
    const std::string hash = "\"file_hash\":\"" + any_root(1).hex() + "\"";
    const std::string good = hash + R"(,"name":"a","size":1000)";
    std::vector<std::string> bodies = hostile_bodies(good);
    for (const char* size : {"1e400", "18446744073709551616", "18446744073709551615", "-1",
                             "1000.0", "1e3", "true", "\"1000\"", "null"}) {
        bodies.push_back("{" + hash + R"(,"name":"a","size":)" + size + "}");
    }
    for (const char* name : {R"("\ud800")", R"("\udfff")", "\"\xff\"", "7", "[]", R"("")"}) {
        bodies.push_back("{" + hash + R"(,"size":1000,"name":)" + name + "}");
    }
    for (const std::string& field :
         {hash, std::string(R"("name":"b")"), std::string(R"("size":1000)"),
          std::string(R"("chunks":1,"chunks":1)"),
          std::string(R"("complete":true,"complete":true)"),
          std::string(R"("chunk_hashes":[],"chunk_hashes":[])")}) {
        bodies.push_back("{" + good + "," + field + "}");
        bodies.push_back("[{" + good + "," + field + "}]");
    }
    for (const std::string& body : bodies) {
        CAPTURE(body.substr(0, 200));
        const auto answer = visitor.send(Method::post, "/api/files/announce", body, alice.shown());
        CHECK(answer.status == 400);
        CHECK(answer.code() == "invalid");
    }
    CHECK(visitor.get("/api/files").body["files"].empty());
    CHECK(visitor
              .send(Method::post, "/api/files/announce", "{" + good + ",\"x\":\"\\ud83d\\ude00\"}",
                    alice.shown())
              .status == 200);
}

TEST_CASE("other bodies that are no JSON, or say a thing twice, are bad requests and no more") {
    RunningTracker running;
    Visitor visitor(running.url());
    Registrant alice(1);
    alice.enter(visitor);
    const std::string swarm = "/api/swarms/" + any_root(1).hex();
    const auto fields_of = [](const std::string& object) {
        return object.substr(1, object.size() - 2);
    };
    const std::vector<std::pair<std::string, std::string>> posts = {
        {"/api/peers/heartbeat",
         "\"peer_id\":\"" + alice.id() + "\",\"token\":\"" + alice.token + "\""},
        {"/api/peers/register", fields_of(protocol::encode(alice.registration()))},
        {swarm + "/changes", R"("vector":"AAAAAA","messages":[])"}};
    for (const auto& [path, fields] : posts) {
        for (const std::string& body : hostile_bodies(fields)) {
            CAPTURE(path);
            CAPTURE(body.substr(0, 200));
            const auto answer = visitor.send(Method::post, path, body);
            // Small bodies end at 16 KiB before anybody looks into them.
            CHECK((answer.status == 400 || (answer.status == 413 && body.size() > 16'384)));
            CHECK(!answer.code().empty());
        }
        CHECK(visitor.send(Method::post, path, "{" + fields + "}").status == 200);
    }
}

TEST_CASE("a large exchange is parsed aside and answered like a small one") {
    RunningTracker running;
    Visitor visitor(running.url());
    const std::string path = "/api/swarms/" + any_root(1).hex() + "/changes";
    const std::string padding = std::string(1'000'000, 'x');
    CHECK(
        visitor
            .send(Method::post, path, R"({"vector":"AAAAAA","messages":[],"x":")" + padding + "\"}")
            .status == 200);
    CHECK(visitor.send(Method::post, path, R"({"messages":[],"x":")" + padding + "\"}").code() ==
          "invalid");
    CHECK(visitor.send(Method::post, "/api/swarms/7/changes", padding).code() == "bad_id");
}
