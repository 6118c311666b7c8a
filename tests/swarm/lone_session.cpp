#include "tests/swarm/lone_session.hpp"

#include <algorithm>

#include "engine/async/block_on.hpp"
#include "engine/core/assert.hpp"

namespace swarmfs::test {

namespace {

NodeId node_of_rank(std::uint8_t rank) {
    NodeId node;
    node.bytes.fill(rank);
    return node;
}

async::Task<> dial(std::unique_ptr<PipeLink> link, Dice* dice,
                   std::unique_ptr<transport::SecureLink>* into) {
    auto secrets = test_secrets();
    *into = (co_await transport::SecureLink::initiate(std::move(link), std::move(secrets), *dice))
                .value();
}

async::Task<> answer(std::unique_ptr<PipeLink> link, Dice* dice,
                     std::unique_ptr<transport::SecureLink>* into) {
    std::vector<channel::ChannelSecrets> candidates;
    candidates.push_back(test_secrets());
    *into = (co_await transport::SecureLink::respond(std::move(link), std::move(candidates), *dice))
                .value();
}

async::Task<> both(async::TaskGroup* group, async::Task<> one, async::Task<> other) {
    group->spawn(std::move(one));
    group->spawn(std::move(other));
    co_await group->join();
}

async::Task<> send(transport::SecureLink* link, Bytes record) {
    transport::RecordBuilder records;
    const MutableByteSpan room = records.extend(record.size());
    std::copy(record.begin(), record.end(), room.begin());
    (void)co_await link->write_records(records);
}

async::Task<> listen(transport::SecureLink* link, std::vector<Bytes>* said) {
    while (true) {
        const auto records = co_await link->read_records();
        if (!records.ok() || records->empty()) {
            co_return;
        }
        for (const ByteSpan record : *records) {
            said->push_back(to_bytes(record));
        }
    }
}

}  // namespace

LoneSession::LoneSession(std::uint8_t rank) : member_(node_of_rank(rank)) {
    std::unique_ptr<transport::SecureLink> own;
    auto [here, there] = PipeLink::make(context_.get_executor(), std::size_t{1} << 20);
    async::run_here(context_, both(&tasks_, answer(std::move(here), &dice_, &own),
                                   dial(std::move(there), &dice_, &peer_)));
    swarm::SwarmOptions options;
    options.uploads = uploads_;
    session_ = std::make_shared<swarm::Session>(
        std::move(own), swarm::Session::Parts{clock_, contents, member_, options},
        [this](std::vector<swarm::SessionEvent> told, std::uint64_t weight) {
            session_->looked_at(weight);
            for (swarm::SessionEvent& event : told) {
                SWARM_ASSERT(!ended_);  // the end is the last event
                if (const auto* end = std::get_if<swarm::SessionEnded>(&event)) {
                    ended_ = end->why;
                } else {
                    events.push_back(std::move(event));
                }
            }
        });
    session_->start();
    tasks_.spawn(listen(peer_.get(), &said));
    run();
}

LoneSession::~LoneSession() {
    session_->abort();
    hang_up();
    tasks_.cancel();
    run();
}

protocol::Hello LoneSession::hello() const {
    return NamedMember(node_of_rank(99))
        .make_hello(peer_->handshake_hash(), swarm::Side::initiator);
}

void LoneSession::say_bytes(Bytes record) {
    tasks_.spawn(send(peer_.get(), std::move(record)));
    run();
}

void LoneSession::command(swarm::SessionCommand command) {
    std::vector<swarm::SessionCommand> commands;
    commands.push_back(std::move(command));
    session_->command(std::move(commands));
    run();
}

void LoneSession::hang_up() {
    peer_->link().close();
    run();
}

// Until everybody waits for something.
void LoneSession::run() {
    context_.restart();
    context_.poll();
}

}  // namespace swarmfs::test
