// The client and the tracker itself, with a real catalog between them.
#include <doctest/doctest.h>

#include "engine/async/block_on.hpp"
#include "engine/catalog/sender.hpp"
#include "engine/core/wire.hpp"
#include "engine/crypto/hash.hpp"
#include "tests/catalog/members.hpp"
#include "tests/discovery/fake_member.hpp"
#include "tracker/storage.hpp"
#include "tracker/tracker.hpp"

namespace swarmfs::discovery::test {
namespace {

namespace testing = catalog::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

class RealMember final : public FakeMember {
public:
    RealMember(const std::string& url, const testing::Swarm& of, std::uint64_t seed)
        : replica(of, seed) {
        node = replica.key.public_key();
        swarm = of.id;
        make_client({url}, "", replica.grant);
    }
    ~RealMember() override { stop(); }

    void write(const std::string& path, std::uint64_t number) {
        replica.write(testing::file_entry(path, number));
        replica.seal();
        picture_.reset();
        client->catalog_changed();
    }

    protocol::PeerSignature sign(std::string_view purpose, ByteSpan statement) override {
        return replica.key.sign(purpose, statement).bytes;
    }
    Bytes catalog_vector() override {
        Bytes bytes;
        WireWriter out(bytes);
        catalog::write_vector(out, replica.replica().vector());
        return bytes;
    }
    std::vector<Bytes> catalog_for(TrackerNumber, ByteSpan their_vector, bool first,
                                   std::size_t bytes_max) override {
        if (first) {
            WireReader in(their_vector);
            sender = catalog::Sender();
            sender.learn(catalog::read_vector(in));
        }
        std::vector<Bytes> messages;
        const auto keep = [&](catalog::MessageKind, Bytes message) {
            messages.push_back(std::move(message));
        };
        CHECK(sender.send(replica.replica(), bytes_max, keep).ok());
        return messages;
    }
    Result<> catalog_from(TrackerNumber, const std::vector<Bytes>& messages) override {
        picture_.reset();
        for (const Bytes& message : messages) {
            const auto kind =
                message.front() == 1 ? catalog::MessageKind::header : catalog::MessageKind::entries;
            SWARM_CHECK(replica.take({kind, message}));
        }
        return done();
    }
    // Made anew only after a change: it is asked for at every turn.
    const std::vector<std::string>& picture() {
        if (!picture_) {
            picture_ = testing::picture_of(replica.replica());
        }
        return *picture_;
    }

    testing::Member replica;
    catalog::Sender sender;

private:
    std::optional<std::vector<std::string>> picture_;
};

// Returns: null when somebody else has the port.
std::unique_ptr<tracker::Tracker> tracker_at(const std::string& listen) {
    static const SystemClock clock;
    tracker::Settings settings;
    settings.listen = listen;
    auto started = tracker::Tracker::start_on(tracker::make_memory_storage(), settings, clock);
    if (!started.ok()) {
        REQUIRE(started.error().code == Code::busy);
        return nullptr;
    }
    return std::move(*started);
}

std::unique_ptr<tracker::Tracker> new_tracker() {
    auto tracker = tracker_at("127.0.0.1:0");
    REQUIRE(tracker);
    return tracker;
}

std::string url_of(const tracker::Tracker& tracker) {
    return "http://127.0.0.1:" + std::to_string(tracker.port());
}

bool both(RealMember& one, RealMember& other, const std::function<bool()>& seen,
          Duration bound = seconds(10)) {
    return one.until([&] { return other.until(seen, milliseconds(1)); }, bound);
}

// A tracker that comes back at its old place without its memory.
// Returns: false when somebody else took its port while it was gone; nothing is shown then.
bool lose_memory_and_refill() {
    auto tracker = new_tracker();
    const std::string listen = tracker->listening_on();
    const testing::Swarm swarm;
    RealMember alice(url_of(*tracker), swarm, 1);
    alice.write("a file", 1);
    protocol::AnnouncedContent held;
    held.content = {crypto::sha256(as_bytes("x")), 1};
    held.chunk_hashes = {held.content.root};
    alice.hold(held, false);
    alice.client->start();
    const std::string holders = "/api/files/" + held.content.root.hex() + "/peers";
    RealMember bob(url_of(*tracker), swarm, 2);
    const auto holder_known = [&] {
        std::string url = url_of(*tracker) + holders;
        bob.context.restart();
        const auto answer = async::run_here(
            bob.context, bob.http.request(http::Method::get, url, {}, "", seconds(5)));
        return answer.ok() && answer->body.find(alice.node.hex()) != std::string::npos;
    };
    REQUIRE(alice.until(holder_known));
    tracker.reset();
    tracker = tracker_at(listen);
    if (!tracker) {
        return false;
    }
    REQUIRE(alice.until(holder_known));
    bob.client->start();
    REQUIRE(both(alice, bob, [&] { return bob.picture() == alice.picture(); }));
    return true;
}

}  // namespace

TEST_CASE("two members that meet at a tracker alone know each other and end with one catalog") {
    const auto tracker = new_tracker();
    const testing::Swarm swarm;
    RealMember alice(url_of(*tracker), swarm, 1);
    RealMember bob(url_of(*tracker), swarm, 2);
    for (std::uint64_t i = 0; i < 30; ++i) {
        alice.write("of alice " + std::to_string(i), i);
        bob.write("of bob " + std::to_string(i), 100 + i);
    }
    alice.write("of both", 1000);
    bob.write("of both", 1001);
    alice.client->start();
    bob.client->start();
    REQUIRE(both(alice, bob,
                 [&] { return alice.picture().size() == 61 && alice.picture() == bob.picture(); }));
    REQUIRE(both(alice, bob, [&] { return alice.report().state == "online"; }));
    alice.client->hurry();
    bob.client->hurry();
    REQUIRE(both(alice, bob, [&] { return !alice.peers.empty() && !bob.peers.empty(); }));
    CHECK(alice.peers.front().peer == bob.node);
    CHECK(alice.peers.front().address == "127.0.0.1:6881");

    bob.write("later", 2000);
    const bool met = both(alice, bob, [&] { return alice.picture() == bob.picture(); });
    CAPTURE(alice.report().state);
    CAPTURE(alice.report().detail);
    CAPTURE(bob.report().state);
    CAPTURE(bob.report().detail);
    REQUIRE(met);
    CHECK(alice.picture().size() == 62);
}

TEST_CASE("a tracker that lost its memory is refilled with names and with who holds what") {
    int attempts = 1;
    while (!lose_memory_and_refill()) {
        REQUIRE(++attempts <= 10);
    }
}

TEST_CASE("an empty tracker is refilled by one member, and a newcomer finds all there alone") {
    constexpr std::uint64_t kPublications = 600;  // more than one exchange carries
    auto tracker = new_tracker();
    const testing::Swarm swarm;
    RealMember bob(url_of(*tracker), swarm, 2);
    {
        testing::Member alice(swarm, 1);  // who is gone when the tracker comes back
        for (std::uint64_t i = 0; i < kPublications; ++i) {
            alice.write(testing::file_entry("file " + std::to_string(i), i));
            alice.seal();
        }
        REQUIRE(bob.replica.pull_from(alice).ok());
    }
    const auto tracker_vector = [&] {
        std::string url = url_of(*tracker) + "/api/swarms/" + swarm.id.hex() + "/changes";
        bob.context.restart();
        const auto answer = async::run_here(
            bob.context, bob.http.request(http::Method::get, url, {}, "", seconds(5)));
        const auto changes = answer.ok() ? protocol::decode_changes_answer(answer->body)
                                         : Result<protocol::ChangesAnswer>(Error{});
        return changes.ok() ? changes->vector : Bytes();
    };
    bob.client->start();
    REQUIRE(bob.until([&] { return tracker_vector() == bob.catalog_vector(); }));
    bob.stop();
    RealMember carol(url_of(*tracker), swarm, 3);
    carol.client->start();
    REQUIRE(carol.until([&] { return carol.picture().size() == kPublications; }));
}

}  // namespace swarmfs::discovery::test
