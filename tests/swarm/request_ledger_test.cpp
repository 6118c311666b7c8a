#include <deque>

#include <doctest/doctest.h>

#include "engine/core/dice.hpp"
#include "tests/swarm/naive_ledger.hpp"

using namespace swarmfs;
using namespace swarmfs::swarm;

TEST_SUITE_BEGIN("single-threaded");
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr PeerNumber kAlice{1};
constexpr PeerNumber kBob{2};
constexpr ContentNumber kFilm{1};
constexpr std::uint64_t kSize = 100 * kChunkBytes;
constexpr auto kFill = protocol::Urgency::fill;
constexpr auto kUrgent = protocol::Urgency::urgent;
const TimePoint kStart{std::chrono::hours(1)};

RequestLedger two_peers() {
    RequestLedger ledger;
    ledger.add_peer(kAlice, kStart);
    ledger.add_peer(kBob, kStart);
    return ledger;
}

// Asks for a chunk and has it answered `later`. Returns: the time of the answer.
TimePoint exchange(RequestLedger& ledger, PeerNumber peer, std::uint64_t chunk, TimePoint now,
                   Duration later) {
    ledger.ask(peer, kFilm, kSize, ChunkIndex(chunk), kAllLeaves, kFill, now);
    ledger.arrived(peer, kFilm, ChunkIndex(chunk), kAllLeaves, now + later);
    return now + later;
}

}  // namespace

TEST_CASE("a mask and the ranges that cover it name the same leaves") {
    CHECK(mask_of({ChunkIndex(0), 0, 16}) == 0xFFFF);
    CHECK(mask_of({ChunkIndex(0), 3, 2}) == 0b11000);
    for (unsigned mask = 0; mask < 0x10000; mask += 7) {
        unsigned covered = 0;
        for (const auto& range : ranges_of(ChunkIndex(0), static_cast<LeafMask>(mask))) {
            REQUIRE((covered & mask_of(range)) == 0);
            covered |= mask_of(range);
        }
        REQUIRE(covered == mask);
    }
}

TEST_CASE("a peer owes the bytes of what is asked of it until they come") {
    RequestLedger ledger = two_peers();
    ledger.ask(kAlice, kFilm, kSize, ChunkIndex(5), 0b1111, kFill, kStart);
    CHECK(ledger.outstanding(kAlice) == 4 * kLeafBytes + RequestLedger::kAskOverhead);
    CHECK(ledger.asked(kFilm, ChunkIndex(5)) == 0b1111);
    CHECK(ledger.asked_of(kBob, kFilm, ChunkIndex(5)) == 0);
    const auto arrival = ledger.arrived(kAlice, kFilm, ChunkIndex(5), 0b0011, kStart);
    CHECK(arrival.expected == 0b0011);
    CHECK(ledger.outstanding(kAlice) == 2 * kLeafBytes + RequestLedger::kAskOverhead);
    ledger.arrived(kAlice, kFilm, ChunkIndex(5), 0b1100, kStart);
    CHECK(ledger.outstanding(kAlice) == 0);
    CHECK(ledger.answers(kAlice) == 1);
}

TEST_CASE("a short last leaf counts its own size") {
    RequestLedger ledger = two_peers();
    ledger.ask(kAlice, kFilm, 100, ChunkIndex(0), 1, kFill, kStart);
    CHECK(ledger.outstanding(kAlice) == 100 + RequestLedger::kAskOverhead);
}

TEST_CASE("the first answer to a duplicated leaf cancels the other ask") {
    RequestLedger ledger = two_peers();
    ledger.ask(kAlice, kFilm, kSize, ChunkIndex(5), 0b0111, kUrgent, kStart);
    ledger.ask(kBob, kFilm, kSize, ChunkIndex(5), 0b1110, kUrgent, kStart);
    const auto arrival = ledger.arrived(kBob, kFilm, ChunkIndex(5), 0b0110, kStart);
    REQUIRE(arrival.to_cancel.size() == 1);
    CHECK(arrival.to_cancel[0].peer == kAlice);
    CHECK(arrival.to_cancel[0].leaves == 0b0110);
    CHECK(ledger.asked_of(kAlice, kFilm, ChunkIndex(5)) == 0b0001);
}

TEST_CASE("a budget starts at 512 KiB, grows while answers are quick, and ends at 64 MiB") {
    RequestLedger ledger = two_peers();
    CHECK(ledger.budget(kAlice) == RequestLedger::kBudgetMin);
    TimePoint now = kStart;
    std::uint64_t next = 0;
    std::deque<std::uint64_t> asked;
    for (int i = 0; i < 2000; ++i) {
        while (ledger.room(kAlice, now) > 0) {
            ledger.ask(kAlice, kFilm, kContentBytesMax, ChunkIndex(next), kAllLeaves, kFill, now);
            asked.push_back(next++);
        }
        now += milliseconds(1);
        for (std::size_t n = asked.size() / 2 + 1; n > 0; --n) {
            ledger.arrived(kAlice, kFilm, ChunkIndex(asked.front()), kAllLeaves, now);
            asked.pop_front();
        }
    }
    CHECK(ledger.budget(kAlice) == RequestLedger::kBudgetMax);
}

TEST_CASE("a peer owes at most 4,096 asks, however small they are and however large its budget") {
    RequestLedger ledger = two_peers();
    TimePoint now = kStart;
    for (std::uint64_t chunk = 0; ledger.budget(kAlice) < 8 << 20; ++chunk) {
        for (std::uint64_t at = 0; ledger.room(kAlice, now) > 0;
             ++at) {  // it grows when it is used
            ledger.ask(kAlice, kFilm, 1 << 30, ChunkIndex(at), kAllLeaves, kFill, now);
        }
        now += milliseconds(20);
        for (const Ask& ask : ledger.asks_for(kFilm)) {
            ledger.arrived(kAlice, kFilm, ask.chunk, ask.leaves, now);
        }
        REQUIRE(chunk < 100);
    }
    for (std::uint32_t file = 0; file < RequestLedger::kAsksMax; ++file) {
        REQUIRE(ledger.room(kAlice, now) > 0);
        ledger.ask(kAlice, ContentNumber{2 + file}, 1, ChunkIndex(0), 1, kUrgent, now);
    }
    CHECK(ledger.outstanding(kAlice) < ledger.budget(kAlice) / 4);
    CHECK(ledger.room(kAlice, now) == 0);
    CHECK(ledger.fill_room(kAlice, now) == 0);
    CHECK(ledger.room(kBob, now) > 0);
    ledger.arrived(kAlice, ContentNumber{2}, ChunkIndex(0), 1, now);
    CHECK(ledger.room(kAlice, now) > 0);
}

TEST_CASE("a budget falls back to a second's worth when answers take longer than a second") {
    RequestLedger ledger = two_peers();
    TimePoint now = kStart;
    std::deque<std::uint64_t> asked;
    std::uint64_t next = 0;
    // A link of 4 MiB/s: 16 chunks a second, in order.
    for (int i = 0; i < 400; ++i) {
        while (ledger.room(kAlice, now) > 0) {
            ledger.ask(kAlice, kFilm, kContentBytesMax, ChunkIndex(next), kAllLeaves, kFill, now);
            asked.push_back(next++);
        }
        now += milliseconds(62);
        ledger.arrived(kAlice, kFilm, ChunkIndex(asked.front()), kAllLeaves, now);
        asked.pop_front();
    }
    CHECK(ledger.budget(kAlice) < 6 << 20);
    CHECK(ledger.budget(kAlice) > 2 << 20);
    CHECK(ledger.rate(kAlice, now) > 3.0 * (1 << 20));
    CHECK(ledger.rate(kAlice, now) < 5.0 * (1 << 20));
}

TEST_CASE("a peer that owes and says nothing is silent after four seconds, until a leaf comes") {
    RequestLedger ledger = two_peers();
    ledger.ask(kAlice, kFilm, kSize, ChunkIndex(1), kAllLeaves, kFill, kStart);
    CHECK(ledger.overdue(kStart + seconds(3)).silent.empty());
    CHECK(ledger.next_event(kStart + seconds(3)) == kStart + seconds(4));
    CHECK(ledger.overdue(kStart + seconds(4)).silent == std::vector{kAlice});
    CHECK(ledger.silent(kAlice));
    CHECK(ledger.overdue(kStart + seconds(5)).silent.empty());
    const auto released = ledger.release(kAlice);
    REQUIRE(released.size() == 1);
    CHECK(released[0].leaves == kAllLeaves);
    CHECK(ledger.outstanding(kAlice) == 0);
    ledger.arrived(kAlice, kFilm, ChunkIndex(1), 1, kStart + seconds(6));
    CHECK_FALSE(ledger.silent(kAlice));
}

TEST_CASE("patience follows the answers a peer gives, within 2 and 60 seconds") {
    RequestLedger quick = two_peers();
    TimePoint now = kStart;
    for (std::uint64_t i = 0; i < 50; ++i) {
        now = exchange(quick, kAlice, i, now, milliseconds(20));
    }
    quick.ask(kAlice, kFilm, kSize, ChunkIndex(60), kAllLeaves, kFill, now);
    CHECK(quick.overdue(now + milliseconds(1999)).silent.empty());
    CHECK(quick.overdue(now + seconds(2)).silent.size() == 1);

    RequestLedger slow = two_peers();
    now = kStart;
    for (std::uint64_t i = 0; i < 50; ++i) {
        now = exchange(slow, kAlice, i, now, seconds(10));
    }
    slow.ask(kAlice, kFilm, kSize, ChunkIndex(60), kAllLeaves, kFill, now);
    CHECK(slow.overdue(now + seconds(9)).silent.empty());
    CHECK(slow.overdue(now + seconds(60)).silent.size() == 1);
}

TEST_CASE("progress on anything keeps a peer from being silent, but no ask lives beyond 60 s") {
    RequestLedger ledger = two_peers();
    ledger.ask(kAlice, kFilm, kSize, ChunkIndex(99), 1, kFill, kStart);
    for (int s = 1; s < 60; ++s) {
        exchange(ledger, kAlice, static_cast<std::uint64_t>(s),
                 kStart + seconds(s) - milliseconds(5), milliseconds(5));
        const auto overdue = ledger.overdue(kStart + seconds(s));
        REQUIRE(overdue.silent.empty());
        REQUIRE(overdue.released.empty());
    }
    const auto overdue = ledger.overdue(kStart + seconds(60));
    REQUIRE(overdue.released.size() == 1);
    CHECK(overdue.released[0].chunk == ChunkIndex(99));
    CHECK(ledger.asked(kFilm, ChunkIndex(99)) == 0);
}

TEST_CASE(
    "an ask is late when its peer's usual time has passed, again and again until duplicated") {
    RequestLedger ledger = two_peers();
    TimePoint now = kStart;
    for (std::uint64_t i = 0; i < 50; ++i) {
        now = exchange(ledger, kAlice, i, now, milliseconds(200));
    }
    ledger.ask(kAlice, kFilm, kSize, ChunkIndex(60), 0b11, kUrgent, now);
    CHECK(ledger.overdue(now + milliseconds(190)).late.empty());
    const auto overdue = ledger.overdue(now + milliseconds(300));
    REQUIRE(overdue.late.size() == 1);
    CHECK(overdue.late[0].chunk == ChunkIndex(60));
    CHECK_FALSE(overdue.late[0].duplicated);
    CHECK(ledger.is_late(overdue.late[0], now + milliseconds(300)));
    CHECK(ledger.overdue(now + milliseconds(400)).late.empty());
    CHECK(ledger.overdue(now + milliseconds(600)).late.size() == 1);
    ledger.ask(kBob, kFilm, kSize, ChunkIndex(60), 0b11, kUrgent, now + milliseconds(600));
    for (const Ask& ask : ledger.overdue(now + milliseconds(900)).late) {
        CHECK(ask.duplicated);
    }
    CHECK(ledger.overdue(now + milliseconds(1900)).late.size() == 1);  // Bob's first time
    CHECK(ledger.overdue(now + milliseconds(3000)).late.empty());
}

TEST_CASE("a late ask of a download is reported once: only the endgame may duplicate it") {
    RequestLedger ledger = two_peers();
    ledger.ask(kAlice, kFilm, kSize, ChunkIndex(0), 1, kFill, kStart);
    CHECK(ledger.overdue(kStart + milliseconds(1100)).late.size() == 1);
    CHECK(ledger.overdue(kStart + milliseconds(3000)).late.empty());
}

TEST_CASE("an answered ask is never late") {
    RequestLedger ledger = two_peers();
    exchange(ledger, kAlice, 1, kStart, milliseconds(10));
    CHECK(ledger.overdue(kStart + seconds(10)).late.empty());
    CHECK(ledger.next_event(kStart) == TimePoint::max());
}

TEST_CASE("busy pauses a peer for a quarter of a second") {
    RequestLedger ledger = two_peers();
    ledger.busy(kAlice, kStart);
    CHECK(ledger.room(kAlice, kStart + milliseconds(249)) == 0);
    CHECK(ledger.room(kAlice, kStart + milliseconds(250)) > 0);
    CHECK(ledger.room(kBob, kStart) > 0);
}

TEST_CASE("a peer that says nothing but busy is asked less and less often, up to every 4 s") {
    RequestLedger ledger = two_peers();
    TimePoint now = kStart;
    for (const int pause_ms : {250, 500, 1000, 2000, 4000, 4000}) {
        ledger.ask(kAlice, kFilm, kSize, ChunkIndex(1), 0b11, kFill, now);
        ledger.cancel(kAlice, kFilm, ChunkIndex(1), 0b11);
        ledger.busy(kAlice, now);
        ledger.busy(kAlice, now + milliseconds(1));  // to what was asked in the same breath
        CHECK(ledger.room(kAlice, now + milliseconds(pause_ms - 1)) == 0);
        now += milliseconds(pause_ms);
        CHECK(ledger.room(kAlice, now) > 0);
    }
    exchange(ledger, kAlice, 1, now, milliseconds(10));
    now += milliseconds(10);
    ledger.busy(kAlice, now);
    CHECK(ledger.room(kAlice, now + milliseconds(250)) > 0);
}

TEST_CASE("a full peer gets no fills until it says ready, for two seconds at most") {
    RequestLedger ledger = two_peers();
    ledger.ask(kAlice, kFilm, kSize, ChunkIndex(1), kAllLeaves, kFill, kStart);
    CHECK(ledger.cancel(kAlice, kFilm, ChunkIndex(1), kAllLeaves) == kAllLeaves);
    ledger.full(kAlice, kStart);
    CHECK(ledger.fill_room(kAlice, kStart) == 0);
    CHECK(ledger.fill_room(kBob, kStart) > 0);
    CHECK(ledger.room(kAlice, kStart) == RequestLedger::kBudgetMin);  // what somebody waits for
    CHECK(ledger.failures(kAlice) == 0);
    CHECK(ledger.next_event(kStart) <= kStart + seconds(2));
    CHECK(ledger.fill_room(kAlice, kStart + milliseconds(1999)) == 0);
    CHECK(ledger.fill_room(kAlice, kStart + seconds(2)) > 0);
    ledger.full(kAlice, kStart);
    ledger.ready(kAlice);
    CHECK(ledger.fill_room(kAlice, kStart) > 0);
}

TEST_CASE("what all peers owe together leaves no room for fills, but those that are quiet do") {
    RequestLedger ledger = two_peers();
    const PeerNumber mute{3};
    ledger.add_peer(mute, kStart);
    std::uint64_t chunk = 0;
    while (ledger.fill_room(kBob, kStart) > 0) {
        ledger.ask(mute, kFilm, kSize, ChunkIndex(chunk++), kAllLeaves, kFill, kStart);
    }
    ledger.ask(mute, kFilm, kSize, ChunkIndex(chunk), kAllLeaves, kFill, kStart);
    CHECK(ledger.outstanding(mute) >= FillBudget::kUnmeasured);
    CHECK(ledger.room(kBob, kStart) > 0);
    const TimePoint later = kStart + seconds(1);
    CHECK(ledger.next_event(kStart) <= later);
    CHECK(ledger.overdue(later).silent.empty());
    CHECK(ledger.fill_room(kBob, later) > 0);
    // It counts again when it answers.
    ledger.arrived(mute, kFilm, ChunkIndex(0), kAllLeaves, later);
    CHECK(ledger.fill_room(kBob, later) == 0);
    ledger.remove_peer(mute);
    CHECK(ledger.fill_room(kBob, later) > 0);
}

TEST_CASE("the bytes before a chunk are those of older asks of the same peer") {
    RequestLedger ledger = two_peers();
    for (std::uint64_t i = 0; i < 4; ++i) {
        ledger.ask(kAlice, kFilm, kSize, ChunkIndex(i), kAllLeaves, kFill, kStart);
    }
    CHECK(ledger.bytes_before(kAlice, kFilm, ChunkIndex(0), 1 << 20) == 0);
    CHECK(ledger.bytes_before(kAlice, kFilm, ChunkIndex(2), 1 << 20) == 2 * kChunkBytes);
    CHECK(ledger.bytes_before(kAlice, kFilm, ChunkIndex(3), 1000) == 1000);
}

TEST_CASE("what a peer that leaves owed is owed by nobody") {
    RequestLedger ledger = two_peers();
    ledger.ask(kAlice, kFilm, kSize, ChunkIndex(1), 0b11, kFill, kStart);
    ledger.ask(kBob, kFilm, kSize, ChunkIndex(1), 0b110, kFill, kStart);
    CHECK(ledger.remove_peer(kAlice).size() == 1);
    CHECK(ledger.asked(kFilm, ChunkIndex(1)) == 0b110);
    CHECK(ledger.remove_peer(kAlice).empty());
}

TEST_CASE("the ledger and a plain list agree on who owes what") {
    constexpr std::uint64_t kOddSize = 3 * kChunkBytes + 5 * kLeafBytes + 77;
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SeededDice dice(seed);
        RequestLedger ledger;
        test::NaiveLedger naive(kOddSize);
        for (std::uint32_t peer = 0; peer < 3; ++peer) {
            ledger.add_peer(PeerNumber{peer}, kStart);
        }
        TimePoint now = kStart;
        for (int step = 0; step < 400; ++step) {
            const auto peer = static_cast<std::uint32_t>(dice.below(3));
            const auto content = static_cast<std::uint32_t>(dice.below(2));
            const std::uint64_t chunk = dice.below(4);
            const unsigned exist = chunk == 3 ? 0x3F : 0xFFFF;
            const auto leaves = static_cast<LeafMask>(dice.u64() & dice.u64() & exist);
            now += milliseconds(dice.below(20));
            switch (dice.below(4)) {
                case 0: {
                    const auto fresh = static_cast<LeafMask>(
                        leaves & ~naive.asked(content, chunk, static_cast<int>(peer)));
                    if (fresh != 0) {
                        ledger.ask(PeerNumber{peer}, ContentNumber{content}, kOddSize,
                                   ChunkIndex(chunk), fresh, kFill, now);
                        naive.ask(peer, content, chunk, fresh);
                    }
                    break;
                }
                case 1: {
                    const auto arrival = ledger.arrived(PeerNumber{peer}, ContentNumber{content},
                                                        ChunkIndex(chunk), leaves, now);
                    REQUIRE(arrival.expected == naive.settle(peer, content, chunk, leaves));
                    naive.settle_others(content, chunk, leaves);
                    break;
                }
                case 2:
                    REQUIRE(ledger.refused(PeerNumber{peer}, ContentNumber{content},
                                           ChunkIndex(chunk),
                                           leaves) == naive.settle(peer, content, chunk, leaves));
                    break;
                default:
                    if (dice.below(20) == 0) {
                        ledger.release(PeerNumber{peer});
                        naive.release(peer);
                    }
            }
            for (std::uint32_t p = 0; p < 3; ++p) {
                REQUIRE(ledger.outstanding(PeerNumber{p}) == naive.outstanding(p));
                REQUIRE(ledger.asked_of(PeerNumber{p}, ContentNumber{content}, ChunkIndex(chunk)) ==
                        naive.asked(content, chunk, static_cast<int>(p)));
            }
            REQUIRE(ledger.asked(ContentNumber{content}, ChunkIndex(chunk)) ==
                    naive.asked(content, chunk));
        }
    }
}

TEST_SUITE_END();
