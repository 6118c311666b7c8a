#include "engine/protocol/peer_frames.hpp"

#include <doctest/doctest.h>

#include "engine/core/dice.hpp"

namespace swarmfs::protocol {
namespace {

Bytes encoded(const Frame& frame) {
    Bytes bytes;
    encode(frame, bytes);
    return bytes;
}

// What a record of one frame decodes to, encoded again: equal bytes mean that nothing was lost.
Bytes again(const Bytes& record) {
    FrameReader reader(record);
    auto frame = reader.next();
    REQUIRE(frame.ok());
    REQUIRE(frame->has_value());
    auto end = reader.next();
    REQUIRE(end.ok());
    CHECK_FALSE(end->has_value());
    return encoded(**frame);
}

Hash256 hash_of(std::uint8_t byte) {
    Hash256 hash;
    hash.bytes.fill(byte);
    return hash;
}

std::vector<Frame> one_of_each() {
    static const Bytes bytes(100, 7);
    static const Bytes hashes(64, 9);
    NodeId node;
    node.bytes.fill(3);
    Hello hello;
    hello.node = node;
    hello.listen_port = 6881;
    hello.grant = bytes;
    hello.addresses = {"10.0.0.1:6881", "[fd00::1]:6881"};
    return {hello,
            Ping{1},
            Pong{2},
            Goodbye{"stopping"},
            Vector{true, {{{node, 5}, 6}}},
            PublicationHeader{bytes},
            PublicationEntries{bytes},
            Confirm{9, {{node, 5}, 6}, "notes/today"},
            Confirmed{9, ConfirmAnswer::busy},
            Open{1, {hash_of(4), 70'000}},
            Holding{1, HoldingKind::all, ChunkIndex(0), {}},
            Holding{1, HoldingKind::some, ChunkIndex(8), bytes},
            Have{1, {ChunkIndex(2), ChunkIndex(3)}},
            Close{1},
            Request{1, {ChunkIndex(9), 0, 16}, Urgency::ahead, 7},
            Cancel{1, {ChunkIndex(9), 3, 2}},
            Proof{1, ChunkIndex(9), 7, hashes},
            Leaf{1, ChunkIndex(9), 15, bytes},
            Refuse{1, {ChunkIndex(9), 3, 2}, RefuseReason::full},
            Ready{},
            Suggest{1, ChunkIndex(9)},
            Take{{hash_of(1), 5}},
            Peers{{{node, "10.0.0.1:6881"}}}};
}

bool refused(const Bytes& record) {
    return !FrameReader(record).next().ok();
}

}  // namespace

TEST_CASE("every frame comes back as it was sent") {
    for (const Frame& frame : one_of_each()) {
        const Bytes bytes = encoded(frame);
        CHECK(again(bytes) == bytes);
    }
}

TEST_CASE("a frame cut anywhere is refused, never read beyond its end") {
    for (const Frame& frame : one_of_each()) {
        const Bytes whole = encoded(frame);
        for (std::size_t size = 1; size < whole.size(); ++size) {
            const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            CHECK(refused(cut));
        }
    }
}

TEST_CASE("several frames share a record and are read in order") {
    Bytes record;
    encode(Ping{1}, record);
    encode(Close{2}, record);
    FrameReader reader(record);
    CHECK(std::get<Ping>(**reader.next()).nonce == 1);
    CHECK(std::get<Close>(**reader.next()).handle == 2);
    CHECK_FALSE(reader.next()->has_value());
}

TEST_CASE("a leaf written in place reads like any other") {
    const Bytes data(300, 5);
    Bytes record;
    encode_leaf_header(4, ChunkIndex(6), 2, data.size(), record);
    CHECK(record.size() == kLeafHeaderBytes);
    record.insert(record.end(), data.begin(), data.end());
    CHECK(record == encoded(Leaf{4, ChunkIndex(6), 2, data}));
}

TEST_CASE("a wish to be taken over is the content's name and nothing else") {
    Bytes expected = {0x2B, 0, 40};
    const Hash256 root = hash_of(1);
    expected.insert(expected.end(), root.bytes.begin(), root.bytes.end());
    for (const std::uint8_t byte : Bytes{0, 0, 0, 0, 0, 0x0F, 0x42, 0x40}) {
        expected.push_back(byte);
    }
    CHECK(encoded(Take{{root, 1'000'000}}) == expected);
    FrameReader reader(expected);
    CHECK(std::get<Take>(**reader.next()).content == ContentId{root, 1'000'000});
    CHECK(refused(encoded(Take{{Hash256{}, 5}})));
    CHECK(refused(encoded(Take{{root, 0}})));
    CHECK(refused(encoded(Take{{root, kContentBytesMax + 1}})));
}

TEST_CASE("bounds are enforced on what arrives") {
    CHECK(refused({0x7F, 0, 0}));                       // unknown type
    CHECK(refused(encoded(Open{1, {Hash256{}, 5}})));   // root of zeros
    CHECK(refused(encoded(Open{1, {hash_of(1), 0}})));  // nothing to ask for
    CHECK(refused(encoded(Open{1, {hash_of(1), kContentBytesMax + 1}})));
    CHECK(refused(encoded(Request{1, {ChunkIndex(0), 0, 0}, Urgency::fill, 0})));
    CHECK(refused(encoded(Request{1, {ChunkIndex(0), 1, 16}, Urgency::fill, 0})));
    CHECK(refused(encoded(Holding{1, HoldingKind::some, ChunkIndex(0), {}})));
    Bytes leaf = encoded(Leaf{1, ChunkIndex(0), 0, Bytes(16, 1)});
    leaf[kFrameHeaderBytes + 8] = 16;  // a chunk has leaves 0 to 15
    CHECK(refused(leaf));
    for (const std::size_t size : {std::size_t{0}, kLeafBytes, kLeafBytes + 1}) {
        Bytes sized = encoded(Leaf{1, ChunkIndex(0), 0, Bytes(16, 1)});
        sized.resize(kFrameHeaderBytes + 9 + size);
        sized[1] = static_cast<std::uint8_t>((9 + size) >> 8);
        sized[2] = static_cast<std::uint8_t>(9 + size);
        CHECK(refused(sized) == (size != kLeafBytes));
    }
    for (const std::size_t hashes : {std::size_t{31}, std::size_t{32}, std::size_t{33}}) {
        const Bytes bytes(hashes, 1);
        CHECK(refused(encoded(Proof{1, ChunkIndex(0), 5, bytes})) == (hashes != 32));
    }
}

TEST_CASE(
    "a question about a version names a path of bounded length in UTF-8, and has three answers") {
    const Confirm longest{1, {}, std::string(kConfirmPathBytesMax, 'p')};
    CHECK(again(encoded(longest)) == encoded(longest));
    Bytes longer = encoded(longest);
    longer.push_back('p');
    constexpr std::size_t kPathAt = kFrameHeaderBytes + 8 + 48;
    for (const std::size_t at : {std::size_t{1}, kPathAt}) {  // both lengths
        const std::size_t length = (std::size_t{longer[at]} << 8 | longer[at + 1]) + 1;
        longer[at] = static_cast<std::uint8_t>(length >> 8);
        longer[at + 1] = static_cast<std::uint8_t>(length);
    }
    CHECK(refused(longer));
    Bytes nowhere = encoded(Confirm{1, {}, "p"});
    nowhere.pop_back();
    --nowhere[2];
    --nowhere[kPathAt + 1];
    CHECK(refused(nowhere));
    CHECK(refused(encoded(Confirm{1, {}, "\xff"})));
    for (std::uint8_t answer = 0; answer < 5; ++answer) {
        CHECK(refused(encoded(Confirmed{1, static_cast<ConfirmAnswer>(answer)})) == (answer > 2));
    }
}

TEST_CASE("arbitrary bytes are either frames or refused") {
    SeededDice dice(7);
    for (int round = 0; round < 20'000; ++round) {
        Bytes record(dice.below(200));
        dice.fill(record);
        if (!record.empty()) {
            record[0] = static_cast<std::uint8_t>(dice.below(0x32));
        }
        if (record.size() > 2) {
            record[1] = 0;
        }
        FrameReader reader(record);
        for (;;) {
            auto frame = reader.next();
            if (!frame.ok() || !frame->has_value()) {
                break;
            }
        }
    }
}

}  // namespace swarmfs::protocol
