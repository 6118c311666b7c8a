// Joining and leaving while other things go on, and what goes with a swarm that is left.
#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "engine/node/workers.hpp"
#include "tests/node/members.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using test::put;
using test::TestNode;

std::uint64_t contents_of(TestNode& node) {
    return node.ask("status", json::object()).at("store").at("contents").get<std::uint64_t>();
}

void share(TestNode& node, const std::string& swarm, const std::filesystem::path& path) {
    node.ask("share", {{"name", swarm}, {"paths", {path.string()}}, {"once", true}});
}

}  // namespace

TEST_CASE("leaving takes along what only that swarm names, and nothing else") {
    TestNode node;
    for (const char* name : {"one", "other"}) {
        node.ask("create", {{"name", name}, {"trackers", json::array()}});
    }
    const auto folder = node.folder("shared");
    put(folder / "of both", std::string(100'000, 'b'));
    share(node, "one", folder / "of both");
    share(node, "other", folder / "of both");
    put(folder / "large", std::string(100'000, 'l'));
    put(folder / "small", "small");
    share(node, "one", folder / "large");
    share(node, "one", folder / "small");
    REQUIRE(contents_of(node) == 3);
    node.ask("leave", {{"name", "one"}, {"now", true}});
    CHECK(contents_of(node) == 1);
    CHECK(node.volume("other")->lookup(kRootInode, "of both").ok());
    // Shared folders are left alone.
    CHECK(std::filesystem::file_size(folder / "large") == 100'000);
    node.stop();
    node.start();
    CHECK(contents_of(node) == 1);
    CHECK(node.ask("status", json::object()).at("swarms").size() == 1);
}

TEST_CASE("of two that join with one invite at once, one becomes the member") {
    TestNode alice;
    alice.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    const json invite = alice.ask("invite", {{"name", "team"}, {"role", "write"}});
    TestNode bob;
    int joined = 0;
    int refused = 0;
    std::mutex mutex;
    const auto join = [&] {
        const auto answer = bob.call("join", {{"invite", invite.at("invite")}});
        const std::lock_guard lock(mutex);
        joined += answer.ok() ? 1 : 0;
        refused += !answer.ok() && answer.error().code == Code::exists ? 1 : 0;
    };
    std::thread first(join);
    std::thread second(join);
    first.join();
    second.join();
    CHECK(joined == 1);
    CHECK(refused == 1);
}

TEST_CASE("a folder that is being shared does not hold up leaving, nor outlive it") {
    TestNode node;
    node.ask("create", {{"name", "team"}, {"trackers", json::array()}});
    for (int i = 0; i < 3'000; ++i) {
        put(node.folder("many") / std::to_string(i), std::to_string(i));
    }
    std::optional<Result<json>> shared;
    std::thread sharing([&] {
        shared = node.call("share", {{"name", "team"}, {"paths", {node.folder("many").string()}}});
    });
    node.ask("leave", {{"name", "team"}, {"now", true}});
    sharing.join();
    REQUIRE(shared);
    if (!shared->ok()) {
        const Code code = shared->error().code;
        CHECK_MESSAGE((code == Code::cancelled || code == Code::not_found),
                      shared->error().message);
    }
    CHECK(node.ask("status", json::object()).at("swarms").empty());
    CHECK(contents_of(node) == 0);
}

TEST_CASE("a group of jobs waits for its own jobs only") {
    Workers workers;
    JobGroup patient(workers);
    JobGroup quick(workers);
    std::promise<void> go;
    std::shared_future<void> gone = go.get_future().share();
    std::atomic<int> done = 0;
    patient.post(Lane::small, [gone, &done] {
        gone.wait();
        ++done;
    });
    quick.post(Lane::small, [&done] { ++done; });
    quick.drain();
    CHECK(done == 1);
    go.set_value();
    patient.drain();
    CHECK(done == 2);
}

}  // namespace swarmfs::node
