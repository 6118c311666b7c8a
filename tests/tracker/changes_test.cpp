#include <doctest/doctest.h>

#include <set>
#include <thread>

#include "tests/support/temporary_directory.hpp"
#include "tests/tracker/running_tracker.hpp"

using namespace swarmfs;
using namespace swarmfs::catalog;
using namespace swarmfs::catalog::testing;
using http::Method;
using test::RunningTracker;
using test::Visitor;

namespace {

Bytes vector_bytes(const VersionVector& vector) {
    Bytes bytes;
    WireWriter out(bytes);
    write_vector(out, vector);
    return bytes;
}

VersionVector vector_from(const Bytes& bytes) {
    WireReader in(bytes);
    return read_vector(in);
}

protocol::ChangesAnswer exchange(Visitor& visitor, const SwarmId& swarm,
                                 const protocol::ChangesRequest& request) {
    const auto answer =
        visitor.caller.send(Method::post, visitor.base + "/api/swarms/" + swarm.hex() + "/changes",
                            protocol::encode(request));
    if (!answer.ok()) {
        FAIL(answer.error().message);
    }
    REQUIRE(answer->status == 200);
    auto decoded = protocol::decode_changes_answer(answer->body);
    REQUIRE(decoded.ok());
    return std::move(*decoded);
}

// As a member does it: push what the tracker lacks, take what it has, until both have all.
void sync(Visitor& visitor, Member& member) {
    protocol::ChangesRequest request;
    for (int turn = 0; turn < 100; ++turn) {
        request.vector = vector_bytes(member.replica().vector());
        const protocol::ChangesAnswer answer = exchange(visitor, member.id, request);
        CHECK(answer.refused.empty());
        for (const Bytes& message : answer.messages) {
            const MessageKind kind =
                message.front() == 1 ? MessageKind::header : MessageKind::entries;
            REQUIRE(member.take({kind, message}).ok());
        }
        request.messages.clear();
        request.cursor = answer.cursor;
        if (turn == 0) {
            for (auto& [kind, bytes] : member.messages_for(vector_from(answer.vector))) {
                request.messages.push_back(std::move(bytes));
            }
        }
        if (request.messages.empty() && request.cursor.empty()) {
            return;
        }
    }
    FAIL("the tracker and a member never come to an end");
}

void write_files(Member& member, const std::string& prefix, std::uint64_t count) {
    for (std::uint64_t n = 0; n < count; ++n) {
        member.write(file_entry(prefix + std::to_string(n), n));
    }
    member.seal();
}

}  // namespace

TEST_CASE("members that never meet end equal through the tracker") {
    RunningTracker running;
    Visitor visitor(running.url());
    const Swarm swarm;
    Member alice(swarm, 1);
    Member bob(swarm, 2);
    write_files(alice, "from alice ", 20);
    write_files(bob, "from bob ", 20);
    write_files(bob, "from alice ", 3);  // conflicts
    sync(visitor, alice);
    sync(visitor, bob);
    sync(visitor, alice);
    CHECK(picture_of(alice.replica()).size() >= 40);
    CHECK(picture_of(alice.replica()) == picture_of(bob.replica()));
}

TEST_CASE("a large publication travels in pieces, also when its cursor is lost") {
    RunningTracker running;
    Visitor visitor(running.url());
    const Swarm swarm;
    Member alice(swarm, 1);
    write_files(alice, std::string(200, 'x'), 5000);
    const auto all = alice.messages_for({});
    // Pushed in pieces of 10 messages.
    for (std::size_t begin = 0; begin < all.size(); begin += 10) {
        protocol::ChangesRequest request;
        request.vector = vector_bytes(alice.replica().vector());
        for (std::size_t i = begin; i < std::min(begin + 10, all.size()); ++i) {
            request.messages.push_back(all[i].second);
        }
        const auto answer = exchange(visitor, swarm.id, request);
        CHECK(answer.refused.empty());
        const bool last = begin + 10 >= all.size();
        CHECK(vector_from(answer.vector).empty() == !last);
    }
    Member bob(swarm, 2);
    protocol::ChangesRequest request;
    request.vector = vector_bytes(bob.replica().vector());
    const auto first = exchange(visitor, swarm.id, request);
    CHECK(!first.cursor.empty());
    request.cursor = "0123456789abcdef0123456789abcdef";  // of nobody
    const auto again = exchange(visitor, swarm.id, request);
    CHECK(again.messages == first.messages);
    sync(visitor, bob);
    CHECK(picture_of(alice.replica()) == picture_of(bob.replica()));
}

TEST_CASE("a tracker cannot be made to believe what does not verify") {
    RunningTracker running;
    Visitor visitor(running.url());
    const Swarm swarm;
    Member alice(swarm, 1);
    write_files(alice, "a", 3);
    protocol::ChangesRequest request;
    request.vector = vector_bytes({});
    for (auto& [kind, bytes] : alice.messages_for({})) {
        Bytes damaged = bytes;
        damaged[damaged.size() / 2] ^= 1;
        request.messages.push_back(damaged);
        request.messages.push_back(bytes);
    }
    request.messages.push_back({9, 9, 9});
    const auto answer = exchange(visitor, swarm.id, request);
    CHECK(answer.refused.size() == 3);
    CHECK(answer.refused.front().index == 0);
    CHECK(!answer.refused.front().detail.empty());
    CHECK(vector_from(answer.vector) == alice.replica().vector());
    // Of another swarm.
    const Swarm other{test_key(77), SwarmId{test_key(77).public_key().bytes}};
    CHECK(exchange(visitor, other.id, request).refused.size() == request.messages.size());
}

TEST_CASE("a tracker keeps nothing of a member who may only read, and says why") {
    RunningTracker running;
    Visitor visitor(running.url());
    const Swarm swarm;
    const Member reader(swarm, 3, Role::read);
    Member forger(swarm, 3);  // the same key, with a program that signs all the same
    forger.write(file_entry("forged", 1));
    forger.seal();
    const auto sound = forger.messages_for({});
    Header header = decode_header(sound[0].second)->header;
    header.grant = reader.grant;
    EntriesMessage entries = *decode_entries(sound[1].second);
    const Bytes forged = *sign_header(header, forger.key);
    entries.header_hash = decode_header(forged)->hash;
    protocol::ChangesRequest request;
    request.vector = vector_bytes({});
    request.messages = {forged, encode_entries(entries)};
    const auto answer = exchange(visitor, swarm.id, request);
    REQUIRE(answer.refused.size() == 2);
    CHECK(answer.refused[0].detail.find("only read") != std::string::npos);
    CHECK(vector_from(answer.vector).empty());
    CHECK(answer.messages.empty());
}

TEST_CASE("who pushes a publication that breaks a rule at its turn is told") {
    RunningTracker running;
    Visitor visitor(running.url());
    const Swarm swarm;
    Member forger(swarm, 3);
    forger.write(file_entry("first", 1));
    forger.seal();
    forger.write(file_entry("second", 1));
    forger.seal();
    const auto sound = forger.messages_for({});
    Header header = decode_header(sound[2].second)->header;
    header.previous = any_root(5);
    const Bytes broken = *sign_header(header, forger.key);
    EntriesMessage entries = *decode_entries(sound[3].second);
    entries.header_hash = decode_header(broken)->hash;
    protocol::ChangesRequest request;
    request.vector = vector_bytes(forger.replica().vector());
    request.messages = {sound[0].second, sound[1].second, broken, encode_entries(entries)};
    const auto answer = exchange(visitor, swarm.id, request);
    REQUIRE(answer.refused.size() == 1);
    CHECK(answer.refused[0].index == 2);
    CHECK(answer.refused[0].detail.find("chain") != std::string::npos);
    CHECK(vector_from(answer.vector).of(forger.author()) == 1);
}

TEST_CASE("files of the catalog are listed under their signed names, before anyone announces") {
    RunningTracker running;
    Visitor visitor(running.url());
    const Swarm swarm;
    Member alice(swarm, 1);
    alice.write(file_entry("docs/readme", 1));
    alice.write(file_entry("docs/copy of readme", 1));
    alice.write(directory_entry("music"));
    alice.seal();
    sync(visitor, alice);
    auto files = visitor.get("/api/files").body["files"];
    REQUIRE(files.size() == 1);
    CHECK(files[0]["file_hash"] == any_root(1).hex());
    CHECK(files[0]["swarm"] == swarm.id.hex());
    CHECK(files[0]["seeders"] == 0);
    const std::string path = "/api/files/" + any_root(1).hex();
    CHECK(visitor.get(path).status == 200);
    CHECK(visitor.get(path + "/peers").body.empty());

    test::Registrant holder(5, swarm.id);
    holder.enter(visitor);
    CHECK(visitor
              .post("/api/files/announce",
                    {{"file_hash", any_root(1).hex()}, {"name", "a lie"}, {"size", 1001}},
                    holder.shown())
              .status == 200);
    const auto described = visitor.get(path).body;
    CHECK(described["seeders"] == 1);
    CHECK(described["name"].get<std::string>().find("readme") != std::string::npos);

    // One path is deleted, then rewritten with another content; the index follows.
    alice.write(deleted_entry("docs/readme"));
    alice.seal();
    sync(visitor, alice);
    CHECK(visitor.get(path).body["name"] == "docs/copy of readme");
    alice.write(file_entry("docs/copy of readme", 2));
    alice.seal();
    sync(visitor, alice);
    CHECK(visitor.get(path).body["name"] == "a lie");
    CHECK(visitor.get("/api/files/" + any_root(2).hex()).body["name"] == "docs/copy of readme");
    CHECK(
        visitor
            .send(Method::delete_, "/api/peers/" + holder.id(), protocol::encode(holder.leaving()))
            .status == 204);
    CHECK(visitor.get(path).status == 404);
}

TEST_CASE("pages of files merge catalog and announces without gap or repetition") {
    RunningTracker running;
    Visitor visitor(running.url());
    const Swarm swarm;
    Member alice(swarm, 1);
    test::Registrant holder(5, swarm.id);
    holder.enter(visitor);
    std::set<std::string> expected;
    nlohmann::json announced = nlohmann::json::array();
    for (std::uint64_t n = 0; n < 60; ++n) {
        expected.insert(any_root(n).hex());
        if (n % 3 != 0) {
            alice.write(file_entry("file " + std::to_string(n), n));
        }
        if (n % 3 != 1) {
            announced.push_back(
                {{"file_hash", any_root(n).hex()}, {"name", "announced"}, {"size", 1000 + n}});
        }
    }
    alice.seal();
    sync(visitor, alice);
    CHECK(visitor.post("/api/files/announce", announced, holder.shown()).status == 200);
    for (const int limit : {1, 7, 60, 1000}) {
        std::vector<std::string> listed;
        std::string cursor;
        do {
            const auto page = visitor.get("/api/files?limit=" + std::to_string(limit) +
                                          (cursor.empty() ? "" : "&cursor=" + cursor));
            CHECK(page.body["files"].size() <= static_cast<std::size_t>(limit));
            for (const auto& file : page.body["files"]) {
                listed.push_back(file["file_hash"]);
            }
            cursor = page.body.value("next", "");
        } while (!cursor.empty());
        CHECK(listed == std::vector<std::string>(expected.begin(), expected.end()));
    }
}

TEST_CASE(
    "what changes acknowledged survives a restart; a tracker that lost its disk is refilled") {
    const test::TemporaryDirectory folder;
    const Swarm swarm;
    Member alice(swarm, 1);
    write_files(alice, "kept ", 30);
    {
        RunningTracker running(folder.file("data"));
        Visitor visitor(running.url());
        sync(visitor, alice);
        running.restart();
        Member bob(swarm, 2);
        Visitor again(running.url());
        sync(again, bob);
        CHECK(picture_of(bob.replica()) == picture_of(alice.replica()));
        CHECK(again.get("/api/files?limit=1000").body["files"].size() == 30);
    }
    RunningTracker empty(folder.file("other"));
    Visitor visitor(empty.url());
    sync(visitor, alice);
    Member carol(swarm, 3);
    sync(visitor, carol);
    CHECK(picture_of(carol.replica()) == picture_of(alice.replica()));
}

TEST_CASE("a member hears by its heartbeat that the catalog has moved") {
    RunningTracker running;
    Visitor visitor(running.url());
    const Swarm swarm;
    test::Registrant bob(5, swarm.id);
    bob.enter(visitor);
    const auto moves = [&] {
        return visitor.post("/api/peers/heartbeat", {{"peer_id", bob.id()}, {"token", bob.token}})
            .body["changes"]
            .get<std::uint64_t>();
    };
    const std::uint64_t before = moves();
    CHECK(moves() == before);
    Member alice(swarm, 1);
    write_files(alice, "new ", 1);
    sync(visitor, alice);
    CHECK(moves() != before);
}

TEST_CASE("many members push at once, and every one is answered after its own commit") {
    const test::TemporaryDirectory folder;
    RunningTracker running(folder.file("data"));
    const Swarm swarm;
    constexpr std::uint64_t kMembers = 12;
    std::vector<std::unique_ptr<Member>> members;
    for (std::uint64_t n = 0; n < kMembers; ++n) {
        members.push_back(std::make_unique<Member>(swarm, 10 + n));
        write_files(*members.back(), std::to_string(n) + " ", 10);
    }
    std::vector<std::thread> threads;
    for (const auto& member : members) {
        threads.emplace_back([&running, &member] {
            Visitor visitor(running.url());
            protocol::ChangesRequest request;
            request.vector = vector_bytes(member->replica().vector());
            for (auto& [kind, bytes] : member->messages_for({})) {
                request.messages.push_back(std::move(bytes));
            }
            const auto answer = exchange(visitor, member->id, request);
            CHECK(vector_from(answer.vector).covers(member->replica().vector()));
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    Visitor visitor(running.url());
    Member last(swarm, 99);
    sync(visitor, last);
    CHECK(last.replica().vector().size() == kMembers);
}
