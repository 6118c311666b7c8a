#include "engine/store/journal_format.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "engine/core/dice.hpp"
#include "engine/store/crc32c.hpp"

using namespace swarmfs;
using namespace swarmfs::store;

namespace {

constexpr SegmentUse kUse{3, 41, 17};

Bytes text(std::string_view bytes) {
    return to_bytes(as_bytes(bytes));
}

Changes changes_of(std::uint64_t sequence) {
    Changes changes;
    changes[text("key " + std::to_string(sequence))] = text("value");
    changes[text("gone " + std::to_string(sequence % 3))] = std::nullopt;
    changes[text("sequence")] = text(std::to_string(sequence));
    return changes;
}

// Bytes of a segment of `records` records, and where each begins; the end mark comes last.
Bytes segment_of(const SegmentUse& use, std::uint64_t records, std::vector<std::size_t>* starts) {
    Bytes segment = encode_segment_header(use);
    for (std::uint64_t i = 0; i < records; ++i) {
        const std::uint64_t sequence = use.first_sequence + i;
        if (starts != nullptr) {
            starts->push_back(segment.size());
        }
        const Bytes record = encode_record(use, sequence, encode_body(changes_of(sequence)));
        segment.insert(segment.end(), record.begin(), record.end() - kSegmentEndBytes);
    }
    if (starts != nullptr) {
        starts->push_back(segment.size());
    }
    segment.resize(segment.size() + kSegmentEndBytes);
    return segment;
}

// Checks that what is visited is changes_of(first), changes_of(first + 1), …
std::optional<SegmentReplay> replayed(ByteSpan segment) {
    std::uint64_t expected = 0;
    return replay_segment(segment, [&](std::uint64_t sequence, Changes&& changes) {
        CHECK((expected == 0 || sequence == expected));
        CHECK(changes == changes_of(sequence));
        expected = sequence + 1;
    });
}

}  // namespace

TEST_CASE("CRC-32C gives the value every implementation gives, in one piece or in two") {
    CHECK(crc32c(as_bytes("123456789")) == 0xE3069283);
    CHECK(crc32c(as_bytes("56789"), crc32c(as_bytes("1234"))) == 0xE3069283);
    CHECK(crc32c(Bytes(32, 0)) == 0x8A9136AA);
    CHECK(crc32c(Bytes(32, 0xFF)) == 0x62A8AB43);
    CHECK(crc32c({}) == 0);
}

TEST_CASE("a segment gives back every record in order, and says where it ends") {
    std::vector<std::size_t> starts;
    const Bytes segment = segment_of(kUse, 20, &starts);
    const auto replay = replayed(segment);
    REQUIRE(replay);
    CHECK(replay->use == kUse);
    CHECK(replay->records == 20);
    CHECK(replay->valid_bytes == starts.back());
    CHECK_FALSE(replay->torn);
}

TEST_CASE("a segment cut anywhere gives back exactly the records that are whole") {
    std::vector<std::size_t> starts;
    const Bytes segment = segment_of(kUse, 5, &starts);
    for (std::size_t length = kSegmentHeaderBytes; length < starts.back(); ++length) {
        const auto replay = replayed(ByteSpan(segment).first(length));
        REQUIRE(replay);
        const auto whole = std::upper_bound(starts.begin(), starts.end(), length);
        CHECK(replay->records == static_cast<std::uint64_t>(whole - starts.begin() - 1));
        const auto tail =
            ByteSpan(segment).subspan(starts[replay->records], length - starts[replay->records]);
        CHECK(replay->torn == std::any_of(tail.begin(), tail.end(), [](auto b) { return b != 0; }));
    }
    for (std::size_t length = 0; length < kSegmentHeaderBytes; ++length) {
        CHECK_FALSE(replayed(ByteSpan(segment).first(length)));
    }
}

TEST_CASE("any flipped bit ends the replay at the record it is in") {
    std::vector<std::size_t> starts;
    const Bytes good = segment_of(kUse, 4, &starts);
    for (std::size_t at = 0; at < starts.back(); ++at) {
        Bytes bad = good;
        bad[at] ^= static_cast<std::uint8_t>(1 << (at % 8));
        const auto replay = replayed(bad);
        if (at < kSegmentHeaderBytes) {
            CHECK_FALSE(replay);
            continue;
        }
        REQUIRE(replay);
        const auto hit = std::upper_bound(starts.begin(), starts.end(), at) - starts.begin() - 1;
        CHECK(replay->records == static_cast<std::uint64_t>(hit));
        CHECK(replay->torn);
    }
}

TEST_CASE("a record left over from an earlier use of the file is never taken for one of this use") {
    std::vector<std::size_t> starts;
    const Bytes old = segment_of({3, 41, 17}, 6, &starts);
    const Bytes anew = segment_of({4, 41, 40}, 2, nullptr);
    Bytes file = old;
    // The end mark after the new records may itself be lost: then old records follow directly.
    std::copy(anew.begin(), anew.end() - kSegmentEndBytes, file.begin());
    const auto replay = replayed(file);
    REQUIRE(replay);
    CHECK(replay->records == 2);
    CHECK(replay->torn);
}

TEST_CASE("noise is never a record, whatever length it claims") {
    SeededDice dice(5);
    for (int round = 0; round < 2000; ++round) {
        Bytes file = encode_segment_header(kUse);
        const std::size_t head = file.size();
        file.resize(head + dice.below(300));
        dice.fill(MutableByteSpan(file).subspan(head));
        const auto replay = replayed(file);
        REQUIRE(replay);
        CHECK(replay->records == 0);
    }
}

TEST_CASE("the worked example of docs/storage-format.md is what the code writes") {
    Changes changes;
    changes[text("Pname")] = text("swarm");
    changes[text("Pold")] = std::nullopt;
    const SegmentUse use{1, 1, 0};
    CHECK(to_hex(encode_segment_header(use)) ==
          "535741524d4a4e4c"
          "00000001"
          "00000001"
          "0000000000000001"
          "0000000000000000"
          "00000000"
          "7abc31ac");
    CHECK(to_hex(encode_record(use, 1, encode_body(changes))) ==
          "0000001c"
          "54600c63"
          "0000000000000001"
          "00000002"
          "01"
          "0005"
          "506e616d65"
          "00000005"
          "737761726d"
          "02"
          "0004"
          "506f6c64"
          "00000000000000000000000000000000");
}
