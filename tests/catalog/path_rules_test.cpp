#include "engine/catalog/path_rules.hpp"

#include <doctest/doctest.h>

namespace swarmfs::catalog {

TEST_CASE("ordinary and odd names are kept exactly") {
    for (const char* path : {"a", "a/b", "-rf", "line\nbreak", "\xE2\x80\xAE", "...", ".hidden",
                             "a b/c\\d", "Caf\xC3\xA9", "Cafe\xCC\x81"}) {
        CHECK(check_path(path).ok());
    }
    CHECK(check_path(std::string(255, 'x')).ok());
}

TEST_CASE("names that could climb, hide or break are refused whole") {
    for (const std::string& path :
         {std::string(), std::string("/"), std::string("/a"), std::string("a/"),
          std::string("a//b"), std::string("."), std::string("a/.."), std::string("../a"),
          std::string("a\0b", 3), std::string("\xFF"), std::string("\xC0\xAF"),
          std::string("\xED\xA0\x80"), std::string(256, 'x')}) {
        CHECK_FALSE(check_path(path).ok());
    }
    CHECK_FALSE(check_name("a/b").ok());
    CHECK(check_name(std::string(256, 'x')).error().code == Code::name_too_long);
}

TEST_CASE("paths end at 4096 bytes and 128 directories") {
    std::string deep = "x";
    for (int i = 1; i < 128; ++i) {
        deep += "/x";
    }
    CHECK(check_path(deep).ok());
    CHECK(check_path(deep + "/x").error().code == Code::name_too_long);
    std::string wide(250, 'x');
    while (wide.size() + 251 <= kPathBytesMax) {
        wide += "/" + std::string(250, 'x');
    }
    CHECK(check_path(wide).ok());
    CHECK(check_path(wide + "/" + std::string(250, 'x')).error().code == Code::name_too_long);
}

TEST_CASE("a path comes apart into its directory and its name") {
    CHECK(parent_path("a/b/c") == "a/b");
    CHECK(parent_path("a") == "");
    CHECK(name_of_path("a/b/c") == "c");
    CHECK(name_of_path("a") == "a");
    CHECK(join_path("", "a") == "a");
    CHECK(join_path("a", "b") == "a/b");
    CHECK(is_below("a/b", "a"));
    CHECK(is_below("a", ""));
    CHECK_FALSE(is_below("ab", "a"));
    CHECK_FALSE(is_below("a", "a"));
}

}  // namespace swarmfs::catalog
