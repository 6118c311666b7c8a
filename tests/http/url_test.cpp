#include "engine/http/url.hpp"

#include <doctest/doctest.h>

using namespace swarmfs;
using namespace swarmfs::http;

TEST_CASE("a URL says where to connect and what to ask for") {
    const auto plain = parse_url("http://localhost:8080");
    REQUIRE(plain.ok());
    CHECK(!plain->secure);
    CHECK(plain->host == "localhost");
    CHECK(plain->port == 8080);
    CHECK(plain->target == "/");
    CHECK(plain->authority() == "localhost:8080");
    CHECK(plain->origin() == "http://localhost:8080");

    const auto secure = parse_url("https://[2001:db8::7]/base/api?x=1");
    REQUIRE(secure.ok());
    CHECK(secure->secure);
    CHECK(secure->host == "2001:db8::7");
    CHECK(secure->port == 443);
    CHECK(secure->target == "/base/api?x=1");
    CHECK(secure->authority() == "[2001:db8::7]");
    CHECK(secure->origin() == "https://[2001:db8::7]:443");
}

TEST_CASE("what is no http URL is refused") {
    for (const std::string text :
         {"", "localhost:8080", "/path", "ftp://host/", "http://", "http:///path", "http://host:0/",
          "http://host:99999/", "http://host:x/", "http://user@host/", "http://user:pw@host/",
          "http://host/#fragment", "http://ho st/", "http://h%00st/", "file:///etc/passwd"}) {
        CAPTURE(text);
        CHECK(!parse_url(text).ok());
    }
}
