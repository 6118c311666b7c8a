#include "engine/catalog/sender.hpp"

#include <doctest/doctest.h>

#include "tests/catalog/members.hpp"

namespace swarmfs::catalog {
using namespace testing;

namespace {

struct Line {
    Swarm swarm;
    Member alice{swarm, 1};
    Member bob{swarm, 2};
    Sender sender;
    std::vector<Message> sent;

    bool send(std::size_t bytes_max) {
        auto done = sender.send(
            ReplicaReader(alice.rows), bytes_max,
            [&](MessageKind kind, Bytes bytes) { sent.emplace_back(kind, std::move(bytes)); });
        REQUIRE(done.ok());
        return *done;
    }
    void deliver() {
        for (const Message& message : std::exchange(sent, {})) {
            REQUIRE(bob.take(message).ok());
        }
    }
};

}  // namespace

TEST_CASE("a publication is sent in pieces of about the size asked for, whatever arrives between") {
    Line line;
    for (std::uint64_t i = 0; i < 2000; ++i) {
        line.alice.write(file_entry("d/" + std::to_string(i), i));
    }
    line.alice.seal();
    std::size_t rounds = 0;
    while (!line.send(20'000)) {
        REQUIRE(++rounds < 100);
        CHECK(line.sent.size() <= 2);
        line.deliver();
        line.sender.learn(line.bob.replica().vector());
    }
    line.deliver();
    CHECK(rounds > 5);
    CHECK(picture_of(line.bob.replica()) == picture_of(line.alice.replica()));
    CHECK(line.send(SIZE_MAX));
    CHECK(line.sent.empty());
}

TEST_CASE("publications of many authors arrive in an order in which none has to wait") {
    Line line;
    Member carol(line.swarm, 3);
    for (std::uint64_t i = 0; i < 30; ++i) {
        Member& writer = i % 2 == 0 ? line.alice : carol;
        Member& other = i % 2 == 0 ? carol : line.alice;
        writer.write(file_entry("a", i));
        writer.seal();
        REQUIRE(other.pull_from(writer).ok());
    }
    CHECK(line.send(SIZE_MAX));
    for (const Message& message : std::exchange(line.sent, {})) {
        const std::uint64_t before = line.bob.replica().vector().size();
        REQUIRE(line.bob.take(message).ok());
        if (message.first == MessageKind::entries) {
            const auto entries = *decode_entries(message.second);
            CHECK(line.bob.replica().applied_of(entries.author) == entries.last);
        }
        CHECK(line.bob.replica().vector().size() >= before);
    }
    CHECK(picture_of(line.bob.replica()) == picture_of(line.alice.replica()));
}

TEST_CASE("what the other side dropped is sent again from its vector on") {
    Line line;
    line.alice.now_ms += kClockAheadMsMax + 60'000;  // bob thinks it too far ahead
    line.alice.write(file_entry("a", 1));
    line.alice.seal();
    CHECK(line.send(SIZE_MAX));
    CHECK_FALSE(line.bob.take(line.sent.at(0)).ok());
    line.sent.clear();
    line.bob.now_ms += 120'000;
    line.sender.learn(line.bob.replica().vector());
    CHECK(line.send(SIZE_MAX));
    CHECK(line.sent.empty());
    line.sender.start_over(line.bob.replica().vector(), {line.alice.author()});
    CHECK(line.send(SIZE_MAX));
    line.deliver();
    CHECK(line.bob.replica().find("a").has_value());
}

TEST_CASE("bodies that somebody withheld are asked of others by a vector that goes back") {
    Line line;
    Member carol(line.swarm, 3);
    line.alice.write(file_entry("a", 1));
    line.alice.seal();
    line.alice.write(file_entry("b", 2));
    line.alice.write(file_entry("a", 3));
    line.alice.seal();
    REQUIRE(carol.pull_from(line.alice).ok());
    for (Message message : line.alice.messages_for({})) {
        if (message.first == MessageKind::entries) {  // a relay calls everything old
            EntriesMessage entries = *decode_entries(message.second);
            std::vector<Bytes> stubs;
            for (const Item& item : entries.items) {
                stubs.push_back(encode_stub(*stub_of_item(item)));
            }
            for (std::size_t i = 0; i < stubs.size(); ++i) {
                entries.items[i] = {ItemForm::stub, stubs[i]};
            }
            message.second = encode_entries(entries);
        }
        REQUIRE(line.bob.take(message).ok());
    }
    CHECK(line.bob.replica().vector() == carol.replica().vector());
    CHECK_FALSE(line.bob.replica().find("a").has_value());
    CHECK(line.bob.replica().vector_to_tell().of(line.alice.author()) == 1);
    for (const Message& message : carol.messages_for(line.bob.replica().vector_to_tell())) {
        REQUIRE(line.bob.take(message).ok());
    }
    CHECK(picture_of(line.bob.replica()) == picture_of(carol.replica()));
    CHECK(line.bob.replica().vector_to_tell() == carol.replica().vector());
}

}  // namespace swarmfs::catalog
