#include "engine/channel/noise.hpp"

#include <algorithm>

#include "engine/core/wire.hpp"
#include "engine/crypto/hash.hpp"

namespace swarmfs::channel {
namespace {

using crypto::Secret32;
using crypto::X25519PublicKey;

std::optional<Pattern> base_pattern(std::string_view name) {
    using enum Token;
    if (name == "NN") {
        return Pattern{"NN", {}, {}, {{e}, {e, ee}}};
    }
    if (name == "NK") {
        return Pattern{"NK", {}, {s}, {{e, es}, {e, ee}}};
    }
    if (name == "KK") {
        return Pattern{"KK", {s}, {s}, {{e, es, ss}, {e, ee, se}}};
    }
    if (name == "XX") {
        return Pattern{"XX", {}, {}, {{e}, {e, ee, s, es}, {s, se}}};
    }
    if (name == "XK") {
        return Pattern{"XK", {}, {s}, {{e, es}, {e, ee}, {s, se}}};
    }
    if (name == "IK") {
        return Pattern{"IK", {}, {s}, {{e, es, s, ss}, {e, ee, se}}};
    }
    return std::nullopt;
}

// psk0 goes before the first message, pskN after the Nth.
bool insert_psk(Pattern& pattern, std::size_t number) {
    if (number > pattern.messages.size()) {
        return false;
    }
    std::vector<Token>& message = pattern.messages[number == 0 ? 0 : number - 1];
    message.insert(number == 0 ? message.begin() : message.end(), Token::psk);
    return true;
}

// HKDF of the Noise specification, section 4.3: HMAC chained over the counters 1, 2, 3.
template <std::size_t kOutputs>
std::array<Secret32, kOutputs> noise_hkdf(const Secret32& chaining_key, ByteSpan input) {
    static_assert(kOutputs == 2 || kOutputs == 3);
    std::array<Secret32, kOutputs> outputs;
    Hash256 temporary = crypto::hmac_sha256(chaining_key.span(), input);
    // The output before, and the counter behind it; the first has no output before it.
    std::array<std::uint8_t, Hash256::kSize + 1> block{};
    for (std::uint8_t i = 0; i < kOutputs; ++i) {
        block.back() = static_cast<std::uint8_t>(i + 1);
        const ByteSpan message = ByteSpan(block).subspan(i == 0 ? Hash256::kSize : 0);
        Hash256 output = crypto::hmac_sha256(temporary.span(), message);
        outputs[i] = Secret32(output.bytes);
        std::copy(output.bytes.begin(), output.bytes.end(), block.begin());
        crypto::wipe(output.bytes);
    }
    crypto::wipe(temporary.bytes);
    crypto::wipe(block);
    return outputs;
}

}  // namespace

std::optional<Pattern> noise_pattern(std::string_view name) {
    const std::size_t modifiers = std::min(name.find("psk"), name.size());
    std::optional<Pattern> pattern = base_pattern(name.substr(0, modifiers));
    if (!pattern) {
        return std::nullopt;
    }
    pattern->name = std::string(name);
    std::string_view rest = name.substr(modifiers);
    while (!rest.empty()) {
        const bool well_formed = rest.size() >= 4 && rest.substr(0, 3) == "psk" && rest[3] >= '0' &&
                                 rest[3] <= '9' &&
                                 (rest.size() == 4 || (rest[4] == '+' && rest.size() > 5));
        if (!well_formed || !insert_psk(*pattern, static_cast<std::size_t>(rest[3] - '0'))) {
            return std::nullopt;
        }
        rest.remove_prefix(std::min<std::size_t>(5, rest.size()));
    }
    return pattern;
}

crypto::AeadNonce noise_nonce(std::uint64_t counter) {
    crypto::AeadNonce nonce{};
    for (std::size_t i = 0; i < 8; ++i) {
        nonce[4 + i] = static_cast<std::uint8_t>(counter >> (56 - 8 * i));
    }
    return nonce;
}

Secret32 noise_rekey(const Secret32& key) {
    Secret32 fresh;
    std::array<std::uint8_t, crypto::kAeadTagBytes> tag{};
    crypto::Aes256Gcm(key).seal(noise_nonce(~std::uint64_t{0}), {}, fresh.mutable_span(), tag);
    return fresh;
}

CipherState::CipherState(const Secret32& key) : key_(key) {}

crypto::Aes256Gcm& CipherState::cipher() {
    if (!cipher_) {
        cipher_.emplace(*key_);
    }
    return *cipher_;
}

void CipherState::seal(ByteSpan associated, Bytes& text) {
    if (!key_) {
        return;
    }
    SWARM_ASSERT(nonce_ <= kNoiseNonceMax);
    const std::size_t size = text.size();
    text.resize(size + crypto::kAeadTagBytes);
    const MutableByteSpan all(text);
    cipher().seal(noise_nonce(nonce_), associated, all.first(size), all.subspan(size));
    ++nonce_;
}

bool CipherState::open(ByteSpan associated, Bytes& text) {
    if (!key_) {
        return true;
    }
    if (text.size() < crypto::kAeadTagBytes || nonce_ > kNoiseNonceMax) {
        return false;
    }
    const std::size_t size = text.size() - crypto::kAeadTagBytes;
    const MutableByteSpan all(text);
    if (!cipher().open(noise_nonce(nonce_), associated, all.first(size), all.subspan(size))) {
        return false;
    }
    text.resize(size);
    ++nonce_;
    return true;
}

NoiseHandshake::NoiseHandshake(const Pattern& pattern, NoiseRole role, ByteSpan prologue,
                               NoiseKeys keys, Dice& dice)
    : pattern_(pattern), role_(role), dice_(dice), keys_(std::move(keys)) {
    const std::string name = "Noise_" + pattern_.name + "_25519_AESGCM_SHA256";
    if (name.size() <= Hash256::kSize) {
        std::copy(name.begin(), name.end(), hash_.bytes.begin());
    } else {
        hash_ = crypto::sha256(as_bytes(name));
    }
    chaining_key_ = Secret32(hash_.bytes);
    for (const std::vector<Token>& message : pattern_.messages) {
        has_psk_ |= std::find(message.begin(), message.end(), Token::psk) != message.end();
    }
    mix_hash(prologue);
    // Premessages are static keys only, in the patterns above; the initiator's comes first.
    const auto mix_known = [&](bool own) {
        const bool there = own ? keys_.own_static.has_value() : keys_.remote_static.has_value();
        SWARM_ASSERT(there);
        mix_hash(own ? keys_.own_static->public_key.span() : keys_.remote_static->span());
    };
    if (!pattern_.initiator_premessage.empty()) {
        mix_known(initiator());
    }
    if (!pattern_.responder_premessage.empty()) {
        mix_known(!initiator());
    }
}

bool NoiseHandshake::my_turn() const {
    return !finished() && (next_message_ % 2 == 0) == initiator();
}

Result<Bytes> NoiseHandshake::write_message(ByteSpan payload) {
    if (failed_) {
        return failure();
    }
    SWARM_ASSERT(my_turn());
    Bytes message;
    for (const Token token : pattern_.messages[next_message_]) {
        if (!write_token(token, message)) {
            return failure();
        }
    }
    Bytes text = to_bytes(payload);
    seal_and_hash(text);
    message.insert(message.end(), text.begin(), text.end());
    SWARM_ASSERT(message.size() <= kNoiseMessageBytesMax);
    ++next_message_;
    return message;
}

Result<Bytes> NoiseHandshake::read_message(ByteSpan message) {
    if (failed_) {
        return failure();
    }
    SWARM_ASSERT(!my_turn() && !finished());
    if (message.size() > kNoiseMessageBytesMax) {
        return failure();
    }
    ByteSpan rest = message;
    for (const Token token : pattern_.messages[next_message_]) {
        if (!read_token(token, rest)) {
            return failure();
        }
    }
    Bytes payload = to_bytes(rest);
    if (!open_and_hash(payload)) {
        return failure();
    }
    ++next_message_;
    return payload;
}

bool NoiseHandshake::write_token(Token token, Bytes& out) {
    switch (token) {
        case Token::e: {
            own_ephemeral_ = crypto::X25519KeyPair::generate(dice_);
            const ByteSpan key = own_ephemeral_->public_key.span();
            out.insert(out.end(), key.begin(), key.end());
            mix_hash(key);
            if (has_psk_) {
                mix_key(key);
            }
            return true;
        }
        case Token::s: {
            SWARM_ASSERT(keys_.own_static.has_value());
            Bytes key = to_bytes(keys_.own_static->public_key.span());
            seal_and_hash(key);
            out.insert(out.end(), key.begin(), key.end());
            return true;
        }
        case Token::psk: return mix_psk();
        default: return mix_diffie_hellman(token);
    }
}

bool NoiseHandshake::read_token(Token token, ByteSpan& in) {
    switch (token) {
        case Token::e: {
            if (in.size() < X25519PublicKey::kSize) {
                return false;
            }
            const ByteSpan key = in.first(X25519PublicKey::kSize);
            in = in.subspan(X25519PublicKey::kSize);
            remote_ephemeral_ = X25519PublicKey::from(key);
            mix_hash(key);
            if (has_psk_) {
                mix_key(key);
            }
            return true;
        }
        case Token::s: {
            const std::size_t size =
                X25519PublicKey::kSize + (cipher_.has_key() ? crypto::kAeadTagBytes : 0);
            if (in.size() < size) {
                return false;
            }
            Bytes key = to_bytes(in.first(size));
            in = in.subspan(size);
            if (!open_and_hash(key)) {
                return false;
            }
            keys_.remote_static = X25519PublicKey::from(key);
            return true;
        }
        case Token::psk: return mix_psk();
        default: return mix_diffie_hellman(token);
    }
}

bool NoiseHandshake::mix_diffie_hellman(Token token) {
    // "es" is the initiator's ephemeral with the responder's static key, seen from either end.
    const bool own_is_ephemeral =
        token == Token::ee || token == (initiator() ? Token::es : Token::se);
    const bool remote_is_ephemeral =
        token == Token::ee || token == (initiator() ? Token::se : Token::es);
    const auto& own = own_is_ephemeral ? own_ephemeral_ : keys_.own_static;
    const auto& remote = remote_is_ephemeral ? remote_ephemeral_ : keys_.remote_static;
    if (!own || !remote) {
        return false;
    }
    ++diffie_hellmans_;
    const auto shared = crypto::x25519(own->secret, *remote);
    if (!shared) {
        return false;
    }
    mix_key(shared->span());
    return true;
}

bool NoiseHandshake::mix_psk() {
    if (next_psk_ >= keys_.psks.size()) {
        return false;
    }
    mix_key_and_hash(keys_.psks[next_psk_++].span());
    return true;
}

void NoiseHandshake::mix_hash(ByteSpan bytes) {
    crypto::Sha256 hasher;
    hasher.update(hash_.span());
    hasher.update(bytes);
    hash_ = hasher.finish();
}

void NoiseHandshake::mix_key(ByteSpan input) {
    const auto outputs = noise_hkdf<2>(chaining_key_, input);
    chaining_key_ = outputs[0];
    cipher_ = CipherState(outputs[1]);
}

void NoiseHandshake::mix_key_and_hash(ByteSpan input) {
    const auto outputs = noise_hkdf<3>(chaining_key_, input);
    chaining_key_ = outputs[0];
    mix_hash(outputs[1].span());
    cipher_ = CipherState(outputs[2]);
}

void NoiseHandshake::seal_and_hash(Bytes& text) {
    cipher_.seal(hash_.span(), text);
    mix_hash(text);
}

bool NoiseHandshake::open_and_hash(Bytes& text) {
    const Bytes sealed = text;
    if (!cipher_.open(hash_.span(), text)) {
        return false;
    }
    mix_hash(sealed);
    return true;
}

TransportKeys NoiseHandshake::split() const {
    SWARM_ASSERT(finished() && !failed_);
    const auto outputs = noise_hkdf<2>(chaining_key_, {});
    return {outputs[0], outputs[1]};
}

Error NoiseHandshake::failure() {
    failed_ = true;
    return peer_error(
        "the handshake failed: the other end does not belong to this swarm, or what "
        "it sent was changed on the way",
        Code::permission);
}

}  // namespace swarmfs::channel
