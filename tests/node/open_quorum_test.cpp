// Opening under `read_quorum`, with members in one process.

#include <doctest/doctest.h>

#include <future>

#include "tests/node/members.hpp"

namespace swarmfs::node {
namespace {

using nlohmann::json;
using test::join_all;
using test::TestNode;

constexpr auto kLong = std::chrono::seconds(30);

// Returns once the policy asks for `quorum` members everywhere, on all of them.
void ask_for(std::uint32_t quorum, TestNode& writer, const std::vector<TestNode*>& all) {
    writer.write(".swarmfs.toml", "read_quorum = " + std::to_string(quorum) + "\n");
    for (TestNode* node : all) {
        REQUIRE(node->eventually([&] {
            return node->node().members().front()->policy()->of("any").read_quorum == quorum;
        }));
    }
}

class Opening {
public:
    // Begins to open; `deadline` as in Volume.
    Opening(TestNode& node, const std::string& name, Duration deadline,
            Access access = Access::read)
        : volume_(node.volume()), answer_(promise_.get_future()) {
        const auto found = volume_->lookup(kRootInode, name);
        REQUIRE(found.ok());
        ticket_ = volume_->open_confirmed(
            found->inode, access, deadline,
            [this](Result<FileHandle> handle) { promise_.set_value(std::move(handle)); });
    }
    ~Opening() {
        if (waits()) {
            volume_->cancel_read(ticket_);
        }
        if (answer_.valid()) {
            if (const auto handle = answer_.get(); handle.ok()) {
                volume_->release(*handle);
            }
        }
    }
    void cancel() { volume_->cancel_read(ticket_); }
    bool waits() const {
        return answer_.valid() &&
               answer_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
    }
    // Waits for the answer. Returns: nothing when it was opened.
    std::optional<Error> error() {
        const auto handle = answer_.get();
        if (!handle.ok()) {
            return handle.error();
        }
        volume_->release(*handle);
        return std::nullopt;
    }

private:
    const std::shared_ptr<Volume> volume_;
    std::promise<Result<FileHandle>> promise_;
    std::future<Result<FileHandle>> answer_;
    ReadTicket ticket_ = 0;
};

bool knows(TestNode& node, const std::string& name, std::uint64_t size) {
    return node.eventually([&] {
        const auto found = node.volume()->lookup(kRootInode, name);
        return found.ok() && found->size == size;
    });
}

std::string problem_at(TestNode& node) {
    return node.node().members().front()->problems().newest();
}

}  // namespace

TEST_CASE("a file is opened when as many members show the same version") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    alice.write("file", "text");
    ask_for(2, alice, {&alice, &bob});
    REQUIRE(knows(bob, "file", 4));
    CHECK(bob.volume()->needs_confirming(bob.volume()->lookup(kRootInode, "file")->inode));
    CHECK_FALSE(Opening(bob, "file", kLong).error());
    CHECK_FALSE(Opening(alice, "file", kLong, Access::read_write).error());
    // Who asked for too many can still read the policy, and mend it.
    ask_for(3, bob, {&alice, &bob});
    CHECK_FALSE(Opening(bob, ".swarmfs.toml", kLong).error());
    CHECK(Opening(bob, "file", kLong).error()->code == Code::unavailable);
    CHECK(problem_at(bob).find("\"file\" could not be opened: 2 other members have to confirm") ==
          0);
    ask_for(2, bob, {&alice, &bob});
    CHECK_FALSE(Opening(bob, "file", kLong).error());
    CHECK(problem_at(bob).empty());
}

TEST_CASE("without the member that has to confirm it nothing opens, until it is back") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    alice.write("file", "text");
    ask_for(2, alice, {&alice, &bob});
    REQUIRE(knows(bob, "file", 4));
    bob.stop();
    CHECK(Opening(alice, "file", kLong).error()->code == Code::unavailable);
    bob.start();
    CHECK(alice.eventually([&] { return !Opening(alice, "file", kLong).error(); }));
}

TEST_CASE("what is being written here is asked about once it is published") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    ask_for(2, alice, {&alice, &bob});
    const auto tree = alice.volume();
    const Created file = *tree->create(kRootInode, "file", 0644);
    REQUIRE(tree->write(file.handle, 0, as_bytes("text")).ok());
    {
        Opening soon(alice, "file", std::chrono::milliseconds(300));
        const auto error = soon.error();
        REQUIRE(error);
        CHECK(error->code == Code::timed_out);
        CHECK(error->message.find("it is being written here") == 0);
    }
    Opening later(alice, "file", kLong);
    CHECK(later.waits());
    REQUIRE(tree->close_write(file.handle).ok());
    tree->release(file.handle);
    CHECK_FALSE(later.error());
    CHECK(bob.read("file").value() == "text");
}

TEST_CASE("a version that is replaced or removed while it waits is looked up again at once") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    alice.write("file", "first");
    ask_for(3, alice, {&alice, &bob});
    REQUIRE(knows(bob, "file", 5));
    for (TestNode* node : {&alice, &bob}) {
        node->node().members().front()->swarm().note_dialling(1);  // the grace is longer
    }
    {
        Opening waits(bob, "file", kLong);
        alice.write("file", "second");
        CHECK(waits.error()->code == Code::not_found);
    }
    REQUIRE(knows(bob, "file", 6));
    {
        Opening waits(bob, "file", kLong);
        REQUIRE(alice.volume()->remove_file(kRootInode, "file").ok());
        CHECK(waits.error()->code == Code::not_found);
    }
    CHECK(problem_at(bob).empty());
}

TEST_CASE("an opening that is given up ends as cancelled, and with the node that stops") {
    TestNode alice;
    TestNode bob;
    join_all(alice, {&bob});
    alice.write("file", "text");
    ask_for(3, alice, {&alice, &bob});
    alice.node().members().front()->swarm().note_dialling(1);
    {
        Opening waits(alice, "file", Duration::zero());
        CHECK(waits.waits());
        waits.cancel();
        CHECK(waits.error()->code == Code::cancelled);
    }
    CHECK(problem_at(alice).empty());
    std::promise<Result<FileHandle>> last;
    {
        const auto volume = alice.volume();  // given back before the node ends, as mounts do
        const auto found = volume->lookup(kRootInode, "file");
        REQUIRE(found.ok());
        volume->open_confirmed(
            found->inode, Access::read, Duration::zero(),
            [&](Result<FileHandle> handle) { last.set_value(std::move(handle)); });
    }
    alice.stop();
    CHECK(last.get_future().get().error().code == Code::cancelled);
}

}  // namespace swarmfs::node
