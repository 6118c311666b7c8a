#include "engine/discovery/tracker_client.hpp"

#include <doctest/doctest.h>

#include "engine/discovery/tracker_session.hpp"
#include "tests/discovery/fake_member.hpp"

namespace swarmfs::discovery::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kRegister = "POST /api/peers/register";
constexpr const char* kHeartbeat = "POST /api/peers/heartbeat";
constexpr const char* kLeave = "DELETE /api/peers/{id}";
constexpr const char* kAnnounce = "POST /api/files/announce";
constexpr const char* kPeers = "GET /api/swarms/{id}/peers";
constexpr const char* kChanges = "POST /api/swarms/{id}/changes";

protocol::TrackerPeer peer_at(std::uint8_t byte, const std::string& address) {
    protocol::TrackerPeer peer;
    peer.peer.bytes.fill(byte);
    peer.address = address;
    peer.addresses = {address};
    peer.online = true;
    return peer;
}

// Answers `what` with `body`, whatever was asked.
FakeTracker::Misbehave always(const std::string& what, const std::string& body) {
    return [what, body](const FakeTracker::Seen& seen) -> std::optional<http::Response> {
        if (seen.what != what) {
            return std::nullopt;
        }
        return http::Response::json(body);
    };
}

}  // namespace

TEST_CASE("a member registers with its signature, its port, its addresses and its grant") {
    FakeTracker tracker;
    FakeMember member({tracker.url() + "/"}, "the key");
    CHECK(member.report().state == "connecting");
    member.client->start();
    REQUIRE(member.until([&] { return member.report().state == "online"; }));
    const auto registered = tracker.registered();
    REQUIRE(registered);
    CHECK(registered->peer == member.node);
    CHECK(registered->swarm == member.swarm);
    CHECK(registered->port == 6881);
    CHECK(registered->addresses == member.addresses);
    CHECK(registered->grant == Bytes{1, 2, 3});
    CHECK(member.report().seen_as == "192.0.2.7:6881");
    CHECK(member.report().detail.empty());
    for (const FakeTracker::Seen& seen : tracker.seen()) {
        CHECK(seen.api_key == "the key");
    }
}

TEST_CASE("it learns the swarm's peers, itself left out, and who told it over loopback") {
    FakeTracker tracker;
    tracker.put_peers({peer_at(7, "192.0.2.7:6881"), peer_at(8, "192.0.2.8:6881")});
    FakeMember member({tracker.url()});
    member.client->start();
    REQUIRE(member.until([&] { return !member.peers.empty(); }));
    CHECK(member.peers.size() == 1);
    CHECK(member.peers.front().address == "192.0.2.8:6881");
    CHECK(member.teller == transport::TellerPlace::on_loopback);
}

TEST_CASE("whoever waits for a peer has the tracker asked at once, but not without end") {
    FakeTracker tracker;
    FakeMember member({tracker.url()});
    member.client->start();
    REQUIRE(member.until([&] { return tracker.count(kPeers) == 1; }));
    for (int i = 0; i < 100; ++i) {
        member.client->hurry();
    }
    REQUIRE(member.until([&] { return tracker.count(kPeers) == 2; }));
    member.client->hurry();
    CHECK_FALSE(member.until([&] { return tracker.count(kPeers) > 2; }, milliseconds(300)));
}

TEST_CASE("catalogs meet in the middle, however many turns it takes") {
    FakeTracker tracker;
    Texts at_tracker;
    for (int i = 0; i < 50; ++i) {
        at_tracker.insert("tracker " + std::to_string(i));
    }
    tracker.put_catalog(at_tracker);
    tracker.put_page(7);
    FakeMember member({tracker.url()});
    for (int i = 0; i < 50; ++i) {
        member.catalog.insert("member " + std::to_string(i));
    }
    member.client->start();
    REQUIRE(member.until([&] { return member.catalog.size() == 100; }));
    REQUIRE(member.until([&] { return tracker.catalog().size() == 100; }));
}

TEST_CASE("a change here goes to the tracker at once, and many changes go together") {
    FakeTracker tracker;
    FakeMember member({tracker.url()});
    member.client->start();
    REQUIRE(member.until([&] { return member.report().state == "online"; }));
    const std::size_t before = tracker.count(kChanges);
    for (int i = 0; i < 200; ++i) {
        member.add("change " + std::to_string(i));
    }
    REQUIRE(member.until([&] { return tracker.catalog().size() == 200; }, seconds(1)));
    CHECK(tracker.count(kChanges) <= before + 4);
}

TEST_CASE("a change at the tracker is seen within seconds by a member nobody can dial") {
    FakeTracker tracker;
    FakeMember member({tracker.url()});
    member.client->start();
    REQUIRE(member.until([&] { return member.report().state == "online"; }));
    tracker.put_catalog({"from far away"});
    REQUIRE(member.until([&] { return member.catalog.contains("from far away"); }, seconds(4)));
}

TEST_CASE("contents held are announced in batches, new ones soon after they came") {
    FakeTracker tracker;
    FakeMember member({tracker.url()});
    for (std::uint32_t i = 0; i < 2500; ++i) {
        member.hold(content(i), false);
    }
    member.client->start();
    REQUIRE(member.until([&] { return tracker.announced().size() == 2500; }));
    CHECK(tracker.count(kAnnounce) <= 2500 / kAnnounceBatch + 2);
    member.hold(content(9000), true);
    REQUIRE(member.until([&] { return tracker.announced().size() == 2501; }, seconds(1)));
}

TEST_CASE("a new content is announced before the catalog names it") {
    FakeTracker tracker;
    FakeMember member({tracker.url()});
    member.client->start();
    REQUIRE(member.until([&] { return member.report().state == "online"; }));
    const std::size_t before = tracker.seen().size();
    member.add("an entry");
    member.hold(content(1), true);
    REQUIRE(member.until([&] { return tracker.catalog().size() == 1; }));
    CHECK(tracker.seen().at(before).what == kAnnounce);
}

TEST_CASE("a tracker restarted with nothing is told everything again") {
    auto tracker = std::make_unique<FakeTracker>();
    const std::uint16_t port = tracker->port();
    FakeMember member({tracker->url()});
    for (std::uint32_t i = 0; i < 20; ++i) {
        member.hold(content(i), false);
        member.catalog.insert("entry " + std::to_string(i));
    }
    const auto filled = [&] {
        return tracker->announced().size() == 20 && tracker->catalog().size() == 20;
    };
    member.client->start();
    REQUIRE(member.until(filled));
    tracker.reset();
    tracker = std::make_unique<FakeTracker>(port);
    REQUIRE(member.until(filled));
    CHECK(tracker->registered());
    REQUIRE(member.until([&] { return member.report().state == "online"; }));
}

TEST_CASE("a tracker that forgets its peers over and over is not asked over and over") {
    FakeTracker tracker;
    tracker.misbehave([](const FakeTracker::Seen& seen) -> std::optional<http::Response> {
        if (seen.what == kRegister) {
            return std::nullopt;
        }
        return refusal(404, "unknown_peer", "never heard of you");
    });
    FakeMember member({tracker.url()});
    member.catalog.insert("entry");
    member.client->start();
    REQUIRE(member.until([&] { return member.report().state == "unreachable"; }));
    CHECK_FALSE(member.until([&] { return tracker.seen().size() > 8; }, milliseconds(700)));
}

TEST_CASE("a tracker that cannot be reached is reported so, and found when it comes") {
    std::uint16_t port = 0;
    {
        FakeTracker gone;
        port = gone.port();
    }
    FakeMember member({"http://127.0.0.1:" + std::to_string(port)});
    member.client->start();
    REQUIRE(member.until([&] { return member.report().state == "unreachable"; }));
    CHECK(member.report().detail.find("127.0.0.1") != std::string::npos);
    FakeTracker tracker(port);
    REQUIRE(member.until([&] { return member.report().state == "online"; }));
    CHECK(member.report().detail.empty());
}

TEST_CASE("a tracker that fails is asked less and less often") {
    FakeTracker tracker;
    tracker.misbehave(
        [](const FakeTracker::Seen&) { return refusal(503, "busy", "come back later"); });
    FakeMember member({tracker.url()});
    member.client->start();
    REQUIRE(member.until([&] { return member.report().state == "unreachable"; }));
    CHECK(member.report().detail.find("come back later") != std::string::npos);
    CHECK_FALSE(member.until([&] { return tracker.seen().size() > 3; }, milliseconds(2500)));
}

TEST_CASE("a tracker that asks for patience gets it, whoever is in a hurry") {
    FakeTracker tracker;
    tracker.misbehave([](const FakeTracker::Seen&) {
        http::Response response = refusal(429, "too_many", "slow down");
        response.headers.emplace_back("Retry-After", "60");
        return response;
    });
    FakeMember member({tracker.url()});
    member.client->start();
    REQUIRE(member.until([&] { return member.report().state == "unreachable"; }));
    CHECK(member.report().detail.find("slow down") != std::string::npos);
    member.client->hurry();
    CHECK_FALSE(member.until([&] { return tracker.seen().size() > 1; }, milliseconds(1500)));
}

TEST_CASE("a slow tracker delays no other") {
    FakeTracker slow;
    slow.never_answer(kRegister);
    FakeTracker quick;
    quick.put_catalog({"entry"});
    FakeMember member({slow.url(), quick.url()});
    member.client->start();
    REQUIRE(member.until([&] { return slow.count(kRegister) == 1; }));
    REQUIRE(member.until([&] { return member.catalog.contains("entry"); }, seconds(2)));
    CHECK(member.report(0).state == "connecting");
    CHECK(member.report(1).state == "online");
}

TEST_CASE("garbage, giants and forgeries are a failure of the tracker and of nothing else") {
    struct Bad {
        const char* what;
        std::string body;
    };
    std::string nested(100'000, '[');
    protocol::ChangesAnswer forged;
    forged.messages = {to_bytes(as_bytes("forged entry"))};
    const std::vector<Bad> bads = {
        {kRegister, ""},
        {kRegister, "<html>not a tracker</html>"},
        {kRegister, "{\"token\":\"00\"}"},
        {kRegister, nested},
        {kPeers, nested},
        {kPeers, "{}"},
        {kPeers, "[" + std::string(17 * 1024 * 1024, ' ') + "]"},
        {kChanges, "{\"vector\":\"!\",\"messages\":[]}"},
        {kChanges, "{\"vector\":\"" + std::string(10 * 1024 * 1024, 'A') + "\"}"},
        {kChanges, protocol::encode(forged)},
    };
    for (const Bad& bad : bads) {
        CAPTURE(bad.what);
        CAPTURE(bad.body.substr(0, 60));
        FakeTracker tracker;
        tracker.misbehave(always(bad.what, bad.body));
        FakeMember member({tracker.url()});
        member.client->start();
        REQUIRE(member.until([&] { return member.report().state == "unreachable"; }));
        CHECK_FALSE(member.report().detail.empty());
        CHECK(member.catalog.empty());
        tracker.misbehave({});
        member.client->hurry();
        REQUIRE(member.until([&] { return member.report().state == "online"; }));
    }
}

TEST_CASE("a tracker that promises more without end does not keep a member busy") {
    FakeTracker tracker;
    protocol::ChangesAnswer endless;
    endless.cursor = "more";
    tracker.misbehave(always(kChanges, protocol::encode(endless)));
    FakeMember member({tracker.url()});
    member.client->start();
    REQUIRE(member.until([&] { return member.report().state == "unreachable"; }));
    const std::size_t before = tracker.count(kChanges);
    CHECK(before <= 32);
    CHECK_FALSE(member.until([&] { return tracker.count(kChanges) > before; }, milliseconds(300)));
}

TEST_CASE("contents a tracker refuses do not keep the catalog from it") {
    FakeTracker tracker;
    tracker.misbehave([](const FakeTracker::Seen& seen) -> std::optional<http::Response> {
        if (seen.what != kAnnounce) {
            return std::nullopt;
        }
        return refusal(507, "tracker_full", "no room for more contents");
    });
    FakeMember member({tracker.url()});
    member.hold(content(1), false);
    member.add("entry");
    member.client->start();
    REQUIRE(member.until([&] { return tracker.catalog().contains("entry"); }));
    REQUIRE(member.until([&] { return member.report().state == "online"; }));
}

TEST_CASE("a tracker that is named twice is spoken to once") {
    FakeTracker tracker;
    FakeMember member({tracker.url(), tracker.url() + "/", tracker.url()});
    CHECK(member.client->report().size() == 1);
    member.client->start();
    REQUIRE(member.until([&] { return member.report().state == "online"; }));
    CHECK(tracker.count(kRegister) == 1);
}

TEST_CASE("a report says when a tracker last answered") {
    FakeTracker tracker;
    FakeMember member({tracker.url()});
    const std::uint64_t before = member.clock.wall_ms();
    CHECK(member.report().last_ok_ms == 0);
    member.client->start();
    REQUIRE(member.until([&] { return member.report().state == "online"; }));
    CHECK(member.report().last_ok_ms >= before);
}

TEST_CASE("the wait after a failure doubles up to five minutes, a quarter more or less") {
    SeededDice dice(3);
    for (unsigned failures = 0; failures < 40; ++failures) {
        const Duration plain = std::min<Duration>(
            kTrackerRetryFirst * (1 << std::min(failures, 16U)), kTrackerRetryMax);
        for (int i = 0; i < 50; ++i) {
            const Duration wait = tracker_retry_after(failures, dice);
            CHECK(wait >= plain * 3 / 4);
            CHECK(wait <= plain * 5 / 4);
        }
    }
}

TEST_CASE("whoever stops leaves with a signature") {
    FakeTracker tracker;
    FakeMember member({tracker.url()});
    member.client->start();
    REQUIRE(member.until([&] { return member.report().state == "online"; }));
    member.stop();
    CHECK(tracker.count(kLeave) == 1);
    CHECK_FALSE(tracker.registered());
}

TEST_CASE("leaving takes no longer than it may, and a tracker that hears is told all the same") {
    FakeTracker deaf;
    deaf.never_answer(kLeave);
    FakeTracker deaf_too;
    deaf_too.never_answer(kLeave);
    FakeTracker quick;
    FakeMember member({deaf.url(), deaf_too.url(), quick.url()});
    member.client->start();
    REQUIRE(member.until([&] {
        return member.report(0).state == "online" && member.report(1).state == "online" &&
               member.report(2).state == "online";
    }));
    const TimePoint before = member.clock.now();
    member.stop(milliseconds(500));
    CHECK(member.clock.now() - before < seconds(2));
    CHECK(quick.count(kLeave) == 1);
}

TEST_CASE("a client stops at any time, even before it began") {
    FakeTracker tracker;
    tracker.never_answer(kRegister);
    { FakeMember idle({tracker.url()}); }
    {
        FakeMember started({tracker.url()});
        started.client->start();
    }
    FakeMember waiting({tracker.url(), "http://127.0.0.1:1", "not a url"});
    waiting.client->start();
    REQUIRE(waiting.until([&] { return tracker.count(kRegister) == 1; }));
    CHECK(waiting.until([&] { return waiting.report(2).state == "unreachable"; }));
}

TEST_CASE("no tracker is no trouble") {
    FakeMember member(std::vector<std::string>{});
    member.client->start();
    member.client->hurry();
    member.add("entry");
    member.stop();
}

}  // namespace swarmfs::discovery::test
