#include "tests/swarm/scripted_peer.hpp"

#include <algorithm>

#include "engine/async/block_on.hpp"
#include "engine/protocol/peer_frames.hpp"
#include "engine/transport/dial.hpp"

namespace swarmfs::test {

namespace {

async::Task<> destroy(std::unique_ptr<transport::SecureLink> link) {
    link.reset();
    co_return;
}

async::Task<> connect(std::unique_ptr<transport::SecureLink>* into, transport::Address address,
                      Dice* dice) {
    auto link = co_await transport::dial(address);
    if (!link.ok()) {
        co_return;
    }
    auto secrets = test_secrets();
    auto secure = co_await transport::SecureLink::initiate(std::move(link).value(),
                                                           std::move(secrets), *dice);
    if (secure.ok()) {
        *into = std::move(secure).value();
    }
}

async::Task<> send(transport::SecureLink* link, const Bytes* record, bool* broken) {
    transport::RecordBuilder builder;
    const MutableByteSpan room = builder.extend(record->size());
    std::copy(record->begin(), record->end(), room.begin());
    const auto sent = co_await link->write_records(builder);
    *broken = !sent.ok();
}

async::Task<> receive(transport::SecureLink* link, std::vector<Bytes>* into) {
    const auto records = co_await link->read_records();
    if (records.ok()) {
        for (const ByteSpan record : *records) {
            into->push_back(to_bytes(record));
        }
    }
}

}  // namespace

ScriptedPeer::ScriptedPeer(std::uint8_t rank)
    : member_([rank] {
          NodeId node;
          node.bytes.fill(rank);
          return node;
      }()) {}

ScriptedPeer::~ScriptedPeer() {
    hang_up();
}

void ScriptedPeer::hang_up() {
    async::block_on(threads_.executor(0), destroy(std::move(link_)));
}

bool ScriptedPeer::dial(const MemoryMember& member) {
    async::block_on(threads_.executor(0), connect(&link_, member.listener->address(), &dice_));
    return link_ != nullptr;
}

void ScriptedPeer::hello() {
    say(member_.make_hello(link_->handshake_hash(), swarm::Side::initiator));
}

void ScriptedPeer::say_bytes(const Bytes& record) {
    if (!broken_) {  // a link is not written to after an error
        async::block_on(threads_.executor(0), send(link_.get(), &record, &broken_));
    }
}

std::optional<protocol::Frame> ScriptedPeer::hear() {
    while (true) {
        if (frames_) {
            const auto frame = frames_->next();
            if (frame.ok() && *frame) {
                return **frame;
            }
            frames_.reset();
        }
        if (next_record_ == records_.size()) {
            records_.clear();
            next_record_ = 0;
            async::block_on(threads_.executor(0), receive(link_.get(), &records_));
            if (records_.empty()) {
                return std::nullopt;
            }
        }
        current_ = std::move(records_[next_record_++]);
        frames_ = std::make_unique<protocol::FrameReader>(current_);
    }
}

}  // namespace swarmfs::test
