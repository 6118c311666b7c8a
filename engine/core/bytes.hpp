#pragma once
// Byte sequences and their text forms.
//
// Everything here is pure and may be called from any thread. Decoders refuse rather than repair.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace swarmfs {

using Bytes = std::vector<std::uint8_t>;
using ByteSpan = std::span<const std::uint8_t>;
using MutableByteSpan = std::span<std::uint8_t>;

inline ByteSpan as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteSpan bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteSpan bytes) {
    return {bytes.begin(), bytes.end()};
}

// Lower-case hexadecimal, two digits a byte.
std::string to_hex(ByteSpan bytes);

// Returns: the bytes, or nothing when `text` has an odd length or a digit that is not hexadecimal.
std::optional<Bytes> from_hex(std::string_view text);

// RFC 4648 section 5 base64 with the URL alphabet and without padding.
std::string to_base64url(ByteSpan bytes);

// Returns: the bytes, or nothing when `text` is not the canonical encoding of any bytes.
std::optional<Bytes> from_base64url(std::string_view text);

}  // namespace swarmfs
