#include "engine/channel/channel.hpp"

#include <algorithm>

#include "engine/core/wire.hpp"
#include "engine/crypto/hash.hpp"
#include "engine/protocol/peer_messages.hpp"

namespace swarmfs::channel {
namespace {

static_assert(*std::ranges::max_element(kHandshakeMessageBytes) == kHandshakeMessageBytesMax);

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

crypto::Secret32 psk_of(const crypto::Secret32& read_secret) {
    Bytes derived = crypto::hkdf_sha256(read_secret.span(), "swarmfs psk", 32);
    crypto::Secret32 psk;
    std::ranges::copy(derived, psk.mutable_span().begin());
    crypto::wipe(derived);
    return psk;
}

std::unique_ptr<NoiseHandshake> noise_of(const ChannelSecrets& secrets, NoiseRole role,
                                         Dice& dice) {
    NoiseKeys keys;
    keys.own_static = secrets.own_static;
    keys.psks = {psk_of(secrets.read_secret)};
    return std::make_unique<NoiseHandshake>(pattern(), role, prologue_of(secrets.swarm),
                                            std::move(keys), dice);
}

}  // namespace

Handshake Handshake::initiator(const ChannelSecrets& secrets, Dice& dice) {
    Handshake handshake(NoiseRole::initiator, State::start, dice);
    handshake.noise_ = noise_of(secrets, NoiseRole::initiator, dice);
    return handshake;
}

Handshake Handshake::responder(std::vector<ChannelSecrets> candidates, Dice& dice) {
    SWARM_ASSERT(candidates.size() <= kSwarmsTriedMax);
    Handshake handshake(NoiseRole::responder, State::awaiting_one, dice);
    handshake.candidates_ = std::move(candidates);
    return handshake;
}

Result<Bytes> Handshake::start() {
    SWARM_ASSERT(state_ == State::start);
    return write(State::awaiting_two);
}

Result<Bytes> Handshake::receive(ByteSpan message) {
    switch (state_) {
        case State::awaiting_one: return receive_one(message);
        case State::awaiting_two: return receive_two(message);
        case State::awaiting_three: return receive_three(message);
        case State::start:
        case State::finished:
        case State::taken:
        case State::failed: break;
    }
    return fail("a handshake message came where none may");
}

Result<Bytes> Handshake::receive_one(ByteSpan message) {
    const std::size_t tried = message.size() == kHandshakeMessageBytes[0] ? candidates_.size() : 0;
    for (std::size_t i = 0; i < tried && !noise_; ++i) {
        auto noise = noise_of(candidates_[i], NoiseRole::responder, *dice_);
        if (noise->read_message(message).ok()) {
            noise_ = std::move(noise);
            swarm_index_ = i;
        }
    }
    candidates_.clear();
    if (!noise_) {
        return fail("a stranger: it knows no swarm of this node, or speaks another version");
    }
    return write(State::awaiting_three);
}

Result<Bytes> Handshake::receive_two(ByteSpan message) {
    if (message.size() != kHandshakeMessageBytes[1] || !noise_->read_message(message).ok()) {
        return fail("the handshake was changed on its way, or its second message is a stranger's");
    }
    return write(State::finished);
}

Result<Bytes> Handshake::receive_three(ByteSpan message) {
    if (message.size() != kHandshakeMessageBytes[2] || !noise_->read_message(message).ok()) {
        return fail("the handshake was changed on its way, or replayed");
    }
    diffie_hellmans_ = noise_->diffie_hellmans();
    state_ = State::finished;
    return Bytes();
}

// Returns: our next message with its length.
Result<Bytes> Handshake::write(State next) {
    const auto message = noise_->write_message({});
    diffie_hellmans_ = noise_->diffie_hellmans();
    if (!message.ok()) {
        return fail("the other end's key is one that no honest end has");
    }
    Bytes framed;
    WireWriter(framed).bytes16(*message);
    state_ = next;
    return framed;
}

Error Handshake::fail(const char* why) {
    if (noise_) {
        diffie_hellmans_ = noise_->diffie_hellmans();
        noise_.reset();
    }
    candidates_.clear();
    state_ = State::failed;
    return peer_error(why, Code::permission);
}

ChannelKeys Handshake::keys() {
    SWARM_ASSERT(state_ == State::finished);
    const TransportKeys keys = noise_->split();
    const bool first = role_ == NoiseRole::initiator;
    ChannelKeys result{
        SendCipher(first ? keys.initiator_to_responder : keys.responder_to_initiator),
        ReceiveCipher(first ? keys.responder_to_initiator : keys.initiator_to_responder),
        noise_->handshake_hash(), noise_->remote_static().value(), swarm_index_};
    noise_.reset();
    state_ = State::taken;
    return result;
}

}  // namespace swarmfs::channel
