#include "engine/transport/secure_link.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/async/deadline.hpp"
#include "engine/core/assert.hpp"

namespace swarmfs::transport {

namespace {

// A record, and what the kernel may add to it in one read. A quiet link never needs more.
constexpr std::size_t kBufferMin = 128 * 1024;
// Chosen by us: as RecordBuilder::kFullBytes.
constexpr std::size_t kBufferMax = 256 * 1024;
// A read of less is small; so many in a row, and a grown buffer is given back.
constexpr std::size_t kSmallRead = 16 * 1024;
constexpr unsigned kSmallReadsMax = 16;
// Fixed by the protocol: what a length of 16 bits can say.
constexpr std::size_t kSealedMax = 65'535;

}  // namespace

// ---- building records ----

MutableByteSpan RecordBuilder::extend(std::size_t bytes) {
    SWARM_ASSERT(bytes > 0 && bytes <= channel::kRecordPlaintextMax && !full());
    if (!buffer_) {
        // Not zeroed: every byte is written before it is sent.
        buffer_.reset(new std::uint8_t[kFullBytes + channel::kLengthBytes + kSealedMax]);
    }
    if (records_.empty() || records_.back().plaintext + bytes > channel::kRecordPlaintextMax) {
        const std::size_t begin = used_;
        records_.push_back({begin, 0});
        used_ += channel::kRecordOverhead;
    }
    Record& record = records_.back();
    const std::size_t at = record.begin + channel::kLengthBytes + record.plaintext;
    record.plaintext += bytes;
    used_ += bytes;
    return {buffer_.get() + at, bytes};
}

void RecordBuilder::retract(std::size_t bytes) {
    SWARM_ASSERT(!records_.empty() && bytes <= records_.back().plaintext);
    records_.back().plaintext -= bytes;
    used_ -= bytes;
    if (records_.back().plaintext == 0) {
        records_.pop_back();
        used_ -= channel::kRecordOverhead;
    }
}

ByteSpan RecordBuilder::seal(channel::SendCipher& cipher) {
    for (const Record& record : records_) {
        cipher.seal({buffer_.get() + record.begin, record.plaintext + channel::kRecordOverhead});
    }
    return {buffer_.get(), used_};
}

void RecordBuilder::clear() {
    records_.clear();
    used_ = 0;
}

void RecordBuilder::release() {
    SWARM_ASSERT(empty());
    buffer_.reset();
}

// ---- the handshake ----

SecureLink::SecureLink(std::unique_ptr<Link> link, bool initiator)
    : link_(std::move(link)), initiator_(initiator) {}

async::Task<Result<std::unique_ptr<SecureLink>>> SecureLink::initiate(
    std::unique_ptr<Link> link, channel::ChannelSecrets secrets, Dice& dice, Duration deadline) {
    auto handshake = channel::Handshake::initiator(secrets, dice);
    auto first = handshake.start();
    if (!first.ok()) {
        co_return std::move(first).error();
    }
    auto secure = std::make_unique<SecureLink>(std::move(link), true);
    auto shaking = shake(std::move(secure), std::move(handshake), std::move(first).value());
    auto shaken = co_await async::with_deadline(deadline, "the handshake", std::move(shaking));
    co_return shaken;
}

async::Task<Result<std::unique_ptr<SecureLink>>> SecureLink::respond(
    std::unique_ptr<Link> link, std::vector<channel::ChannelSecrets> candidates, Dice& dice,
    Duration deadline) {
    auto handshake = channel::Handshake::responder(std::move(candidates), dice);
    auto secure = std::make_unique<SecureLink>(std::move(link), false);
    Bytes nothing;
    auto shaking = shake(std::move(secure), std::move(handshake), std::move(nothing));
    auto shaken = co_await async::with_deadline(deadline, "the handshake", std::move(shaking));
    co_return shaken;
}

async::Task<Result<std::unique_ptr<SecureLink>>> SecureLink::shake(std::unique_ptr<SecureLink> link,
                                                                   channel::Handshake handshake,
                                                                   Bytes first) {
    if (!first.empty()) {
        auto sent = co_await link->write_bytes(first);
        if (!sent.ok()) {
            co_return std::move(sent).error();
        }
    }
    while (!handshake.finished()) {
        auto message = co_await link->read_handshake_message();
        if (!message.ok()) {
            co_return std::move(message).error();
        }
        auto answer = handshake.receive(*message);
        if (!answer.ok()) {
            co_return std::move(answer).error();
        }
        if (!answer->empty()) {
            auto sent = co_await link->write_bytes(*answer);
            if (!sent.ok()) {
                co_return std::move(sent).error();
            }
        }
    }
    link->keys_ = std::make_unique<channel::ChannelKeys>(handshake.keys());
    co_return std::move(link);
}

async::Task<Result<Bytes>> SecureLink::read_handshake_message() {
    while (true) {
        const ByteSpan stream(buffer_.get() + begin_, end_ - begin_);
        const auto message = channel::take_message(stream, channel::kHandshakeMessageBytesMax);
        if (!message.ok()) {
            co_return message.error();
        }
        if (message->has_value()) {
            begin_ += channel::kLengthBytes + (**message).size();
            co_return to_bytes(**message);
        }
        make_room();
        auto got = co_await link_->read_some({buffer_.get() + end_, capacity_ - end_});
        if (!got.ok()) {
            co_return std::move(got).error();
        }
        if (*got == 0) {
            co_return network_error(Code::unavailable, "the handshake was cut");
        }
        end_ += *got;
        bytes_read_ += *got;
    }
}

async::Task<Result<>> SecureLink::write_bytes(ByteSpan bytes) {
    const std::array<ByteSpan, 1> buffers{bytes};
    auto sent = co_await link_->write(buffers);
    bytes_written_ += bytes.size();
    co_return sent;
}

// ---- records ----

async::Task<Result<std::span<const ByteSpan>>> SecureLink::read_records() {
    opened_.clear();
    while (true) {
        auto opened = open_all();
        if (!opened.ok()) {
            co_return std::move(opened).error();
        }
        if (!opened_.empty() || keys_->receive.closed()) {
            co_return std::span<const ByteSpan>(opened_);
        }
        make_room();
        auto got = co_await link_->read_some({buffer_.get() + end_, capacity_ - end_});
        if (!got.ok()) {
            co_return std::move(got).error();
        }
        if (*got == 0) {
            co_return network_error(Code::unavailable, "the link was cut without a goodbye");
        }
        end_ += *got;
        bytes_read_ += *got;
        small_reads_ = *got < kSmallRead ? small_reads_ + 1 : 0;
    }
}

// Opens every whole record of the buffer. What follows a close record is not looked at.
Result<> SecureLink::open_all() {
    while (!keys_->receive.closed()) {
        const ByteSpan stream(buffer_.get() + begin_, end_ - begin_);
        SWARM_TRY(const auto sealed, channel::take_message(stream, kSealedMax));
        if (!sealed) {
            return done();
        }
        std::uint8_t* const at = buffer_.get() + begin_ + channel::kLengthBytes;
        begin_ += channel::kLengthBytes + sealed->size();
        SWARM_TRY(const MutableByteSpan plaintext, keys_->receive.open({at, sealed->size()}));
        if (!plaintext.empty()) {
            opened_.emplace_back(plaintext);
        }
    }
    return done();
}

// Moves the unfinished record to the front. The buffer grows when the last read filled it, and
// shrinks again when nothing large has come for a while.
void SecureLink::make_room() {
    const std::size_t rest = end_ - begin_;
    std::size_t wanted = std::max(capacity_, kBufferMin);
    if (end_ == capacity_) {
        wanted = std::clamp(capacity_ * 2, kBufferMin, kBufferMax);
    } else if (small_reads_ > kSmallReadsMax && rest < kSmallRead) {
        wanted = kBufferMin;
    }
    if (wanted != capacity_) {
        std::unique_ptr<std::uint8_t[]> fresh(new std::uint8_t[wanted]);  // read before it is used
        if (rest > 0) {
            std::memcpy(fresh.get(), buffer_.get() + begin_, rest);
        }
        buffer_ = std::move(fresh);
        capacity_ = wanted;
    } else if (rest > 0 && begin_ > 0) {
        std::memmove(buffer_.get(), buffer_.get() + begin_, rest);
    }
    begin_ = 0;
    end_ = rest;
}

async::Task<Result<>> SecureLink::write_records(RecordBuilder& records) {
    if (records.empty()) {
        co_return done();
    }
    const ByteSpan sealed = records.seal(keys_->send);
    auto sent = co_await write_bytes(sealed);
    records.clear();
    co_return sent;
}

async::Task<Result<>> SecureLink::write_close() {
    const Bytes record = keys_->send.seal_close();
    auto sent = co_await write_bytes(record);
    link_->shut_down();
    co_return sent;
}

}  // namespace swarmfs::transport
