#include "engine/store/hashing.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstring>

namespace swarmfs::store {
namespace {

// Bytes that differ from leaf to leaf and cost nothing to make.
void fill(std::uint64_t offset, MutableByteSpan out) {
    for (std::size_t i = 0; i < out.size(); i += 8) {
        const std::uint64_t word = (offset + i) * 0x9E3779B97F4A7C15ULL;
        std::memcpy(out.data() + i, &word, std::min<std::size_t>(8, out.size() - i));
    }
}

ContentId hash_in_order(std::uint64_t size) {
    content::TreeBuilder builder;
    Bytes buffer(1 << 20);
    for (std::uint64_t at = 0; at < size; at += buffer.size()) {
        const auto part = MutableByteSpan(buffer).first(
            static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size - at)));
        fill(at, part);
        builder.append(part);
    }
    return builder.finish().id();
}

}  // namespace

TEST_CASE("what is hashed on several threads has the name it has when hashed in order") {
    constexpr std::uint64_t kMiB = 1 << 20;
    for (const std::uint64_t size :
         {std::uint64_t{1}, kLeafBytes, kLeafBytes + 1, kMiB - 1, kMiB, kMiB + 1,
          2 * kMiB + kLeafBytes, 64 * kMiB - 1, 64 * kMiB, 64 * kMiB + 1, 65 * kMiB + 7}) {
        CAPTURE(size);
        NoSink none;
        const auto id = hash_bytes(
            size,
            [](std::uint64_t offset, MutableByteSpan out) -> Result<> {
                fill(offset, out);
                return done();
            },
            none);
        REQUIRE(id.ok());
        CHECK(*id == hash_in_order(size));
    }
}

TEST_CASE("hashing that is given up ends with the stretch it is in") {
    std::atomic<std::uint64_t> read = 0;
    int asked = 0;
    NoSink none;
    const auto id = hash_bytes(
        std::uint64_t{1} << 40,
        [&](std::uint64_t offset, MutableByteSpan out) -> Result<> {
            fill(offset, out);
            read += out.size();
            return done();
        },
        none, [&] { return ++asked == 3; });
    REQUIRE_FALSE(id.ok());
    CHECK(id.error().code == Code::cancelled);
    CHECK(read <= 2 * (64 << 20));
}

TEST_CASE("bytes that cannot be read are an error, wherever they lie") {
    constexpr std::uint64_t kSize = 60 << 20;
    for (const std::uint64_t bad : {std::uint64_t{0}, kSize / 2, kSize - 1}) {
        CAPTURE(bad);
        NoSink none;
        const auto id = hash_bytes(
            kSize,
            [&](std::uint64_t offset, MutableByteSpan out) -> Result<> {
                fill(offset, out);
                return bad >= offset && bad < offset + out.size()
                           ? Result<>(disk_error(Code::io, "bit rot"))
                           : done();
            },
            none);
        REQUIRE_FALSE(id.ok());
        CHECK(id.error().message == "bit rot");
    }
}

}  // namespace swarmfs::store
