// One number of a policy is changed where it stands; all else stays as people wrote it.
#include "engine/node/policy_text.hpp"

#include <doctest/doctest.h>

namespace swarmfs::node {
namespace {

constexpr const char* kText =
    "# what we agreed on\n"
    "replicas = 2      # of everything\n"
    "\n"
    "# the originals\n"
    "[\"bücher/日本\"]\n"
    "replicas = 3  # not less\n"
    "[inline]\n"
    "read_quorum=1\n";

std::string with(const std::string& text, const std::string& path, const Policy::Said& said) {
    const auto changed = policy_text_with(text, path, said);
    REQUIRE_MESSAGE(changed.ok(), (changed.ok() ? "" : changed.error().message));
    return *changed;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    const std::size_t at = text.find(what);
    REQUIRE(at != std::string::npos);
    return text.replace(at, what.size(), by);
}

}  // namespace

TEST_CASE("a number that is there is replaced, and nothing else") {
    CHECK(with(kText, "", {12, {}}) == replaced(kText, "replicas = 2 ", "replicas = 12 "));
    CHECK(with(kText, "bücher/日本", {4, {}}) == replaced(kText, "= 3", "= 4"));
    CHECK(with(kText, "inline", {{}, 7}) == replaced(kText, "read_quorum=1", "read_quorum=7"));
    CHECK(with("replicas = 0x10", "", {2, {}}) == "replicas = 2");
    CHECK(with("\"ü\" = { replicas = 3 } # x", "ü", {2, {}}) == "\"ü\" = { replicas = 2 } # x");
    CHECK(with("\"a/b\".replicas = 3\r\n", "a/b", {2, {}}) == "\"a/b\".replicas = 2\r\n");
}

TEST_CASE("a number that is not there comes where one looks for it") {
    CHECK(with(kText, "", {{}, 3}) ==
          replaced(kText, "# of everything\n", "# of everything\nread_quorum = 3\n"));
    CHECK(with(kText, "bücher/日本", {{}, 3}) ==
          replaced(kText, "[\"bücher/日本\"]\n", "[\"bücher/日本\"]\nread_quorum = 3\n"));
    CHECK(with("a = { replicas = 3 }", "a", {{}, 2}) == "a = { read_quorum = 2, replicas = 3 }");
    CHECK(with("a = {}", "a", {2, {}}) == "a = { replicas = 2}");
    CHECK(with("a.replicas = 3\n", "a", {{}, 2}) == "\"a\".read_quorum = 2\na.replicas = 3\n");
    CHECK(with("[a] # last", "a", {2, {}}) == "[a] # last\nreplicas = 2\n");
    CHECK(with("[a]\nreplicas = 2\n", "", {3, {}}) == "replicas = 3\n\n[a]\nreplicas = 2\n");
}

TEST_CASE("a path of which nothing is said gets a table of its own") {
    CHECK(with("", "", {2, {}}) == "replicas = 2\n");
    CHECK(with("", "photos/raw", {2, 3}) == "[\"photos/raw\"]\nread_quorum = 3\nreplicas = 2\n");
    CHECK(with("# a", "b", {{}, 3}) == "# a\n\n[\"b\"]\nread_quorum = 3\n");
    const std::string odd = "a\"b\\c\nd\x7F";
    const auto policy = Policy::parse(with("", odd, {5, {}}));
    REQUIRE(policy.ok());
    CHECK(policy->of(odd).replicas == 5);
}

TEST_CASE("what cannot be set is refused") {
    const auto refused = [](const std::string& text, const std::string& path,
                            const Policy::Said& said) {
        const auto changed = policy_text_with(text, path, said);
        REQUIRE(!changed.ok());
        return changed.error().code;
    };
    CHECK(refused("", "", {0, {}}) == Code::invalid);
    CHECK(refused("", "", {{}, 65}) == Code::invalid);
    CHECK(refused("", "/a", {2, {}}) == Code::invalid);
    CHECK(refused("nonsense = 1", "", {2, {}}) == Code::configuration);
    const std::string long_text = "#" + std::string(Policy::kTextMax - 1, 'x');
    CHECK(refused(long_text, "a", {2, {}}) == Code::too_large);
}

}  // namespace swarmfs::node
