// Two sessions talk over a pipe; a third party that knows all their secrets counts on the wire.

#include <boost/asio/io_context.hpp>
#include <cstring>
#include <set>

#include <doctest/doctest.h>

#include "engine/async/block_on.hpp"
#include "engine/async/task_group.hpp"
#include "engine/swarm/session.hpp"
#include "tests/swarm/memory_member.hpp"
#include "tests/swarm/pipe_link.hpp"

using namespace swarmfs;
using namespace swarmfs::test;

TEST_SUITE_BEGIN("single-threaded");
using transport::SecureLink;

namespace {

constexpr std::uint64_t kInitiatorSeed = 21;
constexpr std::uint64_t kResponderSeed = 22;
// Beyond one change of key, and some more.
constexpr std::uint64_t kRounds = channel::kRecordsPerKey + 500;

// One session, which answers each catalog frame with one like it, so that each is a record of its
// own.
struct Talker {
    MemoryContents contents;
    NamedMember member;
    SystemClock clock;
    std::shared_ptr<swarm::Session> session;
    bool begins = false;
    std::uint64_t heard = 0;
    std::optional<Error> ended;

    Talker(std::uint8_t rank, bool first)
        : member([rank] {
              NodeId node;
              node.bytes.fill(rank);
              return node;
          }()),
          begins(first) {}

    void start(std::unique_ptr<SecureLink> link) {
        session = std::make_shared<swarm::Session>(
            std::move(link), swarm::Session::Parts{clock, contents, member, {}},
            [this](std::vector<swarm::SessionEvent> events, std::uint64_t weight) {
                session->looked_at(weight);
                for (const auto& event : events) {
                    take(event);
                }
            });
        session->start();
    }

    void take(const swarm::SessionEvent& event) {
        if (std::holds_alternative<swarm::HelloHeard>(event) && begins) {
            say();
        } else if (std::holds_alternative<swarm::CatalogHeard>(event)) {
            ++heard;
            begins&& heard == kRounds ? say_goodbye() : say();
        } else if (const auto* end = std::get_if<swarm::SessionEnded>(&event)) {
            ended = end->why;
        }
    }

    void say() {
        std::vector<swarm::SessionCommand> commands;
        commands.push_back(swarm::SendCatalog{
            {swarm::CatalogFrame::Kind::header, to_bytes(as_bytes("the same words each time"))}});
        session->command(std::move(commands));
    }
    void say_goodbye() {
        std::vector<swarm::SessionCommand> commands;
        commands.push_back(swarm::SayGoodbye{"counted enough"});
        session->command(std::move(commands));
    }
};

struct Secrets {
    channel::ChannelSecrets initiator = test_secrets();
    channel::ChannelSecrets responder = test_secrets();
};

// The keys of the two ends' channel: the same handshake with the same dice, once more.
std::pair<channel::ReceiveCipher, channel::ReceiveCipher> readers(const Secrets& secrets) {
    SeededDice initiator_dice(kInitiatorSeed);
    SeededDice responder_dice(kResponderSeed);
    auto initiator = channel::Handshake::initiator(secrets.initiator, initiator_dice);
    auto responder = channel::Handshake::responder({secrets.responder}, responder_dice);
    const auto body = [](const Bytes& framed) {
        return Bytes(framed.begin() + channel::kLengthBytes, framed.end());
    };
    const Bytes two = responder.receive(body(initiator.start().value())).value();
    REQUIRE(responder.receive(body(initiator.receive(body(two)).value())).ok());
    return {responder.keys().receive, initiator.keys().receive};
}

async::Task<> initiate(std::unique_ptr<PipeLink> link, const Secrets* secrets, Dice* dice,
                       std::unique_ptr<SecureLink>* into) {
    *into = (co_await SecureLink::initiate(std::move(link), secrets->initiator, *dice)).value();
}
async::Task<> respond(std::unique_ptr<PipeLink> link, const Secrets* secrets, Dice* dice,
                      std::unique_ptr<SecureLink>* into) {
    std::vector<channel::ChannelSecrets> candidates{secrets->responder};
    *into = (co_await SecureLink::respond(std::move(link), std::move(candidates), *dice)).value();
}
async::Task<> both(async::Executor executor, async::Task<> one, async::Task<> other) {
    async::TaskGroup group(executor);
    group.spawn(std::move(one));
    group.spawn(std::move(other));
    co_await group.join();
}

}  // namespace

TEST_CASE("between two sessions no nonce is used twice under one key, in either direction") {
    boost::asio::io_context context;
    const Secrets secrets;
    SeededDice initiator_dice(kInitiatorSeed);
    SeededDice responder_dice(kResponderSeed);
    Bytes wire[2];  // what the initiator, and what the responder wrote
    Talker alice(1, true);
    Talker bob(2, false);
    {
        auto [here, there] = PipeLink::make(context.get_executor(), 1 << 20);
        here->keep_written(&wire[0]);
        there->keep_written(&wire[1]);
        std::unique_ptr<SecureLink> initiator;
        std::unique_ptr<SecureLink> responder;
        async::run_here(context,
                        both(context.get_executor(),
                             initiate(std::move(here), &secrets, &initiator_dice, &initiator),
                             respond(std::move(there), &secrets, &responder_dice, &responder)));
        alice.start(std::move(initiator));
        bob.start(std::move(responder));
    }
    context.restart();
    while (!alice.ended || !bob.ended) {
        REQUIRE(context.run_one() > 0);
    }
    REQUIRE(alice.heard == kRounds);
    REQUIRE(bob.heard == kRounds);

    auto [from_initiator, from_responder] = readers(secrets);
    channel::ReceiveCipher* const ciphers[2] = {&from_initiator, &from_responder};
    // What a cipher adds to the first bytes of a record follows from key and nonce alone. Were any
    // pair used twice, also by both ends, the same would be added twice.
    std::set<std::uint64_t> added;
    for (const std::size_t direction : {std::size_t{0}, std::size_t{1}}) {
        channel::ReceiveCipher& cipher = *ciphers[direction];
        const auto& lengths = channel::kHandshakeMessageBytes;
        const std::size_t handshake = direction == 0
                                          ? lengths[0] + lengths[2] + 2 * channel::kLengthBytes
                                          : lengths[1] + channel::kLengthBytes;
        ByteSpan rest = ByteSpan(wire[direction]).subspan(handshake);
        std::uint64_t records = 0;
        std::set<std::pair<std::uint64_t, std::uint64_t>> used;
        while (!rest.empty()) {
            const auto sealed = channel::take_message(rest, 65'535);
            REQUIRE(sealed.ok());
            REQUIRE(sealed->has_value());
            Bytes record = to_bytes(**sealed);
            rest = rest.subspan(channel::kLengthBytes + record.size());
            // A record opens under the key and nonce that sealed it, and no other.
            REQUIRE(used.emplace(cipher.keys_used(), cipher.nonce()).second);
            std::uint64_t before = 0;
            std::uint64_t after = 0;
            std::memcpy(&before, record.data(), sizeof(before));
            const auto text = cipher.open(record);
            REQUIRE(text.ok());
            ++records;
            if (text->size() >= sizeof(after)) {
                std::memcpy(&after, text->data(), sizeof(after));
                REQUIRE(added.insert(before ^ after).second);
            } else {
                REQUIRE(cipher.closed());
            }
        }
        CHECK(records > kRounds);
        CHECK(used.size() == records);
        CHECK(cipher.keys_used() == 2);
    }
    CHECK(from_initiator.closed());
    CHECK(added.size() > 2 * kRounds);
}

TEST_SUITE_END();
