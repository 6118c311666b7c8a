#include "engine/store/key_spaces.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace swarmfs::store {
namespace {

SwarmId swarm_of(std::uint8_t byte) {
    SwarmId swarm;
    swarm.bytes.fill(byte);
    return swarm;
}

}  // namespace

TEST_CASE("a key begins with its space, its table and eight bytes of its swarm") {
    CHECK(to_hex(key_of(KeySpace::staging)) == "20");
    CHECK(to_hex(key_of(KeySpace::contents, 'm')) == "106d");
    CHECK(to_hex(key_of(KeySpace::catalog, swarm_of(7))) == "400707070707070707");
    CHECK(to_hex(key_of(KeySpace::node, 'w', swarm_of(7))) == "50770707070707070707");
    CHECK(key_of(KeySpace::namespace_, swarm_of(1)).size() == kSwarmPrefixBytes);
    CHECK(is_in(key_of(KeySpace::staging), KeySpace::staging));
    CHECK_FALSE(is_in(key_of(KeySpace::staging), KeySpace::node));
    CHECK_FALSE(is_in({}, KeySpace::database));
}

TEST_CASE("every swarm that has rows in a space is found there, and no other") {
    MemoryKeyValue rows;
    const auto found = [&] {
        std::vector<Bytes> prefixes;
        for_each_swarm(rows, KeySpace::catalog,
                       [&](const Bytes& prefix) { prefixes.push_back(prefix); });
        return prefixes;
    };
    CHECK(found().empty());
    std::vector<Bytes> expected;
    for (const std::uint8_t byte : Bytes{0x00, 0x07, 0xfe, 0xff}) {
        expected.push_back(key_of(KeySpace::catalog, swarm_of(byte)));
        for (const char table : {'a', 'b', 'z'}) {
            Bytes key = expected.back();
            key.push_back(static_cast<std::uint8_t>(table));
            rows.put(key, {});
        }
    }
    rows.put(key_of(KeySpace::namespace_, swarm_of(1)), {});
    rows.put(key_of(KeySpace::node, swarm_of(1)), {});
    CHECK(found() == expected);
}

}  // namespace swarmfs::store
