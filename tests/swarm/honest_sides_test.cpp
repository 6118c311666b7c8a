// The two halves of a session, both honest, while leaves are asked for, cancelled and asked for
// again in every order and class: neither ever takes the other for a liar, and what is wanted in
// the end arrives.

#include <doctest/doctest.h>

#include <deque>

#include "tests/swarm/memory_member.hpp"
#include "tests/swarm/two_halves.hpp"

using namespace swarmfs;
using namespace swarmfs::test;
using namespace swarmfs::swarm;

TEST_SUITE_BEGIN("single-threaded");
using protocol::LeafRange;
using protocol::Urgency;

namespace {

constexpr ContentNumber kNumber{7};
constexpr std::uint64_t kChunks = 3;

// What crosses a link in one direction: frames, in order.
class Frames {
public:
    void append(ByteSpan stream) {
        for (std::size_t at = 0; at < stream.size();) {
            const std::size_t body = std::size_t{stream[at + 1]} << 8 | stream[at + 2];
            frames_.push_back(to_bytes(stream.subspan(at, protocol::kFrameHeaderBytes + body)));
            at += protocol::kFrameHeaderBytes + body;
        }
    }
    bool empty() const { return frames_.empty(); }
    Bytes take() {
        Bytes frame = std::move(frames_.front());
        frames_.pop_front();
        return frame;
    }

private:
    std::deque<Bytes> frames_;
};

class Story {
public:
    explicit Story(std::uint64_t seed) : dice_(seed) {
        theirs_.publish(bytes_);
        Bytes out;
        fetch_.open({PeerNumber{1}, kNumber, id_, *ours_.open(id_, Purpose::fetch)}, out);
        to_server_.append(out);
    }

    void step() {
        switch (dice_.below(8)) {
            case 0:
            case 1: ask(); break;
            case 2: cancel(); break;
            case 3: ping(); break;
            case 4: serve_hears(); break;
            case 5: serve_answers(); break;
            default: client_hears(); break;
        }
    }
    // Everything on its way arrives. Returns: whether nothing is wanted any more.
    bool settle() {
        while (!to_server_.empty() || !to_client_.empty() || serve_.has_leaves()) {
            serve_hears();
            serve_answers();
            client_hears();
        }
        LeafMask wanted = 0;
        for (const LeafMask chunk : wanted_) {
            wanted |= chunk;
        }
        return wanted == 0;
    }
    bool no_complaint() const { return complaint_.empty(); }
    const std::string& complaint() const { return complaint_; }

private:
    // As the core does: never a leaf that is asked for already.
    void ask() {
        const std::uint64_t chunk = dice_.below(kChunks);
        const auto first = static_cast<std::uint8_t>(dice_.below(kLeavesPerChunk));
        const auto count = static_cast<std::uint8_t>(1 + dice_.below(kLeavesPerChunk - first));
        const LeafRange range{ChunkIndex(chunk), first, count};
        const auto free = static_cast<LeafMask>(mask_of(range) & ~wanted_[chunk]);
        const auto urgency = static_cast<Urgency>(dice_.below(protocol::kUrgencies));
        Bytes out;
        for (const LeafRange& part : ranges_of(ChunkIndex(chunk), free)) {
            fetch_.ask({PeerNumber{1}, kNumber, part, urgency}, out);
        }
        wanted_[chunk] |= free;
        to_server_.append(out);
    }
    void cancel() {
        const std::uint64_t chunk = dice_.below(kChunks);
        const auto first = static_cast<std::uint8_t>(dice_.below(kLeavesPerChunk));
        const auto count = static_cast<std::uint8_t>(1 + dice_.below(kLeavesPerChunk - first));
        const LeafRange range{ChunkIndex(chunk), first, count};
        Bytes out;
        fetch_.cancel({PeerNumber{1}, kNumber, range}, out);
        wanted_[chunk] = static_cast<LeafMask>(wanted_[chunk] & ~mask_of(range));
        to_server_.append(out);
    }
    void ping() {
        if (!ping_open_) {
            ping_open_ = true;
            fetch_.ping_sent();
            Bytes out;
            protocol::encode(protocol::Ping{1}, out);
            to_server_.append(out);
        }
    }

    void serve_hears() {
        for (std::uint64_t most = 1 + dice_.below(4); most > 0 && !to_server_.empty(); --most) {
            const Bytes said = to_server_.take();
            protocol::FrameReader frames(said);
            const auto frame = *frames.next();
            Bytes out;
            note(hear(serve_, *frame, out));
            if (std::holds_alternative<protocol::Ping>(*frame)) {
                protocol::encode(protocol::Pong{1}, out);
            }
            to_client_.append(out);
        }
    }
    // Leaves are built last, and what is built leaves before anything that is said later.
    void serve_answers() {
        transport::RecordBuilder records;
        Bytes refusals;
        serve_.produce(records, 1 + dice_.below(8) * kLeafBytes, refusals);
        to_client_.append(plaintext_of(records));
        to_client_.append(refusals);
    }
    void client_hears() {
        std::vector<Bytes> held;  // leaves live until flush()
        for (std::uint64_t most = 1 + dice_.below(12); most > 0 && !to_client_.empty(); --most) {
            held.push_back(to_client_.take());
            protocol::FrameReader frames(held.back());
            const auto frame = *frames.next();
            note(hear(fetch_, *frame));
            if (std::holds_alternative<protocol::Pong>(*frame)) {
                ping_open_ = false;
                note(fetch_.ping_answered());
            }
        }
        note(fetch_.flush());
        to_server_.append(fetch_.take_frames());
        for (const SessionEvent& event : fetch_.take_events()) {
            if (const auto* stored = std::get_if<LeavesStored>(&event)) {
                LeafMask& wanted = wanted_[stored->chunk.value];
                wanted = static_cast<LeafMask>(wanted & ~stored->leaves);
            } else if (const auto* refused = std::get_if<RefuseHeard>(&event)) {
                LeafMask& wanted = wanted_[refused->range.chunk.value];
                wanted = static_cast<LeafMask>(wanted & ~mask_of(refused->range));
            }
        }
    }
    void note(const Result<>& taken) {
        if (!taken.ok() && complaint_.empty()) {
            complaint_ = taken.error().message;
        }
    }

    SeededDice dice_;
    MemoryContents theirs_;
    MemoryContents ours_;
    const Bytes bytes_ = random_bytes(3, kChunks* kChunkBytes);
    const ContentId id_ = id_of(bytes_);
    FetchSide fetch_;
    ServeSide serve_{theirs_};
    Frames to_server_;
    Frames to_client_;
    std::array<LeafMask, kChunks> wanted_{};
    bool ping_open_ = false;
    std::string complaint_;
};

}  // namespace

TEST_CASE("honest sides understand each other, whatever is asked, cancelled and asked again") {
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        CAPTURE(seed);
        Story story(seed);
        for (int step = 0; step < 200 && story.no_complaint(); ++step) {
            story.step();
        }
        const bool settled = story.settle();
        REQUIRE_MESSAGE(story.no_complaint(), story.complaint());
        CHECK(settled);
    }
}

TEST_SUITE_END();
