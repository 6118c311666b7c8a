#include "engine/channel/channel.hpp"

#include "engine/core/wire.hpp"
#include "engine/crypto/hash.hpp"
#include "engine/protocol/peer_messages.hpp"

namespace swarmfs::channel {
namespace {

static_assert(kRecordPlaintextMax == protocol::kRecordPlaintextMax);

const Pattern& pattern() {
    static const Pattern table = noise_pattern("XXpsk0").value();
    return table;
}

Bytes prologue_of(const SwarmId& swarm) {
    Bytes prologue = to_bytes(as_bytes("swarmfs"));
    prologue.push_back(protocol::kProtocolVersion);
    prologue.insert(prologue.end(), swarm.bytes.begin(), swarm.bytes.end());
    return prologue;
}

std::unique_ptr<NoiseHandshake> noise_of(const ChannelSecrets& secrets, NoiseRole role,
                                         Dice& dice) {
    Bytes derived = crypto::hkdf_sha256(secrets.read_secret.span(), "swarmfs psk", 32);
    crypto::Secret32 psk;
    std::copy(derived.begin(), derived.end(), psk.mutable_span().begin());
    crypto::wipe(derived);
    NoiseKeys keys;
    keys.own_static = secrets.own_static;
    keys.psks = {psk};
    return std::make_unique<NoiseHandshake>(pattern(), role, prologue_of(secrets.swarm),
                                            std::move(keys), dice);
}

Bytes with_length(ByteSpan message) {
    Bytes framed;
    WireWriter(framed).bytes16(message);
    return framed;
}

// Both ends change keys after the same record, so nothing needs to be said.
void count(std::uint64_t& nonce, crypto::Secret32& key, crypto::Aes256Gcm& cipher) {
    if (++nonce < kRecordsPerKey) {
        return;
    }
    key = noise_rekey(key);
    cipher = crypto::Aes256Gcm(key);
    nonce = 0;
}

Error broken_record() {
    return peer_error("a record was changed, cut, repeated or left out on its way");
}

}  // namespace

Result<std::optional<ByteSpan>> take_message(ByteSpan stream, std::size_t bytes_max) {
    if (stream.size() < kLengthBytes) {
        return std::optional<ByteSpan>();
    }
    WireReader reader(stream);
    const std::size_t length = reader.u16();
    if (length == 0 || length > bytes_max) {
        return peer_error("a message of an impossible length");
    }
    if (reader.remaining() < length) {
        return std::optional<ByteSpan>();
    }
    return std::optional(reader.raw(length));
}

void SendCipher::seal(MutableByteSpan record) {
    SWARM_ASSERT(!closed_ && record.size() >= kRecordOverhead &&
                 record.size() <= kRecordPlaintextMax + kRecordOverhead);
    const std::size_t length = record.size() - kLengthBytes;
    record[0] = static_cast<std::uint8_t>(length >> 8);
    record[1] = static_cast<std::uint8_t>(length);
    const MutableByteSpan sealed = record.subspan(kLengthBytes);
    cipher_.seal(noise_nonce(nonce_), {}, sealed.first(length - crypto::kAeadTagBytes),
                 sealed.last(crypto::kAeadTagBytes));
    const std::uint64_t before = nonce_;
    count(nonce_, key_, cipher_);
    keys_used_ += nonce_ < before ? 1 : 0;
}

Bytes SendCipher::seal_close() {
    Bytes record(kRecordOverhead);
    seal(record);
    closed_ = true;
    return record;
}

Result<MutableByteSpan> ReceiveCipher::open(MutableByteSpan sealed) {
    if (failed_ || closed_ || sealed.size() < crypto::kAeadTagBytes) {
        failed_ = true;
        return broken_record();
    }
    const MutableByteSpan text = sealed.first(sealed.size() - crypto::kAeadTagBytes);
    if (!cipher_.open(noise_nonce(nonce_), {}, text, sealed.last(crypto::kAeadTagBytes))) {
        failed_ = true;
        return broken_record();
    }
    count(nonce_, key_, cipher_);
    closed_ = text.empty();
    return text;
}

Handshake Handshake::initiator(const ChannelSecrets& secrets, Dice& dice) {
    Handshake handshake(NoiseRole::initiator, dice);
    handshake.noise_ = noise_of(secrets, NoiseRole::initiator, dice);
    return handshake;
}

Handshake Handshake::responder(std::vector<ChannelSecrets> candidates, Dice& dice) {
    SWARM_ASSERT(candidates.size() <= kSwarmsTriedMax);
    Handshake handshake(NoiseRole::responder, dice);
    handshake.candidates_ = std::move(candidates);
    return handshake;
}

Result<Bytes> Handshake::start() {
    SWARM_TRY(const Bytes message, noise_->write_message({}));
    return with_length(message);
}

Result<> Handshake::choose_swarm(ByteSpan message) {
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
        auto noise = noise_of(candidates_[i], NoiseRole::responder, *dice_);
        if (noise->read_message(message).ok()) {
            noise_ = std::move(noise);
            swarm_index_ = i;
            candidates_.clear();
            return done();
        }
    }
    failed_ = true;
    return peer_error("a stranger knocked: it knows no swarm of this node", Code::permission);
}

Result<Bytes> Handshake::receive(ByteSpan message) {
    if (failed_ || finished()) {
        return peer_error("a handshake message after the end of the handshake");
    }
    if (!noise_) {
        SWARM_CHECK(choose_swarm(message));
    } else if (auto read = noise_->read_message(message); !read.ok()) {
        failed_ = true;
        return read.error();
    }
    if (!noise_->my_turn()) {
        return Bytes();
    }
    SWARM_TRY(const Bytes reply, noise_->write_message({}));
    return with_length(reply);
}

bool Handshake::finished() const {
    return noise_ && noise_->finished();
}

std::size_t Handshake::diffie_hellmans() const {
    return noise_ ? noise_->diffie_hellmans() : 0;
}

ChannelKeys Handshake::keys() {
    SWARM_ASSERT(finished());
    const TransportKeys keys = noise_->split();
    const bool first = role_ == NoiseRole::initiator;
    return {SendCipher(first ? keys.initiator_to_responder : keys.responder_to_initiator),
            ReceiveCipher(first ? keys.responder_to_initiator : keys.initiator_to_responder),
            noise_->handshake_hash(), noise_->remote_static().value(), swarm_index_};
}

}  // namespace swarmfs::channel
