#include <map>

#include <doctest/doctest.h>

#include "engine/core/dice.hpp"
#include "engine/swarm/request_ledger.hpp"
#include "engine/swarm/upload_queue.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

namespace {

constexpr std::uint64_t kSize = 1000 * kChunkBytes;
constexpr auto kFill = protocol::Urgency::fill;
constexpr auto kAhead = protocol::Urgency::ahead;
constexpr auto kUrgent = protocol::Urgency::urgent;

protocol::Request request(protocol::Handle handle, std::uint64_t chunk, protocol::Urgency urgency,
                          std::uint8_t first = 0, std::uint8_t count = 16,
                          std::uint8_t level = 12) {
    return {handle, {ChunkIndex(chunk), first, count}, urgency, level};
}

}  // namespace

TEST_CASE(
    "a chunk asked for again and again is busy, so that a cancel never looks at many requests") {
    UploadQueue queue;
    for (std::size_t i = 0; i < UploadQueue::kRequestsPerChunkMax; ++i) {
        REQUIRE(queue.push(request(1, 0, kFill), kSize));
    }
    CHECK_FALSE(queue.push(request(1, 0, kFill), kSize));
    CHECK(queue.push(request(1, 1, kFill), kSize));
    CHECK(queue.cancel(1, {ChunkIndex(0), 0, 16}) != 0);
    CHECK(queue.cancel(1, {ChunkIndex(0), 0, 16}) == 0);
    CHECK(queue.push(request(1, 0, kFill), kSize));
}

TEST_CASE(
    "an urgent request is served before ahead, and ahead before fill, from the next leaf on") {
    UploadQueue queue;
    REQUIRE(queue.push(request(1, 0, kFill), kSize));
    CHECK(queue.next()->urgency == kFill);
    REQUIRE(queue.push(request(2, 0, kAhead, 0, 1), kSize));
    REQUIRE(queue.push(request(3, 0, kUrgent, 0, 1), kSize));
    CHECK(queue.next()->handle == 3);
    CHECK(queue.next()->handle == 2);
    CHECK(queue.next()->handle == 1);
}

TEST_CASE("a proof goes before the first leaf of a request, and only there") {
    UploadQueue queue;
    REQUIRE(queue.push(request(1, 7, kFill, 2, 3), kSize));
    for (std::uint8_t leaf = 2; leaf < 5; ++leaf) {
        const auto next = queue.next();
        REQUIRE(next);
        CHECK(next->leaves.chunk == ChunkIndex(7));
        CHECK(next->leaves.first == leaf);
        CHECK(next->proof_first == (leaf == 2));
        CHECK(next->known_level == 12);
    }
    CHECK(queue.empty());
    REQUIRE(queue.push(request(1, 7, kFill, 0, 1, 0), kSize));
    CHECK_FALSE(queue.next()->proof_first);
}

TEST_CASE("leaves in a row go together, as many as one may send, and never past a gap") {
    UploadQueue queue;
    REQUIRE(queue.push(request(1, 7, kFill), kSize));
    queue.cancel(1, {ChunkIndex(7), 6, 1});
    const auto run = [&](std::uint64_t bytes_max) {
        const auto next = queue.next(bytes_max);
        REQUIRE(next);
        CHECK(next->proof_first == (next->leaves.first == 0));
        return std::pair<int, int>{next->leaves.first, next->leaves.count};
    };
    CHECK(run(4 * kLeafBytes) == std::pair{0, 4});
    CHECK(run(4 * kLeafBytes) == std::pair{4, 2});
    CHECK(run(2 * kLeafBytes - 1) == std::pair{7, 1});
    CHECK(run(0) == std::pair{8, 1});
    int sent = 9;
    while (!queue.empty()) {
        sent += run(1 << 20).second;
    }
    CHECK(sent == 16);
    // The short leaf at the end of a content goes with the others.
    REQUIRE(queue.push(request(2, 0, kFill, 0, 2), kLeafBytes + 5));
    CHECK(queue.next(kLeafBytes + 4)->leaves.count == 1);
    REQUIRE(queue.push(request(3, 0, kFill, 0, 2), kLeafBytes + 5));
    CHECK(queue.next(kLeafBytes + 5)->leaves.first == 1);
    CHECK(queue.next(kLeafBytes + 5)->leaves.count == 2);
}

TEST_CASE("handles of one class take turns by bytes") {
    UploadQueue queue;
    for (std::uint64_t chunk = 0; chunk < 20; ++chunk) {
        REQUIRE(queue.push(request(1, chunk, kFill), kSize));
    }
    for (protocol::Handle small = 2; small < 22; ++small) {
        REQUIRE(queue.push(request(small, 0, kFill, 0, 1), 1000));
    }
    // Twenty small files come out before the large one has sent three of its twenty chunks.
    int large = 0;
    int small = 0;
    while (small < 20) {
        const auto next = queue.next();
        REQUIRE(next);
        next->handle == 1 ? ++large : ++small;
    }
    CHECK(large < 48);
}

TEST_CASE("what is cancelled is not sent, and weighs nothing any more") {
    UploadQueue queue;
    REQUIRE(queue.push(request(1, 0, kFill), kSize));
    REQUIRE(queue.push(request(1, 1, kFill), kSize));
    queue.cancel(1, {ChunkIndex(0), 0, 16});
    queue.cancel(1, {ChunkIndex(1), 1, 15});
    const auto next = queue.next();
    REQUIRE(next);
    CHECK(next->leaves.chunk == ChunkIndex(1));
    CHECK(next->leaves.first == 0);
    CHECK(next->proof_first);
    CHECK(queue.empty());
    CHECK_FALSE(queue.next());
}

TEST_CASE("dropping a handle drops what it waits for in every class") {
    UploadQueue queue;
    REQUIRE(queue.push(request(1, 0, kFill), kSize));
    REQUIRE(queue.push(request(1, 1, kUrgent), kSize));
    REQUIRE(queue.push(request(2, 1, kUrgent, 0, 1), kSize));
    queue.drop_handle(1);
    CHECK(queue.next()->handle == 2);
    CHECK(queue.empty());
}

TEST_CASE("what is dropped altogether waits no more, and is told leaf by leaf") {
    UploadQueue queue;
    CHECK(queue.drop_all().empty());
    REQUIRE(queue.push(request(1, 0, kFill), kSize));
    REQUIRE(queue.push(request(2, 1, kUrgent, 0, 3), kSize));
    CHECK(queue.next_urgency() == kUrgent);
    CHECK(queue.next()->leaves.first == 0);
    const auto dropped = queue.drop_all();
    REQUIRE(dropped.size() == 2);
    CHECK(dropped[0].handle == 2);
    CHECK(dropped[0].leaves == 0b110);
    CHECK(dropped[1].handle == 1);
    CHECK(dropped[1].leaves == 0xFFFF);
    CHECK(queue.empty());
    CHECK_FALSE(queue.next());
    REQUIRE(queue.push(request(1, 0, kFill), kSize));
    CHECK(queue.next_urgency() == kFill);
}

TEST_CASE("a peer that asks for more than 80 MiB at once is busy") {
    UploadQueue queue;
    std::uint64_t taken = 0;
    while (queue.push(request(1, taken % 1000, kFill), kSize)) {
        ++taken;
    }
    CHECK(taken * kChunkBytes > 79 << 20);
    CHECK(queue.waiting_bytes() <= UploadQueue::kWaitingMax);
    CHECK(queue.next());
}

TEST_CASE("a peer that asks more than 8,192 times at once is busy, however little it asks for") {
    UploadQueue queue;
    const auto ask_for_a_byte = [&](std::size_t file) {
        const auto handle = static_cast<protocol::Handle>(file);
        return queue.push({handle, {ChunkIndex(0), 0, 1}, kUrgent, 0}, 1);
    };
    std::size_t taken = 0;
    while (ask_for_a_byte(taken)) {
        ++taken;
    }
    CHECK(taken == UploadQueue::kRequestsMax);
    CHECK(queue.waiting_bytes() < UploadQueue::kWaitingMax / 10);
    SUBCASE("until one is served") {
        REQUIRE(queue.next());
    }
    SUBCASE("until one is cancelled") {
        REQUIRE(queue.cancel(7, {ChunkIndex(0), 0, 16}) == 1);
    }
    SUBCASE("until one is closed") {
        queue.drop_handle(7);
    }
    CHECK(ask_for_a_byte(taken));
    CHECK_FALSE(ask_for_a_byte(taken + 1));
    queue.drop_all();
    for (std::size_t file = 0; file < UploadQueue::kRequestsMax; ++file) {
        REQUIRE(ask_for_a_byte(file));
    }
    CHECK_FALSE(ask_for_a_byte(taken));
}

TEST_CASE("every leaf that was asked for and not cancelled is sent exactly once") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SeededDice dice(seed);
        UploadQueue queue;
        constexpr std::uint64_t kOdd = 2 * kChunkBytes + 3 * kLeafBytes + 5;
        std::map<std::tuple<protocol::Handle, std::uint64_t, unsigned>, int> due;
        const auto take = [&] {
            const std::uint64_t most = dice.below(6) * kLeafBytes;
            const auto next = queue.next(most);
            if (!next) {
                return false;
            }
            REQUIRE(next->leaves.count <= std::max<std::uint64_t>(1, most / kLeafBytes));
            for (unsigned i = 0; i < next->leaves.count; ++i) {
                REQUIRE(due[{next->handle, next->leaves.chunk.value, next->leaves.first + i}]-- >
                        0);
            }
            return true;
        };
        for (int step = 0; step < 300; ++step) {
            const auto handle = static_cast<protocol::Handle>(1 + dice.below(4));
            const std::uint64_t chunk = dice.below(3);
            const std::uint64_t leaves = chunk == 2 ? 4 : 16;
            const auto first = static_cast<std::uint8_t>(dice.below(leaves));
            const auto count = static_cast<std::uint8_t>(1 + dice.below(leaves - first));
            switch (dice.below(4)) {
                case 0:
                case 1:
                    REQUIRE(queue.push(
                        request(handle, chunk, static_cast<protocol::Urgency>(dice.below(3)), first,
                                count),
                        kOdd));
                    for (unsigned i = 0; i < count; ++i) {
                        ++due[{handle, chunk, first + i}];
                    }
                    break;
                case 2:
                    queue.cancel(handle, {ChunkIndex(chunk), first, count});
                    for (unsigned i = 0; i < count; ++i) {
                        due[{handle, chunk, first + i}] = 0;
                    }
                    break;
                default: take();
            }
        }
        while (take()) {
        }
        for (const auto& [leaf, times] : due) {
            REQUIRE(times == 0);
        }
        CHECK(queue.waiting_bytes() == 0);
    }
}
