#include "engine/core/bytes.hpp"

#include <doctest/doctest.h>

#include "engine/core/dice.hpp"

namespace swarmfs {

TEST_CASE("hexadecimal comes back as the bytes it was made from") {
    CHECK(to_hex(as_bytes("swarm")) == "737761726d");
    CHECK(from_hex("737761726D") == to_bytes(as_bytes("swarm")));
    CHECK_FALSE(from_hex("7").has_value());
    CHECK_FALSE(from_hex("7g").has_value());
}

TEST_CASE("base64url of any bytes decodes to those bytes and to nothing else") {
    SeededDice dice(1);
    for (std::size_t size = 0; size < 100; ++size) {
        Bytes bytes(size);
        dice.fill(bytes);
        CHECK(from_base64url(to_base64url(bytes)) == bytes);
    }
    CHECK(to_base64url(as_bytes("fo")) == "Zm8");
    CHECK_FALSE(from_base64url("Zm9").has_value());
    CHECK_FALSE(from_base64url("Z").has_value());
    CHECK_FALSE(from_base64url("Zm+v").has_value());
}

}  // namespace swarmfs
