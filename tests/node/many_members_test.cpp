// Members that find each other through one of them, and swarms of more members than anybody has places.

#include <doctest/doctest.h>

#include <memory>

#include "tests/node/members.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using test::join_all;
using test::TestNode;

std::size_t connections(TestNode& node) {
    return node.ask("peers", json::object()).at("peers").size();
}

}  // namespace

TEST_CASE("members that know one member only are told of the others, and go on without it") {
    TestNode alice;
    TestNode bob;
    TestNode carol;
    join_all(alice, {&bob, &carol});
    REQUIRE(bob.eventually([&] { return connections(bob) == 2 && connections(carol) == 2; }));
    alice.stop();
    bob.write("file", "text");
    REQUIRE(carol.eventually([&] {
        const auto read = carol.read("file");
        return read.ok() && *read == "text";
    }));
}

TEST_CASE(
    "more members than places all learn of a file and get it, and nobody exceeds his places") {
    constexpr std::size_t kMost = 6;
    TestNode first(kMost);
    std::vector<std::unique_ptr<TestNode>> others;
    std::vector<TestNode*> all;
    for (int i = 0; i < 9; ++i) {
        others.push_back(std::make_unique<TestNode>(kMost));
        all.push_back(others.back().get());
    }
    join_all(first, all);
    const std::string text(3'000'000, 't');
    first.write("file", text);
    for (TestNode* const one : all) {
        const auto got = [&] {
            CHECK(connections(*one) <= kMost);
            const auto read = one->read("file");
            if (!read.ok()) {
                one->node().member("").value()->hurry();  // as a program's read does
            }
            return read.ok() && *read == text;
        };
        REQUIRE(one->eventually(got));
    }
    CHECK(connections(first) <= kMost);
}

}  // namespace swarmfs::node
