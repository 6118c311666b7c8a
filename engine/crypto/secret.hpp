#pragma once
// Secrets in memory: wiped when they go, compared without telling how far they agree.

#include <array>

#include "engine/core/bytes.hpp"

namespace swarmfs::crypto {

// Overwrites in a way the compiler may not leave out.
void wipe(MutableByteSpan bytes);

// Takes the same time wherever the two differ. Different lengths are different at once.
bool equal_constant_time(ByteSpan left, ByteSpan right);

// N secret bytes. No operator== and no text form on purpose: secrets are compared by
// equal_constant_time and never printed.
template <std::size_t N>
class Secret {
public:
    Secret() = default;
    explicit Secret(const std::array<std::uint8_t, N>& bytes) : bytes_(bytes) {}
    Secret(const Secret&) = default;
    Secret& operator=(const Secret&) = default;
    ~Secret() { wipe(bytes_); }

    ByteSpan span() const { return bytes_; }
    MutableByteSpan mutable_span() { return bytes_; }
    const std::array<std::uint8_t, N>& array() const { return bytes_; }

private:
    std::array<std::uint8_t, N> bytes_{};
};

using Secret32 = Secret<32>;

}  // namespace swarmfs::crypto
