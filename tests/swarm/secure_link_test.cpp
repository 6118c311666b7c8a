// Links with a channel on them, over pipes in memory.

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>

#include <doctest/doctest.h>

#include "engine/async/block_on.hpp"
#include "engine/async/task_group.hpp"
#include "tests/swarm/memory_member.hpp"
#include "tests/swarm/pipe_link.hpp"

using namespace swarmfs;
using namespace swarmfs::test;
using transport::RecordBuilder;
using transport::SecureLink;

namespace {

struct Ends {
    boost::asio::io_context context;
    crypto::SystemDice dice;
    std::unique_ptr<PipeLink> first;
    std::unique_ptr<PipeLink> second;
    PipeLink* first_pipe = nullptr;
    Result<std::unique_ptr<SecureLink>> initiator = caller_error(Code::invalid, "not begun");
    Result<std::unique_ptr<SecureLink>> responder = caller_error(Code::invalid, "not begun");

    explicit Ends(std::size_t step) {
        std::tie(first, second) = PipeLink::make(context.get_executor(), step);
        first_pipe = first.get();
    }
};

async::Task<> initiate(Ends* ends, channel::ChannelSecrets secrets, Duration deadline) {
    ends->initiator = co_await SecureLink::initiate(std::move(ends->first), std::move(secrets),
                                                    ends->dice, deadline);
}
async::Task<> respond(Ends* ends, std::vector<channel::ChannelSecrets> candidates,
                      Duration deadline) {
    ends->responder = co_await SecureLink::respond(std::move(ends->second), std::move(candidates),
                                                   ends->dice, deadline);
}
// Both to their ends: run_together would stop at the first.
async::Task<> both(async::Executor executor, async::Task<> one, async::Task<> other) {
    async::TaskGroup group(executor);
    group.spawn(std::move(one));
    group.spawn(std::move(other));
    co_await group.join();
}

void shake(Ends& ends, channel::ChannelSecrets here, channel::ChannelSecrets there,
           Duration deadline = std::chrono::seconds(10)) {
    std::vector<channel::ChannelSecrets> candidates;
    candidates.push_back(std::move(there));
    async::run_here(ends.context,
                    both(ends.context.get_executor(), initiate(&ends, std::move(here), deadline),
                         respond(&ends, std::move(candidates), deadline)));
}

Bytes frame(std::uint8_t fill, std::size_t size) {
    return Bytes(size, fill);
}

async::Task<> send(SecureLink* link, std::vector<Bytes> frames, bool close) {
    RecordBuilder records;
    for (const Bytes& one : frames) {
        if (records.full()) {
            (void)co_await link->write_records(records);
        }
        const MutableByteSpan room = records.extend(one.size());
        std::copy(one.begin(), one.end(), room.begin());
    }
    (void)co_await link->write_records(records);
    if (close) {
        (void)co_await link->write_close();
    } else {
        link->link().shut_down();
    }
}

struct Heard {
    Bytes bytes;
    std::optional<Error> error;
    bool closed = false;
};
async::Task<> receive(SecureLink* link, Heard* heard) {
    while (true) {
        const auto records = co_await link->read_records();
        if (!records.ok()) {
            heard->error = records.error();
            co_return;
        }
        if (records->empty()) {
            heard->closed = true;
            co_return;
        }
        for (const ByteSpan record : *records) {
            heard->bytes.insert(heard->bytes.end(), record.begin(), record.end());
        }
    }
}

}  // namespace

TEST_CASE("what is written in frames is read as written, also one byte at a time") {
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{1 << 20}}) {
        CAPTURE(step);
        Ends ends(step);
        shake(ends, test_secrets(), test_secrets());
        REQUIRE(ends.initiator.ok());
        REQUIRE(ends.responder.ok());
        CHECK((*ends.initiator)->handshake_hash() == (*ends.responder)->handshake_hash());
        CHECK((*ends.initiator)->initiator());
        std::vector<Bytes> frames;
        Bytes all;
        const std::size_t rounds = step == 1 ? 3 : 40;
        for (std::size_t i = 0; i < rounds; ++i) {
            frames.push_back(frame(static_cast<std::uint8_t>(i), 1 + i * 7919 % 16'396));
            all.insert(all.end(), frames.back().begin(), frames.back().end());
        }
        frames.push_back(frame(9, channel::kRecordPlaintextMax));
        all.insert(all.end(), frames.back().begin(), frames.back().end());
        Heard heard;
        async::run_here(ends.context,
                        both(ends.context.get_executor(), send(ends.initiator->get(), frames, true),
                             receive(ends.responder->get(), &heard)));
        CHECK(heard.closed);
        CHECK(heard.bytes == all);
    }
}

TEST_CASE("a stream that ends without a close record was cut") {
    Ends ends(1000);
    shake(ends, test_secrets(), test_secrets());
    REQUIRE(ends.initiator.ok());
    Heard heard;
    async::run_here(ends.context, both(ends.context.get_executor(),
                                       send(ends.initiator->get(), {frame(1, 100)}, false),
                                       receive(ends.responder->get(), &heard)));
    CHECK_FALSE(heard.closed);
    REQUIRE(heard.error);
    CHECK(heard.error->whose == Whose::network);
    CHECK(heard.bytes.size() == 100);
}

TEST_CASE("every changed byte of a record is a forgery") {
    for (std::size_t at = 0; at < 60; ++at) {
        Ends ends(1 << 20);
        shake(ends, test_secrets(), test_secrets());
        REQUIRE(ends.initiator.ok());
        ends.first_pipe->damage_byte(ends.first_pipe->written() + at);
        Heard heard;
        async::run_here(ends.context,
                        both(ends.context.get_executor(),
                             send(ends.initiator->get(), {frame(1, 42), frame(2, 20'000)}, true),
                             receive(ends.responder->get(), &heard)));
        CHECK(heard.error);
        CHECK(heard.bytes.empty());
    }
}

TEST_CASE("a stranger is refused at message one, and a cut or silent handshake ends") {
    Ends strangers(1000);
    auto other = test_secrets();
    other.swarm.bytes.fill(8);
    shake(strangers, std::move(other), test_secrets());
    REQUIRE_FALSE(strangers.responder.ok());
    CHECK(strangers.responder.error().whose == Whose::peer);
    CHECK_FALSE(strangers.initiator.ok());

    Ends cut(1000);
    cut.first_pipe->cut_after(20);
    shake(cut, test_secrets(), test_secrets());
    CHECK_FALSE(cut.initiator.ok());
    CHECK_FALSE(cut.responder.ok());

    Ends silent(1000);
    std::vector<channel::ChannelSecrets> candidates;
    candidates.push_back(test_secrets());
    async::run_here(silent.context,
                    respond(&silent, std::move(candidates), std::chrono::milliseconds(20)));
    REQUIRE_FALSE(silent.responder.ok());
    CHECK(silent.responder.error().code == Code::timed_out);
}

TEST_CASE("what is taken back from a record is not sent") {
    Ends ends(1 << 20);
    shake(ends, test_secrets(), test_secrets());
    REQUIRE(ends.initiator.ok());
    RecordBuilder records;
    records.extend(100);
    records.retract(100);
    CHECK(records.empty());
    auto room = records.extend(10);
    std::fill(room.begin(), room.end(), std::uint8_t{1});
    room = records.extend(50);
    records.retract(30);
    std::fill_n(room.begin(), 20, std::uint8_t{2});
    CHECK_FALSE(records.empty());
    channel::SendCipher cipher{crypto::Secret32{}};
    CHECK(records.seal(cipher).size() == 30 + channel::kRecordOverhead);
    records.clear();
    records.release();
}

namespace {

// Both ends of a pipe on the executor that runs this, with the handshake done.
async::Task<> shake_here(Ends* ends, std::size_t step) {
    const auto executor = co_await boost::asio::this_coro::executor;
    std::tie(ends->first, ends->second) = PipeLink::make(executor, step);
    std::vector<channel::ChannelSecrets> candidates;
    candidates.push_back(test_secrets());
    co_await both(executor, initiate(ends, test_secrets(), std::chrono::seconds(10)),
                  respond(ends, std::move(candidates), std::chrono::seconds(10)));
}

async::Task<> adopt_both(MemoryMember* a, MemoryMember* b, std::size_t step) {
    Ends* const ends = new Ends(1);
    co_await shake_here(ends, step);
    a->swarm->adopt(std::move(*ends->initiator), true, "pipe");
    b->swarm->adopt(std::move(*ends->responder), false, "pipe");
    delete ends;
}

}  // namespace

TEST_CASE("whole sessions work over links that deliver one byte at a time") {
    MemoryMember a(1);
    MemoryMember b(2);
    const Bytes bytes = random_bytes(11, 40'000);
    b.contents.publish(bytes);
    async::block_on(a.threads.executor(1), adopt_both(&a, &b, 1));
    a.wait_for_peers(1);
    REQUIRE(a.fill(id_of(bytes)));
    CHECK(a.contents.get(id_of(bytes))->holds(0, bytes));
}

namespace {

// Gives the executor's thread so many turns.
void let_run(const async::Executor& executor, int turns) {
    for (int turn = 0; turn < turns; ++turn) {
        std::promise<void> ran;
        boost::asio::post(executor, [&ran] { ran.set_value(); });
        ran.get_future().wait();
    }
}

}  // namespace

TEST_CASE("what a session says while its swarm is busy adopting it is heard") {
    MemoryMember a(1);
    MemoryMember b(2);
    Ends ends(1);
    const async::Executor links = a.threads.executor(1);
    async::block_on(links, shake_here(&ends, 1 << 20));
    b.swarm->adopt(std::move(*ends.responder), false, "pipe");
    let_run(links, 20);  // its hello waits in the pipe
    boost::asio::post(a.threads.executor(0), [&] {
        a.swarm->adopt(std::move(*ends.initiator), true, "pipe");
        let_run(links, 50);  // time enough for a session that has begun to tell of that hello
    });
    a.wait_for_peers(1);
    b.wait_for_peers(1);
}
