// Limits and pauses of running nodes, as the control methods set and show them.

#include <future>

#include <doctest/doctest.h>

#include "tests/node/members.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using test::join_all;
using test::put;
using test::TestNode;

constexpr std::uint64_t kMiB = 1 << 20;

json swarm_of(TestNode& node) {
    return node.ask("status", json::object()).at("swarms").at(0);
}

std::string some_bytes(std::size_t size, unsigned seed) {
    std::string text(size, '\0');
    for (char& c : text) {
        seed = seed * 1'664'525 + 1'013'904'223;
        c = static_cast<char>(seed >> 24);
    }
    return text;
}

// Alice shares `big`, and Bob knows its name.
struct Pair {
    TestNode alice;
    TestNode bob;
    const std::string bytes = some_bytes(4 << 20, 7);

    Pair() {
        join_all(alice, {&bob});
        put(alice.folder("shared") / "big", bytes);
        put(alice.folder("shared") / "tiny", "tiny");
        alice.ask("share", {{"paths", {alice.folder("shared").string()}}, {"once", true}});
        REQUIRE(bob.eventually([&] { return bob.call("list", {{"path", "shared/big"}}).ok(); }));
    }
    std::future<Result<json>> download(const std::string& path, const std::string& out) {
        return std::async(std::launch::async, [this, path, out] {
            return bob.call("download", {{"path", path}, {"out", bob.folder(out).string()}});
        });
    }
    bool waits() {
        return bob.eventually([&] {
            const json transfers = swarm_of(bob).at("transfers");
            return transfers.size() == 1 && transfers[0].at("paused") == true;
        });
    }
    std::uint64_t received() { return swarm_of(bob).at("received_bytes").get<std::uint64_t>(); }
};

}  // namespace

TEST_CASE("limits are set for the node, a swarm and a peer, shown, and kept across a restart") {
    TestNode node;
    node.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    const std::string peer(64, 'a');
    CHECK(node.ask("limit", json::object()).at("limits").size() == 1);
    node.ask("limit", {{"up", "500k"}, {"down", "2M"}});
    node.ask("limit", {{"name", "team"}, {"down", "1M"}, {"schedule", {"up=3M", "sat down=none"}}});
    node.ask("limit", {{"name", "team"}, {"peer", peer}, {"up", "64k"}});
    for (const bool restarted : {false, true}) {
        if (restarted) {
            node.stop();
            node.start();
        }
        const json limits = node.ask("limit", json::object()).at("limits");
        REQUIRE(limits.size() == 3);
        CHECK(limits[0].at("name").is_null());
        CHECK(limits[0].at("up") == 500 * 1024);
        CHECK(limits[0].at("now_down") == 2 * kMiB);
        CHECK(limits[1].at("name") == "team");
        CHECK(limits[1].at("up").is_null());
        CHECK(limits[1].at("now_up") == 3 * kMiB);
        CHECK(limits[1].at("schedule") == json({"up=3M", "sat down=none"}));
        CHECK(limits[2].at("peer") == peer);
        CHECK(limits[2].at("up") == 64 * 1024);
        CHECK(node.ask("status", json::object()).at("limits") == limits);
    }
    // The beginning of an id will do where it is known; and what is taken back is gone.
    node.ask("limit", {{"name", "team"}, {"peer", "aaaaaaaa"}, {"up", "none"}});
    node.ask("limit", {{"name", "team"}, {"down", "none"}, {"schedule", {"none"}}});
    node.ask("limit", {{"up", "none"}, {"down", "none"}});
    CHECK(node.ask("limit", json::object()).at("limits").size() == 1);
}

TEST_CASE("a limit that cannot be meant changes nothing and says why") {
    TestNode node;
    node.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    for (const json& wrong :
         {json{{"up", "fast"}}, json{{"down", "0"}}, json{{"schedule", {"mon-fri"}}},
          json{{"name", "other"}, {"up", "1M"}},
          json{{"name", "team"}, {"peer", "abc"}, {"up", "1M"}},
          json{{"up", "1M"}, {"down", "sideways"}}}) {
        INFO(wrong.dump());
        CHECK_FALSE(node.call("limit", wrong).ok());
    }
    const json limits = node.ask("limit", json::object()).at("limits");
    REQUIRE(limits.size() == 1);
    CHECK(limits[0].at("up").is_null());
}

TEST_CASE("limits and pauses go with a swarm that is left") {
    TestNode node;
    node.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    node.ask("limit", {{"name", "team"}, {"up", "1M"}});
    node.ask("pause", {{"name", "team"}});
    node.ask("leave", {{"name", "team"}});
    CHECK(node.ask("limit", json::object()).at("limits").size() == 1);
    node.stop();
    node.start();
    CHECK(node.ask("limit", json::object()).at("limits").size() == 1);
}

TEST_CASE("a paused swarm neither fetches nor serves, across restarts; its catalog goes on") {
    Pair pair;
    for (TestNode* const paused : {&pair.alice, &pair.bob}) {
        paused->ask("pause", json::object());
        CHECK(swarm_of(*paused).at("paused").at("swarm") == true);
        paused->stop();
        paused->start();
        CHECK(swarm_of(*paused).at("paused").at("swarm") == true);
        const std::string name = paused == &pair.alice ? "one" : "other";
        pair.alice.write(name, "the text of " + name);
        CHECK(pair.bob.eventually([&] { return pair.bob.call("list", {{"path", name}}).ok(); }));
        const auto read = pair.bob.read(name, std::chrono::milliseconds(500));
        REQUIRE_FALSE(read.ok());
        CHECK(read.error().code == (paused == &pair.bob ? Code::busy : Code::timed_out));
        paused->ask("resume", json::object());
        CHECK(swarm_of(*paused).at("paused").at("swarm") == false);
        CHECK(pair.bob.read(name).ok());
    }
}

TEST_CASE("a paused file is not fetched until it is resumed, while others are") {
    Pair pair;
    pair.bob.ask("pause", {{"path", "/shared/big"}});
    pair.bob.stop();
    pair.bob.start();
    CHECK(swarm_of(pair.bob).at("paused").at("paths") == json({"shared/big"}));
    auto all = pair.download("shared", "out");
    REQUIRE(pair.waits());
    CHECK(std::filesystem::exists(pair.bob.folder("out") / "tiny"));
    CHECK_FALSE(std::filesystem::exists(pair.bob.folder("out") / "big"));
    CHECK(pair.received() < 100);
    pair.bob.ask("resume", {{"path", "shared/big"}});
    const auto ended = all.get();
    REQUIRE(ended.ok());
    CHECK(ended->at("files") == 2);
    CHECK(ended->at("fetched_bytes") == pair.bytes.size() + 4);
    CHECK(std::filesystem::file_size(pair.bob.folder("out") / "big") == pair.bytes.size());
}

TEST_CASE("a paused file is read by whoever wants it now") {
    Pair pair;
    pair.alice.write("plain", "what is read");
    REQUIRE(pair.bob.eventually([&] { return pair.bob.call("list", {{"path", "plain"}}).ok(); }));
    pair.bob.ask("pause", {{"path", "plain"}});
    const auto read = pair.bob.read("plain");
    REQUIRE(read.ok());
    CHECK(*read == "what is read");
}

TEST_CASE(
    "a path below a paused one is resumed with that one, and what is not there is not paused") {
    Pair pair;
    CHECK_FALSE(pair.bob.call("pause", {{"path", "shared/none"}}).ok());
    pair.bob.ask("pause", {{"path", "shared"}});
    const auto below = pair.bob.call("resume", {{"path", "shared/big"}});
    REQUIRE_FALSE(below.ok());
    CHECK(below.error().message.find("resume") != std::string::npos);
    pair.bob.ask("resume", {{"path", "shared"}});
    CHECK(pair.bob.call("resume", {{"path", "shared/big"}}).ok());
}

TEST_CASE("a paused download waits with what it has, and others go on") {
    Pair pair;
    const std::string out = pair.bob.folder("copy").string();
    CHECK_FALSE(pair.bob.call("pause", {{"transfer", out}}).ok());  // none runs
    pair.bob.ask("limit", {{"down", "1M"}});
    auto running = pair.download("shared/big", "copy");
    REQUIRE(pair.bob.eventually([&] { return pair.received() > kMiB / 2; }));
    pair.bob.ask("pause", {{"transfer", out}});
    REQUIRE(pair.waits());
    pair.bob.ask("limit", {{"down", "none"}});
    const std::uint64_t before = pair.received();
    // Another download of the same file is another transfer.
    REQUIRE(pair.download("shared/tiny", "tiny").get().ok());
    CHECK(pair.received() < before + kMiB);
    CHECK_FALSE(std::filesystem::exists(out));

    CHECK(swarm_of(pair.bob).at("paused").at("transfers") == json({out}));
    pair.bob.ask("resume", {{"transfer", out}});
    const auto ended = running.get();
    REQUIRE(ended.ok());
    // What had come before was not fetched again.
    CHECK(ended->at("fetched_bytes") == pair.bytes.size());
    CHECK(pair.received() < pair.bytes.size() + kMiB / 2);
    CHECK(std::filesystem::file_size(out) == pair.bytes.size());
}

}  // namespace swarmfs::node
