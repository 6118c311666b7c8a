#pragma once
// Reading and writing of binary formats: fixed-width big-endian numbers and length-prefixed bytes.
//
// A WireReader never reads beyond its span and never throws: after the first impossible read it is
// failed, every later read yields zero or empty, and the caller asks once, at the end, whether all
// was well. Counts must be checked against `remaining()` before anything is allocated for them.

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/core/bytes.hpp"
#include "engine/core/ids.hpp"

namespace swarmfs {

class WireWriter {
public:
    explicit WireWriter(Bytes& out) : out_(out) {}

    void u8(std::uint8_t v) { out_.push_back(v); }
    void u16(std::uint16_t v) { big_endian(v, 2); }
    void u32(std::uint32_t v) { big_endian(v, 4); }
    void u64(std::uint64_t v) { big_endian(v, 8); }
    void raw(ByteSpan bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
    template <class Tag, std::size_t N>
    void fixed(const FixedBytes<Tag, N>& v) {
        raw(v.span());
    }
    // Requires: bytes.size() fits the prefix.
    void bytes16(ByteSpan bytes);
    void bytes32(ByteSpan bytes);
    void text16(std::string_view text) { bytes16(as_bytes(text)); }

private:
    void big_endian(std::uint64_t v, unsigned width) {
        for (unsigned shift = width * 8; shift > 0; shift -= 8) {
            out_.push_back(static_cast<std::uint8_t>(v >> (shift - 8)));
        }
    }
    Bytes& out_;
};

class WireReader {
public:
    explicit WireReader(ByteSpan in) : in_(in) {}

    std::uint8_t u8() { return static_cast<std::uint8_t>(big_endian(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(big_endian(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(big_endian(4)); }
    std::uint64_t u64() { return big_endian(8); }
    // Valid until: the span given at construction dies.
    ByteSpan raw(std::size_t count);
    ByteSpan bytes16() { return raw(u16()); }
    ByteSpan bytes32() { return raw(u32()); }
    std::string text16() { return std::string(as_text(bytes16())); }
    template <class Fixed>
    Fixed fixed() {
        const ByteSpan source = raw(Fixed::kSize);
        Fixed value;
        if (source.size() == Fixed::kSize) {
            std::copy(source.begin(), source.end(), value.bytes.begin());
        }
        return value;
    }

    std::size_t remaining() const { return in_.size(); }
    ByteSpan rest() { return raw(in_.size()); }
    void fail() {
        failed_ = true;
        in_ = {};
    }
    bool failed() const { return failed_; }
    // Everything was read, and all of it was there.
    bool finished() const { return !failed_ && in_.empty(); }

private:
    std::uint64_t big_endian(unsigned width);
    ByteSpan in_;
    bool failed_ = false;
};

}  // namespace swarmfs
