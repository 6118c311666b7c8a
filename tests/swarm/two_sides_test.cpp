// The two halves of a session against each other, frame by frame, without a link between them.

#include <doctest/doctest.h>

#include <deque>
#include <optional>
#include <set>

#include "engine/content/hash_tree.hpp"
#include "tests/swarm/memory_member.hpp"
#include "tests/swarm/two_halves.hpp"

using namespace swarmfs;
using namespace swarmfs::test;
using namespace swarmfs::swarm;
using protocol::LeafRange;
using protocol::Urgency;

namespace {

// A stored content of which some leaves, or every proof, cannot be read.
class Rotten final : public ContentPort, public ContentPorts {
public:
    explicit Rotten(std::shared_ptr<ContentPort> sound) : sound_(std::move(sound)) {}

    std::uint16_t leaf_mask(ChunkIndex chunk) const override { return sound_->leaf_mask(chunk); }
    bool complete() const override { return true; }
    void whole_chunks(ChunkIndex first, MutableByteSpan bitmap) const override {
        sound_->whole_chunks(first, bitmap);
    }
    Result<> read_leaves(LeafRange range, std::span<const MutableByteSpan> leaves) override {
        auto read = sound_->read_leaves(range, leaves);
        for (const MutableByteSpan leaf : leaves) {
            if (unreadable.contains(range.first)) {
                return disk_error(Code::io, "bit rot");
            }
            if (changed == range.first) {
                leaf[0] ^= 1;
            }
            ++range.first;
        }
        return read;
    }
    Result<std::vector<Hash256>> proof(ChunkIndex chunk, std::uint8_t level) override {
        if (no_proofs) {
            return disk_error(Code::io, "bit rot");
        }
        return sound_->proof(chunk, level);
    }
    KnownTree known(ChunkIndex chunk) const override { return sound_->known(chunk); }
    Result<> store(LeafRange, std::span<const ByteSpan>, const content::ChunkHashes&) override {
        return disk_error(Code::io, "read only");
    }
    Result<std::shared_ptr<ContentPort>> open(const ContentId&, Purpose) override {
        return std::shared_ptr<ContentPort>(this, [](ContentPort*) {});
    }

    std::set<unsigned> unreadable;
    std::optional<unsigned> changed;  // this leaf is sent with another bit
    bool no_proofs = false;

private:
    std::shared_ptr<ContentPort> sound_;
};

// Both directions are queues of frames; a test moves them when it likes.
struct TwoSides {
    MemoryContents theirs;
    MemoryContents ours;
    Bytes bytes = random_bytes(3, 4 * kChunkBytes);
    Rotten stored{theirs.publish(bytes)};
    ContentId id = id_of(bytes);
    FetchSide fetch;
    ServeSide serve{stored};
    Bytes to_server;
    Bytes to_client;
    std::vector<SessionEvent> events;

    TwoSides() {
        fetch.open({PeerNumber{1}, kNumber, id, *ours.open(id, Purpose::fetch)}, to_server);
    }
    void ask(std::uint64_t chunk, unsigned first, unsigned count) {
        fetch.ask({PeerNumber{1}, kNumber, range(chunk, first, count), Urgency::fill}, to_server);
    }
    void cancel(std::uint64_t chunk, unsigned first, unsigned count) {
        fetch.cancel({PeerNumber{1}, kNumber, range(chunk, first, count)}, to_server);
    }
    static LeafRange range(std::uint64_t chunk, unsigned first, unsigned count) {
        return {ChunkIndex(chunk), static_cast<std::uint8_t>(first),
                static_cast<std::uint8_t>(count)};
    }
    // The server takes what was said to it.
    void serve_hears() {
        const Bytes said = std::exchange(to_server, {});
        protocol::FrameReader frames(said);
        while (const auto frame = *frames.next()) {
            REQUIRE(hear(serve, *frame, to_client).ok());
        }
    }
    // Leaves and proofs are built and follow what waits for the client already, as in a session.
    void serve_answers(std::size_t most = 1 << 20) {
        Bytes refusals;
        while (serve.has_leaves()) {
            transport::RecordBuilder records;
            serve.produce(records, most, refusals);
            const Bytes plain = plaintext_of(records);
            to_client.insert(to_client.end(), plain.begin(), plain.end());
            if (most < 1 << 20) {
                break;
            }
        }
        to_client.insert(to_client.end(), refusals.begin(), refusals.end());
    }
    Result<> client_hears() {
        const Bytes said = std::exchange(to_client, {});
        protocol::FrameReader frames(said);
        Result<> taken = done();
        while (taken.ok()) {
            const auto frame = *frames.next();
            if (!frame) {
                break;
            }
            taken = hear(fetch, *frame);
        }
        if (auto flushed = fetch.flush(); taken.ok()) {
            taken = std::move(flushed);
        }
        const Bytes taken_back = fetch.take_frames();
        to_server.insert(to_server.end(), taken_back.begin(), taken_back.end());
        for (SessionEvent& event : fetch.take_events()) {
            events.push_back(std::move(event));
        }
        return taken;
    }
    LeafMask refused(std::uint64_t chunk) const {
        LeafMask leaves = 0;
        for (const SessionEvent& event : events) {
            const auto* one = std::get_if<RefuseHeard>(&event);
            leaves |= one != nullptr && one->range.chunk.value == chunk ? mask_of(one->range)
                                                                        : LeafMask{0};
        }
        return leaves;
    }
    LeafMask got(std::uint64_t chunk) { return ours.get(id)->leaf_mask(ChunkIndex(chunk)); }

private:
    static constexpr ContentNumber kNumber{7};
};

}  // namespace

TEST_CASE("of leaves that come together, those before the first wrong one are kept") {
    for (const unsigned changed : {0U, 5U, 15U}) {
        CAPTURE(changed);
        TwoSides sides;
        sides.stored.changed = changed;
        sides.ask(0, 0, 16);
        sides.serve_hears();
        sides.serve_answers();
        const auto heard = sides.client_hears();
        REQUIRE_FALSE(heard.ok());
        CHECK(heard.error().code == Code::corrupt);
        CHECK(sides.got(0) == (1U << changed) - 1);
    }
}

TEST_CASE("of a chunk with one unreadable leaf, the others come and that one is refused") {
    TwoSides sides;
    sides.stored.unreadable = {0, 5};
    sides.ask(0, 0, 16);
    sides.serve_hears();
    sides.serve_answers();
    REQUIRE(sides.client_hears().ok());
    CHECK(sides.refused(0) == 0b100001);
    CHECK(sides.got(0) == static_cast<LeafMask>(~0b100001U));
}

TEST_CASE("a proof and its leaves fit into whatever room other frames have left, or wait") {
    for (const std::size_t room : {1, 17, 300, 500, 700, 900, 1100, 3000, 5000, 20'000, 50'000}) {
        CAPTURE(room);
        TwoSides sides;
        sides.ask(0, 0, 16);
        sides.serve_hears();
        transport::RecordBuilder records;
        std::size_t others = 0;
        while (records.room() > room + channel::kRecordOverhead) {
            const std::size_t left = records.room() - room - channel::kRecordOverhead;
            others += records.extend(std::min<std::size_t>(left, 1000)).size();
        }
        Bytes refusals;
        sides.serve.produce(records, 1 << 20, refusals);
        CHECK(refusals.empty());
        const Bytes plain = plaintext_of(records);
        sides.to_client.insert(sides.to_client.end(),
                               plain.begin() + static_cast<std::ptrdiff_t>(others), plain.end());
        sides.serve_answers();
        REQUIRE(sides.client_hears().ok());
        CHECK(sides.got(0) == 0xFFFF);
    }
}

TEST_CASE("a second request that is on its way outlives the refusal of the first") {
    for (const bool no_proofs : {false, true}) {
        CAPTURE(no_proofs);
        TwoSides sides;
        sides.stored.unreadable = {0, 1, 2, 3, 4, 5, 6, 7};
        sides.stored.no_proofs = no_proofs;
        sides.ask(0, 0, 8);
        sides.serve_hears();
        sides.ask(0, 8, 8);  // on its way while the first is given up
        sides.serve_answers();
        REQUIRE(sides.client_hears().ok());
        CHECK(sides.refused(0) == 0x00FF);
        sides.stored.no_proofs = false;
        sides.serve_hears();
        sides.serve_answers();
        REQUIRE(sides.client_hears().ok());
        CHECK(sides.got(0) == 0xFF00);
    }
}

TEST_CASE("what is cancelled may come until the ping after it is answered, and is forgotten then") {
    TwoSides sides;
    for (std::uint64_t chunk = 0; chunk < 4; ++chunk) {
        sides.ask(chunk, 0, 16);
    }
    sides.serve_hears();
    sides.serve_answers(1);  // a proof and a leaf are on their way
    const Bytes early = sides.to_client;
    for (std::uint64_t chunk = 0; chunk < 4; ++chunk) {
        sides.cancel(chunk, 0, 16);
    }
    CHECK(sides.fetch.loose() == 4);
    sides.fetch.ping_sent();
    REQUIRE(sides.client_hears().ok());
    sides.serve_hears();
    CHECK_FALSE(sides.serve.has_leaves());
    CHECK(sides.fetch.loose() == 4);
    REQUIRE(sides.fetch.ping_answered().ok());
    CHECK(sides.fetch.loose() == 0);
    sides.to_client = early;
    CHECK_FALSE(sides.client_hears().ok());
}

TEST_CASE("what is cancelled after a ping is not forgotten when that ping is answered") {
    TwoSides sides;
    sides.ask(0, 0, 16);
    sides.fetch.ping_sent();
    sides.serve_hears();
    sides.serve_answers();
    sides.cancel(0, 0, 16);
    REQUIRE(sides.fetch.ping_answered().ok());
    CHECK(sides.client_hears().ok());
    CHECK(sides.fetch.loose() == 1);
}

TEST_CASE("a leaf asked for anew and answered by the old request does not come after a pong") {
    for (const bool refused : {false, true}) {
        CAPTURE(refused);
        TwoSides sides;
        if (refused) {
            sides.stored.unreadable = {0};
        }
        sides.ask(0, 0, 2);
        sides.serve_hears();
        sides.serve_answers();  // on its way while both of these are:
        sides.cancel(0, 0, 2);
        sides.ask(0, 0, 2);
        REQUIRE(sides.client_hears().ok());
        CHECK(sides.got(0) == (refused ? 0b10 : 0b11));
        CHECK(sides.refused(0) == (refused ? 0b01 : 0));
        // The server answers a ping at once, whatever it has to send.
        sides.fetch.ping_sent();
        sides.serve_hears();
        REQUIRE(sides.fetch.ping_answered().ok());
        CHECK(sides.fetch.loose() == 0);
        sides.stored.unreadable.clear();
        sides.serve_answers();
        CHECK(sides.client_hears().ok());
    }
}

TEST_CASE(
    "what is refused of one content is forgotten, though leaves of another wait for the disk") {
    TwoSides sides;
    sides.ask(0, 0, 1);
    sides.serve_hears();
    sides.serve_answers();
    const ContentId other = id_of(random_bytes(4, kChunkBytes));
    constexpr ContentNumber kOther{8};
    Bytes unheard;
    sides.fetch.open({PeerNumber{1}, kOther, other, *sides.ours.open(other, Purpose::fetch)},
                     unheard);
    sides.fetch.ask({PeerNumber{1}, kOther, TwoSides::range(0, 0, 1), Urgency::fill}, unheard);
    const protocol::Refuse refuse{2, TwoSides::range(0, 0, 1), protocol::RefuseReason::busy};
    protocol::encode(refuse, sides.to_client);
    protocol::encode(refuse, sides.to_client);
    CHECK_FALSE(sides.client_hears().ok());  // the second is about nothing
    CHECK(sides.got(0) == 1);
}

TEST_CASE("a cancelled leaf that comes without its proof tells that the peer answers") {
    TwoSides sides;
    sides.ask(0, 0, 1);
    sides.serve_hears();
    sides.serve_answers();
    sides.cancel(0, 0, 1);
    REQUIRE(sides.client_hears().ok());
    CHECK(sides.got(0) == 0);
    REQUIRE_FALSE(sides.events.empty());
    const auto* stored = std::get_if<LeavesStored>(&sides.events.back());
    REQUIRE(stored != nullptr);
    CHECK(stored->leaves == 0);
    CHECK(stored->bytes == 0);
}

TEST_CASE(
    "leaves cancelled and asked for anew, again and again, arrive whichever request they answer") {
    TwoSides sides;
    SeededDice dice(4);
    for (int round = 0; round < 300; ++round) {
        const auto first = static_cast<unsigned>(dice.below(16));
        const auto count = static_cast<unsigned>(1 + dice.below(16 - first));
        sides.cancel(0, 0, 16);
        sides.ask(0, first, count);
        if (dice.below(2) == 0) {
            sides.serve_hears();
        }
        if (dice.below(2) == 0) {
            sides.serve_answers(1 + dice.below(60'000));
        }
        if (dice.below(3) == 0) {
            REQUIRE(sides.client_hears().ok());
        }
        if (dice.below(8) == 0) {  // a ping and its pong
            sides.fetch.ping_sent();
            sides.serve_hears();
            REQUIRE(sides.client_hears().ok());
            REQUIRE(sides.fetch.ping_answered().ok());
        }
    }
}
