#pragma once
// Known answers are written as hexadecimal text.

#include <algorithm>
#include <array>
#include <string_view>

#include "engine/core/assert.hpp"
#include "engine/core/bytes.hpp"
#include "engine/crypto/secret.hpp"

namespace swarmfs::crypto::test {

inline Bytes hex(std::string_view text) {
    const auto bytes = from_hex(text);
    SWARM_ASSERT(bytes.has_value());
    return *bytes;
}

template <std::size_t N>
std::array<std::uint8_t, N> array_from_hex(std::string_view text) {
    const Bytes bytes = hex(text);
    SWARM_ASSERT(bytes.size() == N);
    std::array<std::uint8_t, N> array{};
    std::copy(bytes.begin(), bytes.end(), array.begin());
    return array;
}

inline Secret32 key_from_hex(std::string_view text) {
    return Secret32(array_from_hex<32>(text));
}

}  // namespace swarmfs::crypto::test
