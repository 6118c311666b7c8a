#include "engine/http/target.hpp"

#include <doctest/doctest.h>

using namespace swarmfs;
using namespace swarmfs::http;

namespace {

std::string path_of(std::string_view raw) {
    std::string decoded;
    const auto target = parse_target(raw, decoded);
    return target.ok() ? std::string(target->path) : "refused";
}

}  // namespace

TEST_CASE("a target is a path and a query") {
    std::string decoded;
    const auto target = parse_target("/api/files?limit=3&a=%20", decoded);
    REQUIRE(target.ok());
    CHECK(target->path == "/api/files");
    CHECK(target->query == "limit=3&a=%20");
    CHECK(path_of("/") == "/");
    CHECK(path_of("/a%20b/%C3%BC") == "/a b/\xC3\xBC");
    CHECK(path_of("/a?/../x") == "/a");
}

TEST_CASE("a target that could mean two things is refused") {
    for (const char* raw : {"",
                            "*",
                            "api",
                            "http://host/path",
                            "//host/path",
                            "/a//b",
                            "/a/",
                            "/..",
                            "/a/../b",
                            "/./a",
                            "/%2e%2e/a",
                            "/a%2fb",
                            "/a%5cb",
                            "/a\\b",
                            "/a#b",
                            "/a b",
                            "/a%",
                            "/a%2",
                            "/a%zz",
                            "/a%00",
                            "/a%0d%0a",
                            "/%ff",
                            "/\xC3\xBC",
                            "/%c0%af",
                            "/<script>"}) {
        CAPTURE(raw);
        CHECK(path_of(raw) == "refused");
    }
    CHECK(path_of("/" + std::string(kTargetBytesMax, 'a')) == "refused");
}

TEST_CASE("a query is names and values, each name once") {
    const auto values = QueryValues::parse("limit=20&name=a%26b+c&empty=&flag");
    REQUIRE(values.ok());
    CHECK(*values->find("name") == "a&b+c");
    CHECK(*values->find("empty") == "");
    CHECK(*values->find("flag") == "");
    CHECK(values->find("other") == nullptr);
    CHECK(values->number("limit", 5, 1, 100).value() == 20);
    CHECK(values->number("other", 5, 1, 100).value() == 5);
    CHECK(!values->number("limit", 5, 1, 10).ok());
    CHECK(!values->number("name", 5, 1, 10).ok());

    CHECK(QueryValues::parse("")->all().empty());
    CHECK(!QueryValues::parse("a=1&a=2").ok());
    CHECK(!QueryValues::parse("a=%").ok());
    CHECK(!QueryValues::parse("a=%ff").ok());
    std::string many;
    for (int i = 0; i < 17; ++i) {
        many += "n" + std::to_string(i) + "=1&";
    }
    CHECK(!QueryValues::parse(many).ok());
}
