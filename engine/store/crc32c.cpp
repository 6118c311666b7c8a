#include "engine/store/crc32c.hpp"

#include <array>
#include <cstring>

namespace swarmfs::store {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;  // reversed

// Eight tables let eight bytes be folded at once ("slicing by eight", Kounavis and Berry 2005).
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
    Tables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
        }
        tables[0][byte] = value;
    }
    for (std::size_t table = 1; table < 8; ++table) {
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t value = tables[table - 1][byte];
            tables[table][byte] = (value >> 8) ^ tables[0][value & 0xFF];
        }
    }
    return tables;
}

constexpr Tables kTables = make_tables();

std::uint32_t little_endian(const std::uint8_t* at) {
    return std::uint32_t{at[0]} | std::uint32_t{at[1]} << 8 | std::uint32_t{at[2]} << 16 |
           std::uint32_t{at[3]} << 24;
}

}  // namespace

std::uint32_t crc32c(ByteSpan bytes, std::uint32_t before) {
    std::uint32_t value = ~before;
    while (bytes.size() >= 8) {
        const std::uint32_t low = little_endian(bytes.data()) ^ value;
        const std::uint32_t high = little_endian(bytes.data() + 4);
        value = kTables[7][low & 0xFF] ^ kTables[6][(low >> 8) & 0xFF] ^
                kTables[5][(low >> 16) & 0xFF] ^ kTables[4][low >> 24] ^ kTables[3][high & 0xFF] ^
                kTables[2][(high >> 8) & 0xFF] ^ kTables[1][(high >> 16) & 0xFF] ^
                kTables[0][high >> 24];
        bytes = bytes.subspan(8);
    }
    for (const std::uint8_t byte : bytes) {
        value = (value >> 8) ^ kTables[0][(value ^ byte) & 0xFF];
    }
    return ~value;
}

}  // namespace swarmfs::store
