// The policy in force follows the file in the swarm's root, on every member.
#include <doctest/doctest.h>

#include "tests/node/members.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using test::join_all;
using test::TestNode;

std::string problem_at(TestNode& node) {
    return node.ask("status", json::object()).at("swarms").at(0).at("last_error");
}

PathPolicy policy_at(TestNode& node, const std::string& path) {
    return node.node().members().front()->policy()->of(path);
}

}  // namespace

TEST_CASE("what the file says is in force on every member, until it says otherwise or is gone") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    CHECK(policy_at(bob, "any") == PathPolicy{1, 1});
    alice.write(".swarmfs.toml", "replicas = 2\n[raw]\nread_quorum = 3\n");
    for (TestNode* node : {&alice, &bob}) {
        CHECK(node->eventually([&] { return policy_at(*node, "raw/x") == PathPolicy{2, 3}; }));
        CHECK(policy_at(*node, "text") == PathPolicy{2, 1});
    }
    bob.write(".swarmfs.toml", "replicas = 4\n");
    for (TestNode* node : {&alice, &bob}) {
        CHECK(node->eventually([&] { return policy_at(*node, "raw/x") == PathPolicy{4, 1}; }));
    }
    REQUIRE(alice.volume()->remove_file(kRootInode, ".swarmfs.toml").ok());
    for (TestNode* node : {&alice, &bob}) {
        CHECK(node->eventually([&] { return policy_at(*node, "raw/x") == PathPolicy{1, 1}; }));
    }
}

TEST_CASE("a file that cannot be understood leaves in force what was, and status says why") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    alice.write(".swarmfs.toml", "replicas = 2\n");
    CHECK(bob.eventually([&] { return policy_at(bob, "any").replicas == 2; }));
    alice.write(".swarmfs.toml", "replicas = 3\nreplica = 3\n");
    for (TestNode* node : {&alice, &bob}) {
        CHECK(node->eventually([&] {
            return problem_at(*node).find(".swarmfs.toml, line 2: unknown key \"replica\"") !=
                   std::string::npos;
        }));
        CHECK(policy_at(*node, "any").replicas == 2);
    }
    alice.write(".swarmfs.toml", "replicas = 3\n");
    for (TestNode* node : {&alice, &bob}) {
        CHECK(node->eventually([&] { return policy_at(*node, "any").replicas == 3; }));
        CHECK(problem_at(*node).empty());
    }
    REQUIRE(alice.volume()->remove_file(kRootInode, ".swarmfs.toml").ok());
    REQUIRE(alice.volume()->make_directory(kRootInode, ".swarmfs.toml", 0755).ok());
    CHECK(bob.eventually(
        [&] { return problem_at(bob).find(".swarmfs.toml is no file") != std::string::npos; }));
}

TEST_CASE("the policy is in force again after a restart") {
    TestNode alice;
    alice.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    alice.write(".swarmfs.toml", "replicas = 2\n");
    CHECK(alice.eventually([&] { return policy_at(alice, "any").replicas == 2; }));
    alice.stop();
    alice.start();
    CHECK(alice.eventually([&] { return policy_at(alice, "any").replicas == 2; }));
}

}  // namespace swarmfs::node
