#include "engine/node/control_server.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <atomic>

#include "engine/protocol/control.hpp"
#include "engine/transport/local_socket.hpp"
#include "tests/support/temporary_directory.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using protocol::ControlReply;
using transport::LocalConnection;

ControlMethods test_methods() {
    ControlMethods methods;
    methods["echo"] = [](const json& params, ControlCall&) -> Result<json> { return params; };
    methods["count"] = [](const json& params, ControlCall& call) -> Result<json> {
        for (int i = 0; i < params.at("to").get<int>(); ++i) {
            call.progress({{"at", i}});
        }
        return json::object();
    };
    methods["refuse"] = [](const json&, ControlCall&) -> Result<json> {
        return caller_error(Code::not_found, "nothing is here");
    };
    return methods;
}

ControlReply next_reply(LocalConnection& connection) {
    auto line = connection.read_line(protocol::kControlLineBytesMax);
    REQUIRE(line.ok());
    REQUIRE(line->has_value());
    auto reply = protocol::decode_reply(**line);
    REQUIRE(reply.ok());
    return *reply;
}

ControlReply ask(LocalConnection& connection, const std::string& method, json params) {
    protocol::ControlRequest request;
    request.id = 7;
    request.method = method;
    request.params = std::move(params);
    REQUIRE(connection.write(protocol::encode(request)).ok());
    return next_reply(connection);
}

}  // namespace

TEST_CASE("a control method is called with its parameters and its result comes back") {
    const test::TemporaryDirectory home;
    auto server = ControlServer::open(home.path() + "/control.sock", test_methods());
    REQUIRE(server.ok());
    auto connection = LocalConnection::connect(home.path() + "/control.sock");
    REQUIRE(connection.ok());

    CHECK(ask(**connection, "echo", {{"name", "docs"}}).result == json{{"name", "docs"}});
    CHECK(ask(**connection, "refuse", json::object()).error->code == Code::not_found);
    CHECK(ask(**connection, "nonsense", json::object()).error->code == Code::unsupported);
    CHECK(ask(**connection, "count", {{"to", "three"}}).error->code == Code::invalid);
}

TEST_CASE("progress is reported before the result") {
    const test::TemporaryDirectory home;
    auto server = ControlServer::open(home.path() + "/control.sock", test_methods());
    REQUIRE(server.ok());
    auto connection = LocalConnection::connect(home.path() + "/control.sock");
    REQUIRE(connection.ok());

    const ControlReply first = ask(**connection, "count", {{"to", 2}});
    REQUIRE(first.progress.has_value());
    CHECK(first.progress->at("at") == 0);
    CHECK(next_reply(**connection).progress->at("at") == 1);
    CHECK_FALSE(next_reply(**connection).progress.has_value());
}

TEST_CASE("what is not JSON is answered with an error and the connection goes on") {
    const test::TemporaryDirectory home;
    auto server = ControlServer::open(home.path() + "/control.sock", test_methods());
    REQUIRE(server.ok());
    auto connection = LocalConnection::connect(home.path() + "/control.sock");
    REQUIRE(connection.ok());

    REQUIRE((*connection)->write("what is this\n").ok());
    CHECK(next_reply(**connection).error->code == Code::invalid);
    REQUIRE((*connection)->write(std::string(100, '[') + "\n").ok());
    CHECK(next_reply(**connection).error->code == Code::invalid);
    CHECK(ask(**connection, "echo", json::object()).result == json::object());
}

TEST_CASE("the control socket admits its owner only and works below a long path") {
    const test::TemporaryDirectory home;
    const std::string deep = home.path() + "/" + std::string(120, 'd');
    REQUIRE(::mkdir(deep.c_str(), 0700) == 0);
    const std::string path = deep + "/control.sock";
    auto server = ControlServer::open(path, test_methods());
    REQUIRE(server.ok());
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK(LocalConnection::connect(path).ok());
}

}  // namespace swarmfs::node
