// What may arrive when (docs/protocol.md, "A session's life"): every frame in every state.

#include <doctest/doctest.h>

#include "tests/swarm/lone_session.hpp"

using namespace swarmfs;
using namespace swarmfs::test;
using protocol::FrameReader;
using protocol::HoldingKind;

namespace {

const Bytes& film() {
    static const Bytes bytes = random_bytes(12, kChunkBytes + 1);
    return bytes;
}

// One of each type, each right in itself. Spans point into what lives as long as the program.
std::vector<protocol::Frame> one_of_each() {
    static const Bytes some(64, 9);
    static const ContentId id = id_of(film());
    NodeId node;
    node.bytes.fill(3);
    const ChunkIndex chunk(0);
    return {protocol::Hello{},
            protocol::Ping{1},
            protocol::Pong{1},
            protocol::Goodbye{"enough"},
            protocol::Vector{false, {{{node, 5}, 6}}},
            protocol::PublicationHeader{some},
            protocol::PublicationEntries{some},
            protocol::Confirm{1, {{node, 5}, 6}, "file"},
            protocol::Confirmed{1, protocol::ConfirmAnswer::yes},
            protocol::Open{7, id},
            protocol::Holding{1, HoldingKind::all, {}, {}},
            protocol::Have{1, {chunk}},
            protocol::Close{7},
            protocol::Request{7, {chunk, 0, 1}, protocol::Urgency::urgent, 5},
            protocol::Cancel{7, {chunk, 0, 1}},
            protocol::Proof{1, chunk, 5, some},
            protocol::Leaf{1, chunk, 0, some},
            protocol::Refuse{1, {chunk, 0, 1}, protocol::RefuseReason::busy},
            protocol::Ready{},
            protocol::Suggest{1, chunk},
            protocol::Take{id},
            protocol::Peers{{{node, "10.0.0.1:6881"}}}};
}

template <class Wanted>
bool is(const protocol::Frame& frame) {
    return std::holds_alternative<Wanted>(frame);
}

// The frames that the session has said so far.
template <class Wanted>
std::size_t count_said(const LoneSession& lone) {
    std::size_t count = 0;
    for (const Bytes& record : lone.said) {
        FrameReader frames(record);
        for (auto frame = frames.next(); frame.ok() && *frame; frame = frames.next()) {
            count += is<Wanted>(**frame) ? 1 : 0;
        }
    }
    return count;
}

std::size_t count_said(const LoneSession& lone) {
    std::size_t count = 0;
    for (const Bytes& record : lone.said) {
        FrameReader frames(record);
        for (auto frame = frames.next(); frame.ok() && *frame; frame = frames.next()) {
            ++count;
        }
    }
    return count;
}

// In a state in which every frame but hello could mean something: the peer has said hello and has
// a content of ours open; we have asked it for one.
void greet_and_ask(LoneSession& lone) {
    lone.contents.publish(film());
    lone.say(lone.hello(), protocol::Open{7, id_of(film())});
    REQUIRE_FALSE(lone.ended());
    const ContentId wanted = id_of(random_bytes(13, 1000));
    auto port = lone.contents.open(wanted, swarm::Purpose::fetch);
    REQUIRE(port.ok());
    lone.command(swarm::OpenContent{{}, swarm::ContentNumber{1}, wanted, *port});
    lone.command(swarm::AskLeaves{{}, swarm::ContentNumber{1}, {ChunkIndex(0), 0, 1}, {}});
    REQUIRE(count_said<protocol::Request>(lone) == 1);
    lone.events.clear();
}

}  // namespace

TEST_CASE("before hello every frame but goodbye ends the session, and nothing comes of it") {
    std::size_t refused = 0;
    for (const protocol::Frame& frame : one_of_each()) {
        CAPTURE(frame.index());
        LoneSession lone;
        lone.contents.publish(film());
        const std::size_t said = count_said(lone);
        CHECK(said == 1);  // its hello
        // Whatever follows is not looked at either.
        lone.say(frame, lone.hello(), protocol::Open{8, id_of(film())});
        REQUIRE(lone.ended());
        CHECK(lone.events.empty());
        CHECK(count_said(lone) == said);
        const bool goodbye = is<protocol::Goodbye>(frame);
        CHECK(lone.why().whose == (goodbye ? Whose::network : Whose::peer));
        refused += goodbye ? 0 : 1;
    }
    // The hello among them names another handshake: nobody signed it for this one.
    CHECK(refused == std::variant_size_v<protocol::Frame> - 1);
}

TEST_CASE("what a peer asks to have confirmed is looked up as a trickle, and the rest is busy") {
    LoneSession lone;
    lone.say(lone.hello());
    lone.events.clear();
    std::string deep = "a";
    while (deep.size() < 255) {
        deep += "/a";
    }
    constexpr std::size_t kRecords = 40;
    constexpr std::size_t kEach = 100;  // of 128 names: 512,000 in all
    for (std::size_t i = 0; i < kRecords; ++i) {
        Bytes record;
        for (std::uint64_t nonce = 0; nonce < kEach; ++nonce) {
            protocol::encode(protocol::Confirm{nonce, {}, deep}, record);
        }
        lone.say_bytes(record);
    }
    REQUIRE_FALSE(lone.ended());
    const auto heard = static_cast<std::size_t>(
        std::count_if(lone.events.begin(), lone.events.end(), [](const swarm::SessionEvent& event) {
            return std::holds_alternative<swarm::ConfirmHeard>(event);
        }));
    const std::size_t busy = count_said<protocol::Confirmed>(lone);
    CHECK(heard >= 32 * 1024 / 128);
    CHECK(busy > 0);
    CHECK(heard + busy == kRecords * kEach);
}

TEST_CASE("a refusal that is all there is to say is said at once") {
    LoneSession lone;
    lone.contents.publish(film())->unreadable = true;
    lone.say(lone.hello(), protocol::Open{7, id_of(film())});
    lone.say(protocol::Request{7, {ChunkIndex(0), 0, 1}, protocol::Urgency::urgent, 0});
    CHECK(count_said<protocol::Refuse>(lone) == 1);
}

TEST_CASE("a second hello ends the session, though it holds like the first") {
    LoneSession lone;
    greet_and_ask(lone);
    const std::size_t said = count_said(lone);
    lone.say(lone.hello(), protocol::Open{8, id_of(film())});
    REQUIRE(lone.ended());
    CHECK(lone.why().whose == Whose::peer);
    CHECK(lone.events.empty());
    CHECK(count_said(lone) == said);
}

TEST_CASE("after its own goodbye nothing that a peer says is looked at") {
    for (const protocol::Frame& frame : one_of_each()) {
        CAPTURE(frame.index());
        LoneSession lone;
        greet_and_ask(lone);
        const std::size_t said = count_said(lone);
        lone.say(protocol::Goodbye{"enough"}, frame);
        REQUIRE(lone.ended());
        CHECK(lone.why().whose == Whose::network);
        CHECK(lone.why().message.find("enough") != std::string::npos);
        lone.say(frame);
        CHECK(lone.events.empty());
        CHECK(count_said(lone) == said);
    }
}

TEST_CASE("after our goodbye nothing that a peer says counts, be it right or wrong") {
    std::vector<Bytes> records;
    for (const protocol::Frame& frame : one_of_each()) {
        protocol::encode(frame, records.emplace_back());
    }
    records.push_back({0xEE, 0, 0});
    records.push_back({0x02, 0, 8, 1});
    for (const Bytes& record : records) {
        CAPTURE(to_hex(record));
        LoneSession lone;
        greet_and_ask(lone);
        lone.command(swarm::SayGoodbye{"closing"});
        CHECK(count_said<protocol::Goodbye>(lone) == 1);
        const std::size_t said = count_said(lone);
        lone.say_bytes(record);
        CHECK_FALSE(lone.ended());  // it waits for the peer's end
        CHECK(lone.events.empty());
        CHECK(count_said(lone) == said);
        lone.hang_up();
        REQUIRE(lone.ended());
        CHECK(lone.why().code == Code::cancelled);
        CHECK(lone.events.empty());
    }
}

TEST_CASE("a frame whose length is one off ends the session, and nothing comes of it") {
    for (const protocol::Frame& frame : one_of_each()) {
        Bytes whole;
        protocol::encode(frame, whole);
        // Opaque to the session: of any length.
        const bool opaque = is<protocol::PublicationHeader>(frame) ||
                            is<protocol::PublicationEntries>(frame) || is<protocol::Leaf>(frame);
        for (const bool longer : {false, true}) {
            for (const bool body_as_well : {false, true}) {
                if (opaque && body_as_well) {
                    continue;
                }
                CAPTURE(frame.index());
                CAPTURE(longer);
                CAPTURE(body_as_well);
                Bytes record = whole;
                const std::size_t length = whole.size() - protocol::kFrameHeaderBytes;
                record[1] = static_cast<std::uint8_t>((longer ? length + 1 : length - 1) >> 8);
                record[2] = static_cast<std::uint8_t>(longer ? length + 1 : length - 1);
                if (body_as_well) {
                    record.resize(longer ? whole.size() + 1 : whole.size() - 1);
                }
                LoneSession lone;
                if (is<protocol::Hello>(frame)) {
                    lone.contents.publish(film());
                } else {
                    greet_and_ask(lone);
                }
                const std::size_t said = count_said(lone);
                lone.say_bytes(std::move(record));
                REQUIRE(lone.ended());
                CHECK(lone.why().whose == Whose::peer);
                CHECK(count_said(lone) == said);
                // An opaque frame that is cut is whole in itself; what is left over is no frame.
                CHECK(lone.events.size() <= (opaque && !longer ? 1 : 0));
            }
        }
    }
}

TEST_CASE("fills that exceed what a node sends soon are refused as full, until they may be asked") {
    const Bytes bytes = random_bytes(14, 40 * kChunkBytes);
    LoneSession lone;
    lone.contents.publish(bytes);
    swarm::UploadGate::Place other = lone.uploads().join([] {});
    other.waits(64 << 20);
    const auto ask = [&](std::uint64_t chunk, protocol::Urgency urgency) {
        lone.said.clear();
        lone.say(protocol::Request{7, {ChunkIndex(chunk), 0, 16}, urgency, 6});
    };
    lone.say(lone.hello(), protocol::Open{7, id_of(bytes)});
    CHECK(count_said<protocol::Suggest>(lone) == 1);
    ask(3, protocol::Urgency::fill);
    CHECK(count_said<protocol::Refuse>(lone) == 1);
    CHECK(count_said<protocol::Leaf>(lone) == 0);
    CHECK(count_said<protocol::Suggest>(lone) == 0);
    ask(4, protocol::Urgency::ahead);  // for what somebody waits there is always room
    CHECK(count_said<protocol::Leaf>(lone) == 16);
    CHECK(count_said<protocol::Ready>(lone) == 0);
    lone.said.clear();
    other = {};
    lone.say(protocol::Ping{1});
    CHECK(count_said<protocol::Ready>(lone) == 1);
    CHECK(count_said<protocol::Suggest>(lone) == 1);
    ask(3, protocol::Urgency::fill);
    CHECK(count_said<protocol::Refuse>(lone) == 0);
    CHECK(count_said<protocol::Leaf>(lone) == 16);
}

TEST_CASE("a peer that is full, is ready or suggests is heard by the one who decides") {
    LoneSession lone;
    greet_and_ask(lone);
    lone.say(protocol::Refuse{1, {ChunkIndex(0), 0, 1}, protocol::RefuseReason::full},
             protocol::Ready{}, protocol::Suggest{1, ChunkIndex(0)});
    const auto heard = [&](auto want) {
        for (const swarm::SessionEvent& event : lone.events) {
            if (std::holds_alternative<decltype(want)>(event)) {
                return true;
            }
        }
        return false;
    };
    CHECK(heard(swarm::RefuseHeard{}));
    CHECK(heard(swarm::ReadyHeard{}));
    CHECK(heard(swarm::SuggestHeard{}));
    REQUIRE_FALSE(lone.ended());
    lone.say(protocol::Suggest{1, ChunkIndex(1)});  // beyond the end
    REQUIRE(lone.ended());
    CHECK(lone.why().whose == Whose::peer);
}
