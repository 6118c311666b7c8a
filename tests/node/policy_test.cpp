// What `.swarmfs.toml` says is understood whole or refused, with the line and the key.
#include "engine/node/policy.hpp"

#include <doctest/doctest.h>

namespace swarmfs::node {
namespace {

Policy parsed(std::string_view text) {
    auto policy = Policy::parse(text);
    REQUIRE_MESSAGE(policy.ok(), (policy.ok() ? "" : policy.error().message));
    return *std::move(policy);
}

void refused(std::string_view text, std::string_view line, std::string_view what) {
    const auto policy = Policy::parse(text);
    REQUIRE(!policy.ok());
    CHECK(policy.error().code == Code::configuration);
    const std::string& message = policy.error().message;
    CHECK_MESSAGE(message.find(".swarmfs.toml, " + std::string(line) + ":") == 0, message);
    CHECK_MESSAGE(message.find(what) != std::string::npos, message);
    CHECK(message.find('\n') == std::string::npos);
}

std::string many_paths(std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += "[p" + std::to_string(i) + "]\nreplicas = 2\n";
    }
    return text;
}

}  // namespace

TEST_CASE("where nothing is said, everything is there once and read from one member") {
    for (const Policy& policy : {Policy(), parsed(""), parsed("# nothing\n")}) {
        CHECK(policy.of("") == PathPolicy{1, 1});
        CHECK(policy.of("any/path") == PathPolicy{1, 1});
        CHECK(policy.replicas_max() == 1);
        CHECK(policy.read_quorum_max() == 1);
    }
}

TEST_CASE("the longest path that says something about a key wins, key by key") {
    const Policy policy = parsed(
        "replicas = 2\n"
        "[\"photos/raw\"]\n"
        "replicas = 3\n"
        "[photos]\n"
        "read_quorum = 4\n"
        "replicas = 1\n"
        "[\"photos/raw/old\"]\n"
        "read_quorum = 1\n");
    CHECK(policy.of("") == PathPolicy{2, 1});
    CHECK(policy.of("text") == PathPolicy{2, 1});
    CHECK(policy.of("photos") == PathPolicy{1, 4});
    CHECK(policy.of("photos/one") == PathPolicy{1, 4});
    CHECK(policy.of("photos/raw") == PathPolicy{3, 4});
    CHECK(policy.of("photos/raw/a/b") == PathPolicy{3, 4});
    CHECK(policy.of("photos/raw/old/a") == PathPolicy{3, 1});
    CHECK(policy.of("photos/rawer") == PathPolicy{1, 4});
    CHECK(policy.replicas_max() == 3);
    CHECK(policy.read_quorum_max() == 4);
}

TEST_CASE("a path may be of any letters, and its table of any form") {
    CHECK(parsed("[\"bücher/日本\"]\nreplicas = 5\n").of("bücher/日本/x").replicas == 5);
    CHECK(parsed("\"a/b\" = { replicas = 6, read_quorum = 2 }").of("a/b") == PathPolicy{6, 2});
    CHECK(parsed("\"a/b\".replicas = 7").of("a/b/c").replicas == 7);
    CHECK(parsed("[replicas]\nreplicas = 8").of("replicas/c").replicas == 8);
    CHECK(parsed("replicas = 64").replicas_max() == Policy::kNumberMax);
}

TEST_CASE("what is wrong is named, with its line") {
    refused("replicas = 2\nreplica = 3\n", "line 2", "unknown key \"replica\"");
    refused("[a]\n\nquorum = 3\n", "line 3", "unknown key \"quorum\"");
    refused("replicas = 0", "line 1", "replicas must be a number from 1 to 64");
    refused("replicas = 65", "line 1", "replicas must be");
    refused("replicas = -1", "line 1", "replicas must be");
    refused("\nreplicas = \"2\"", "line 2", "replicas must be");
    refused("replicas = 2.0", "line 1", "replicas must be");
    refused("read_quorum = [1]", "line 1", "read_quorum must be");
    refused("[\"/a\"]", "line 1", "[\"/a\"] is no path");
    refused("[\"a/../b\"]", "line 1", "is no path");
    refused("[\"a/\"]\nreplicas = 2", "line 1", "is no path");
    refused("replicas = 2\n[\"\"]\n", "line 2", "is no path");
    refused("[photos.raw]\nreplicas = 3\n", "line 1", "a path is one key in quotes");
    refused("replicas = 2\nreplicas = 3\n", "line 2", "replicas");
    refused("replicas = \n", "line 1", "");
    refused("[a]\nreplicas = 2\n[a]\n", "line 3", "");
    refused("\x80", "line 1", "");
}

TEST_CASE("a policy of any length is not read") {
    CHECK(parsed(many_paths(Policy::kPathsMax)).of("p999").replicas == 2);
    refused(many_paths(Policy::kPathsMax + 1), "line 1999", "more than 1000 paths");
    const std::string fits = "#" + std::string(Policy::kTextMax - 1, ' ');
    CHECK(Policy::parse(fits).ok());
    const auto longer = Policy::parse(fits + " ");
    REQUIRE(!longer.ok());
    CHECK(longer.error().code == Code::too_large);
    CHECK(!Policy::parse("a = " + std::string(10'000, '[')).ok());
}

}  // namespace swarmfs::node
