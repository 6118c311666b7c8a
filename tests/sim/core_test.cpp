// SwarmCore's rules one by one: events in, actions out, no network.

#include <algorithm>

#include <doctest/doctest.h>

#include "tests/sim/core_bench.hpp"

using namespace swarmfs;
using namespace swarmfs::sim;
using namespace swarmfs::swarm;
using protocol::HoldingKind;
using protocol::LeafRange;
using protocol::RefuseReason;
using protocol::Urgency;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("a first read opens the content widely and asks the likely holder in the same breath") {
    Bench bench;
    for (std::uint8_t n = 1; n <= 5; ++n) {
        bench.join(n);
    }
    bench.read(named(1, 100 * kMiB), 50 * kMiB, 100'000, node(3));
    CHECK(bench.all<OpenContent>().size() == 5);
    CHECK(bench.asked(3) == 7);
    CHECK(bench.all<AskLeaves>().size() == 1);
    CHECK(bench.all<AskLeaves>()[0].urgency == Urgency::urgent);
}

TEST_CASE("without a likely holder the two best peers are asked, and the first answer wins") {
    Bench bench;
    for (std::uint8_t n = 1; n <= 5; ++n) {
        bench.join(n);
    }
    const ContentId film = named(1, 100 * kMiB);
    const ReadId read = bench.read(film, 0, 1);
    const auto asks = bench.all<AskLeaves>();
    REQUIRE(asks.size() == 2);
    CHECK(asks[0].peer != asks[1].peer);
    bench.deliver(static_cast<std::uint8_t>(asks[1].peer), film, 0, 1);
    CHECK(bench.answered(read));
    const auto cancels = bench.all<CancelLeaves>();
    REQUIRE(cancels.size() == 1);
    CHECK(cancels[0].peer == asks[0].peer);
}

TEST_CASE("a tiny content is opened at its likely holder only, then at others as they are needed") {
    Bench bench;
    for (std::uint8_t n = 1; n <= 9; ++n) {
        bench.join(n);
    }
    const ContentId note = named(1, 5000);
    bench.read(note, 0, 5000, node(4));
    REQUIRE(bench.all<OpenContent>().size() == 1);
    CHECK(bench.asked(4) == 1);
    bench.core.refused(PeerNumber{4}, *bench.core.number_of(note), {ChunkIndex(0), 0, 1},
                       RefuseReason::not_held, bench.now);
    bench.decide();
    CHECK(bench.all<OpenContent>().size() > 1);
    CHECK(bench.asked(4) == 0);
    CHECK_FALSE(bench.all<AskLeaves>().empty());
}

TEST_CASE("a read is answered when its last leaf is stored, and only then") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 10 * kMiB);
    const ReadId read = bench.read(film, kChunkBytes - 10, 20);
    bench.deliver(1, film, 0, 1 << 15);
    CHECK_FALSE(bench.answered(read));
    bench.deliver(1, film, 1, 1);
    CHECK(bench.answered(read));
}

TEST_CASE("of two peers the one that served well in earlier sessions is asked first") {
    for (const std::uint8_t good : {std::uint8_t{1}, std::uint8_t{2}}) {
        Bench bench;
        const swarm::Standing well{1 << 30, 1 << 20, 1000, 0, 50'000'000};
        const swarm::Standing badly{1 << 20, 1 << 20, 10, 100, 500'000};
        const auto other = static_cast<std::uint8_t>(3 - good);
        bench.core.peer_joined(PeerNumber{good}, node(good), bench.now, well);
        bench.core.peer_joined(PeerNumber{other}, node(other), bench.now, badly);
        bench.decide();
        CHECK(bench.core.report(PeerNumber{good}, bench.now).score >
              bench.core.report(PeerNumber{other}, bench.now).score + 0.3);
        bench.core.fill(1, {named(1, 100), swarm::FillOrder::rarest_first, std::nullopt},
                        bench.now);
        bench.decide();
        CHECK(bench.asked(good) == 1);
        CHECK(bench.asked(other) == 0);
        const ContentId film = named(2, 10 * kMiB);
        bench.read(film, 0, kLeafBytes);  // of both, as nobody is known to hold it
        bench.holds_all(1, film);
        bench.holds_all(2, film);
        bench.read(film, 5 * kMiB, kLeafBytes);
        CHECK(bench.asked(good) == 1);
        CHECK(bench.asked(other) == 0);
    }
}

TEST_CASE("a window is spread over the peers that hold the content") {
    Bench bench;
    const ContentId film = named(1, 100 * kMiB);
    for (std::uint8_t n = 1; n <= 3; ++n) {
        bench.join(n);
    }
    bench.read(film, 0, 128 * 1024);
    for (std::uint8_t n = 1; n <= 3; ++n) {
        bench.holds_all(n, film);
    }
    bench.read(film, 128 * 1024, 128 * 1024);
    std::map<PeerNumber, std::size_t> leaves;
    for (const AskLeaves& ask : bench.all<AskLeaves>()) {
        leaves[ask.peer] += ask.range.count;
    }
    CHECK(leaves.size() == 3);
}

TEST_CASE("a read stuck behind a download of the same peer is asked anew as urgent") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 60 * kMiB);
    bench.core.fill(100, {film, FillOrder::sequential, std::nullopt}, bench.now);
    bench.decide();
    bench.holds_all(1, film);
    CHECK(bench.asked(1) == 32);  // its first budget
    bench.deliver(1, film, 0, kAllLeaves);
    bench.deliver(1, film, 1, kAllLeaves);
    bench.deliver(1, film, 2, kAllLeaves);
    // Chunks 3 to 7 or so are owed; the last of them lies behind the others.
    std::uint64_t last = 3;
    while (bench.core.report(PeerNumber{1}, bench.now).outstanding < 5 * kChunkBytes) {
        bench.deliver(1, film, last++, kAllLeaves);
    }
    const auto owed = bench.core.report(PeerNumber{1}, bench.now).outstanding / kChunkBytes;
    const std::uint64_t newest = last + owed - 1;
    bench.read(film, newest * kChunkBytes, 1000);
    const auto cancels = bench.all<CancelLeaves>();
    REQUIRE(cancels.size() == 1);
    CHECK(cancels[0].range == LeafRange{ChunkIndex(newest), 0, 1});
    REQUIRE_FALSE(bench.all<AskLeaves>().empty());
    CHECK(bench.all<AskLeaves>()[0].urgency == Urgency::urgent);
    CHECK(bench.all<AskLeaves>()[0].range == LeafRange{ChunkIndex(newest), 0, 1});
}

TEST_CASE("a late urgent ask is duplicated at one other holder, once") {
    Bench bench;
    const ContentId film = named(1, 10 * kMiB);
    for (std::uint8_t n = 1; n <= 3; ++n) {
        bench.join(n);
    }
    bench.read(film, 0, 1000, node(1));
    for (std::uint8_t n = 1; n <= 3; ++n) {
        bench.holds_all(n, film);
    }
    bench.now += seconds(1);
    bench.decide();
    CHECK(bench.all<AskLeaves>().size() == 1);
    CHECK(bench.asked(1) == 0);
    bench.now += milliseconds(2500);
    bench.decide();
    CHECK(bench.all<AskLeaves>().empty());
}

TEST_CASE("a cancelled read cancels what nobody else wants") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 10 * kMiB);
    const ReadId one = bench.read(film, 0, 4 * kLeafBytes);
    bench.read(film, 2 * kLeafBytes, 4 * kLeafBytes);
    bench.core.cancel_read(one, bench.now);
    bench.decide();
    CHECK(bench.answered(one, Code::cancelled));
    const auto cancels = bench.all<CancelLeaves>();
    REQUIRE(cancels.size() == 1);
    CHECK(cancels[0].range == LeafRange{ChunkIndex(0), 0, 2});
}

TEST_CASE("when reading ends, what only the window wanted is cancelled") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 10 * kMiB);
    bench.read(film, 0, kLeafBytes);
    bench.holds_all(1, film);
    bench.deliver(1, film, 0, 1);
    bench.read(film, kLeafBytes, kLeafBytes);
    CHECK(bench.asked(1) > 20);
    bench.deliver(1, film, 0, 2);
    bench.core.end_reading(film, ReadAgain::perhaps, bench.now);
    bench.decide();
    CHECK_FALSE(bench.all<CancelLeaves>().empty());
    CHECK(bench.core.report(PeerNumber{1}, bench.now).outstanding == 0);
}

TEST_CASE(
    "a content that nobody will read again is let go of at once, unless something waits for it") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 10 * kMiB);
    bench.read(film, 0, kLeafBytes);
    bench.holds_all(1, film);
    bench.core.end_reading(film, ReadAgain::never, bench.now);
    bench.decide();
    CHECK(bench.core.contents() == 1);  // the read is not answered yet
    bench.deliver(1, film, 0, 1);
    CHECK(bench.core.contents() == 0);

    bench.read(film, kLeafBytes, kLeafBytes);
    bench.holds_all(1, film);
    bench.deliver(1, film, 0, 2);
    bench.core.end_reading(film, ReadAgain::perhaps, bench.now);
    bench.decide();
    CHECK(bench.core.contents() == 1);
    bench.core.end_reading(film, ReadAgain::never, bench.now);
    bench.decide();
    CHECK(bench.core.contents() == 0);
}

TEST_CASE("a busy peer is asked again after its pause, if nobody else holds the data") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 10 * kMiB);
    bench.read(film, 0, 1000);
    bench.core.refused(PeerNumber{1}, *bench.core.number_of(film), {ChunkIndex(0), 0, 1},
                       RefuseReason::busy, bench.now);
    bench.holds_all(1, film);
    bench.now = bench.core.next_wake(bench.now);
    bench.decide();
    CHECK(bench.asked(1) == 1);
}

TEST_CASE("a peer that refuses a chunk is asked for others, and for that one no more") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 10 * kMiB);
    bench.core.fill(100, {film, FillOrder::sequential, std::nullopt}, bench.now);
    bench.decide();
    bench.holds_all(1, film);
    bench.core.refused(PeerNumber{1}, *bench.core.number_of(film), {ChunkIndex(0), 0, 16},
                       RefuseReason::unreadable, bench.now);
    bench.decide();
    for (const AskLeaves& ask : bench.all<AskLeaves>()) {
        CHECK(ask.range.chunk != ChunkIndex(0));
    }
    bench.deliver(1, film, 1, kAllLeaves);
    CHECK(bench.asked(1) > 0);
    for (const AskLeaves& ask : bench.all<AskLeaves>()) {
        CHECK(ask.range.chunk != ChunkIndex(0));
    }
}

TEST_CASE("a fill that nobody could serve goes on as soon as somebody can") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 10 * kMiB);
    bench.core.fill(100, {film, FillOrder::rarest_first, std::nullopt}, bench.now);
    bench.decide();
    const ContentNumber number = *bench.core.number_of(film);
    bench.core.holding(PeerNumber{1}, number, HoldingKind::none, ChunkIndex(0), {}, bench.now);
    bench.decide();
    CHECK(bench.asked(1) == 0);
    SUBCASE("it has all of it") {
        bench.holds_all(1, film);
    }
    SUBCASE("it has one chunk") {
        bench.core.have(PeerNumber{1}, number, std::vector{ChunkIndex(7)}, bench.now);
        bench.decide();
    }
    CHECK(bench.asked(1) > 0);
}

TEST_CASE("a complete content is closed everywhere and forgotten") {
    Bench bench;
    bench.join(1);
    bench.join(2);
    const ContentId film = named(1, kChunkBytes + 1);
    bench.core.fill(100, {film, FillOrder::rarest_first, std::nullopt}, bench.now);
    bench.decide();
    bench.holds_all(1, film);
    bench.deliver(1, film, 0, kAllLeaves);
    bench.deliver(1, film, 1, 1);
    CHECK(bench.all<CloseContent>().size() == 2);
    const auto moved = bench.all<FillMoved>();
    REQUIRE_FALSE(moved.empty());
    CHECK(moved.back().progress.complete);
    CHECK(moved.back().progress.stored_bytes == film.size);
    CHECK(bench.core.contents() == 0);
    CHECK(bench.core.sources(film).size() == 1);
}

TEST_CASE("a chunk that becomes whole is announced once") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 10 * kMiB);
    bench.read(film, 0, kChunkBytes);
    bench.deliver(1, film, 0, 0x00FF);
    CHECK(bench.all<ChunksWhole>().empty());
    bench.deliver(1, film, 0, 0xFF00);
    REQUIRE(bench.all<ChunksWhole>().size() == 1);
    CHECK(bench.all<ChunksWhole>()[0].chunks == std::vector{ChunkIndex(0)});
    bench.deliver(1, film, 0, 0xFF00);
    CHECK(bench.all<ChunksWhole>().empty());
}

TEST_CASE("at most eight large and 1,024 tiny fills run at a time, and hopeless ones make room") {
    Bench bench;
    bench.join(1);
    for (std::uint8_t n = 0; n < 20; ++n) {
        bench.core.fill(n + 1U, {named(n, 10 * kMiB), FillOrder::sequential, std::nullopt},
                        bench.now);
    }
    bench.decide();
    CHECK(bench.all<OpenContent>().size() == 8);
    for (std::uint8_t n = 0; n < 8; ++n) {
        if (const auto number = bench.core.number_of(named(n, 10 * kMiB))) {
            bench.core.holding(PeerNumber{1}, *number, HoldingKind::none, ChunkIndex(0), {},
                               bench.now);
        }
    }
    bench.decide();
    bench.decide();
    CHECK(bench.core.contents() > 8);
}

TEST_CASE("reading a little of a pebibyte costs a little") {
    Bench bench;
    bench.join(1);
    const ContentId huge = named(1, 64ULL << 40);  // 256 million chunks
    class Nothing final : public ContentPort {
    public:
        std::uint16_t leaf_mask(ChunkIndex) const override { return 0; }
        bool complete() const override { return false; }
        void whole_chunks(ChunkIndex, MutableByteSpan) const override {}
        Result<> read_leaves(LeafRange, std::span<const MutableByteSpan>) override {
            return done();
        }
        Result<std::vector<Hash256>> proof(ChunkIndex, std::uint8_t) override {
            return std::vector<Hash256>{};
        }
        KnownTree known(ChunkIndex) const override { return {}; }
        Result<> store(LeafRange, std::span<const ByteSpan>, const content::ChunkHashes&) override {
            return done();
        }
    };
    class Ports final : public ContentPorts {
    public:
        Result<std::shared_ptr<ContentPort>> open(const ContentId&, Purpose) override {
            return std::shared_ptr<ContentPort>(std::make_shared<Nothing>());
        }
    };
    Ports ports;
    SwarmCore core(ports, {}, 1);
    core.peer_joined(PeerNumber{1}, node(1), bench.now);
    core.read(1, {huge, huge.size / 2, 1000, bench.now + seconds(30), std::nullopt}, bench.now);
    CHECK(core.decide(bench.now).size() == 2);
    core.holding(PeerNumber{1}, *core.number_of(huge), HoldingKind::all, ChunkIndex(0), {},
                 bench.now);
    CHECK(core.decide(bench.now).empty());
}

TEST_CASE("a read whose leaves are on their way is not hopeless because its window starves") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 10 * kMiB);
    const ReadId one = bench.read(film, 0, kLeafBytes);
    const ReadId two = bench.read(film, kLeafBytes, kLeafBytes);  // starts the window
    CHECK(bench.all<SourcesWanted>().empty());
    bench.now += seconds(3);
    bench.decide();
    CHECK_FALSE(bench.answered(one, Code::unavailable));
    bench.deliver(1, film, 0, 3);
    CHECK(bench.answered(two));
}

TEST_CASE("a read is not hopeless because another read's leaf in its chunk has no source") {
    Bench bench;
    bench.join(1);
    const ContentId film = named(1, 10 * kMiB);
    const ReadId other = bench.read(film, kChunkBytes - kLeafBytes, kLeafBytes);
    const ReadId one = bench.read(film, 0, kLeafBytes);
    bench.holds_all(1, film);
    // The peer still owes the first leaf of chunk 0, and says that it lacks the last one.
    bench.core.refused(PeerNumber{1}, *bench.core.number_of(film), {ChunkIndex(0), 15, 1},
                       RefuseReason::unreadable, bench.now);
    bench.decide();
    bench.now += seconds(3);
    bench.decide();
    CHECK(bench.answered(other, Code::unavailable));
    CHECK_FALSE(bench.answered(one, Code::unavailable));
    bench.deliver(1, film, 0, 1);
    CHECK(bench.answered(one));
}

TEST_CASE(
    "an urgent leaf that a silent peer gives up is placed anew in a chunk that starves ahead") {
    Bench bench;
    bench.join(1);
    bench.join(2);
    const ContentId film = named(1, 10 * kMiB);
    const ReadId one = bench.read(film, 0, kLeafBytes, node(1));
    bench.read(film, kLeafBytes, kLeafBytes, node(1));  // starts the window: nobody to ask for it
    CHECK(bench.asked(1) == 1);
    // Peer 1 never answers; peer 2 has not said what it holds and may be asked blindly.
    bench.now += seconds(5);
    bench.decide();
    CHECK(bench.asked(2) > 0);
    bench.now += milliseconds(2500);
    bench.decide();
    CHECK_FALSE(bench.answered(one, Code::unavailable));
}

TEST_CASE("a silent peer gets no read while another holder is busy, and a copy now and then") {
    Bench bench;
    const ContentId film = named(1, 100 * kMiB);
    const ContentId big = named(2, 100 * kMiB);
    bench.join(1);
    bench.join(2);
    bench.read(film, 0, kLeafBytes, node(2));
    bench.holds_all(1, film);
    bench.holds_all(2, film);
    bench.now += seconds(5);
    bench.decide();  // 2 is silent
    CHECK(bench.asked(1) == 1);
    bench.deliver(1, film, 0, 1);
    bench.core.fill(100, {big, FillOrder::sequential, std::nullopt}, bench.now);
    bench.decide();
    bench.holds_all(1, big);  // whose budget the download fills
    CHECK(bench.asked(1) > 0);
    for (std::uint64_t i = 1; i < 4; ++i) {
        bench.read(film, i * kLeafBytes, kLeafBytes);
        CHECK(bench.asked(2) <= 1);
        bench.deliver(1, film, 0, static_cast<LeafMask>(1U << i));
        CHECK(bench.asked(2) <= 1);
    }
}

TEST_CASE("a leaf that came too late to be stored ends the silence of its peer") {
    for (const bool heard : {false, true}) {
        CAPTURE(heard);
        Bench bench;
        const ContentId film = named(1, 100 * kMiB);
        bench.join(1);
        bench.join(2);
        bench.read(film, 0, kLeafBytes, node(2));
        bench.holds_all(1, film);
        bench.holds_all(2, film);
        bench.now += seconds(5);
        bench.decide();  // 2 is silent
        bench.deliver(1, film, 0, 1);
        const ContentId big = named(2, 100 * kMiB);
        bench.core.fill(100, {big, FillOrder::sequential, std::nullopt}, bench.now);
        bench.decide();
        bench.holds_all(1, big);  // whose budget the download fills
        if (heard) {
            bench.deliver(2, film, 0, 0);
        }
        bench.read(film, 50 * kMiB, kLeafBytes);
        CHECK(bench.asked(heard ? 2 : 1) == 1);
        CHECK(bench.asked(heard ? 1 : 2) == 0);
    }
}

TEST_CASE("a read beyond the end is refused, and an empty one is answered") {
    Bench bench;
    CHECK(bench.answered(bench.read(named(1, 100), 50, 51), Code::invalid));
    CHECK(bench.answered(bench.read(named(1, 100), 100, 0)));
    bench.core.fill(100, {ContentId{}, FillOrder::sequential, std::nullopt}, bench.now);
    bench.decide();
    REQUIRE(bench.all<FillMoved>().size() == 1);
    CHECK(bench.all<FillMoved>()[0].progress.complete);
}

TEST_CASE("closing answers every read and fill as cancelled") {
    Bench bench;
    const ReadId read = bench.read(named(1, 100), 0, 100);
    bench.core.fill(100, {named(2, 10 * kMiB), FillOrder::sequential, std::nullopt}, bench.now);
    bench.decide();
    bench.core.cancel_all(bench.now);
    bench.decide();
    CHECK(bench.answered(read, Code::cancelled));
    REQUIRE(bench.all<FillMoved>().size() == 1);
    CHECK(bench.all<FillMoved>()[0].progress.error->code == Code::cancelled);
}
