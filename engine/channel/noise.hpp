#pragma once
// Noise handshakes (noiseprotocol.org, revision 34), suite 25519_AESGCM_SHA256, without I/O.
//
// A pattern is a table: for each message its tokens. One loop writes messages and one reads them,
// so that every published vector of every pattern exercises the code swarmfs relies on.
//
//   e             a fresh key, in the clear
//   s             the static key, sealed once there is a key to seal with
//   ee es se ss   a Diffie-Hellman: the initiator's key first, e fresh or s static
//   psk           a shared secret is mixed in
//
// Rules:
//   1. The nonce is 4 zero bytes, then 64 bits big-endian; it counts up only when a seal or an open
//      succeeded, and ends at 2^64 - 2.
//   2. A failure ends the handshake: no later call succeeds, and none says which check failed.
//   3. Diffie-Hellman results of zero are refused.
//   4. Messages end at 65,535 bytes.
// Thread: one at a time.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/bytes.hpp"
#include "engine/core/dice.hpp"
#include "engine/core/result.hpp"
#include "engine/crypto/aead.hpp"
#include "engine/crypto/x25519.hpp"

namespace swarmfs::channel {

// Fixed by Noise. The nonce after the last usable one is REKEY's.
inline constexpr std::size_t kNoiseMessageBytesMax = 65'535;
inline constexpr std::uint64_t kNoiseNonceMax = ~std::uint64_t{0} - 1;

enum class Token : std::uint8_t { e, s, ee, es, se, ss, psk };

struct Pattern {
    std::string name;                         // "XXpsk0"
    std::vector<Token> initiator_premessage;  // keys the other end knows before it begins
    std::vector<Token> responder_premessage;
    std::vector<std::vector<Token>> messages;  // the initiator sends the first
};

// Returns: the table of "XX", "XK", "IK", "NN", "NK" or "KK" with any modifiers ("XXpsk0+psk3"), or
// nothing for other names.
std::optional<Pattern> noise_pattern(std::string_view name);

// A key and how often it was used. Not to be confused with the channel's ciphers, which seal
// records.
class CipherState {
public:
    CipherState() = default;
    explicit CipherState(const crypto::Secret32& key);

    bool has_key() const { return key_.has_value(); }
    std::uint64_t nonce() const { return nonce_; }

    // Appends the tag to `text` after sealing it in place; without a key, leaves it as it is.
    void seal(ByteSpan associated, Bytes& text);
    // Removes the tag. Returns: false when it does not fit.
    bool open(ByteSpan associated, Bytes& text);

private:
    crypto::Aes256Gcm& cipher();

    std::optional<crypto::Secret32> key_;
    // Made at first use: a handshake replaces most keys before they seal anything.
    std::optional<crypto::Aes256Gcm> cipher_;
    std::uint64_t nonce_ = 0;
};

crypto::AeadNonce noise_nonce(std::uint64_t counter);
// REKEY: the first 32 bytes of sealing 32 zero bytes under the largest nonce.
crypto::Secret32 noise_rekey(const crypto::Secret32& key);

enum class NoiseRole : std::uint8_t { initiator, responder };

struct NoiseKeys {
    std::optional<crypto::X25519KeyPair> own_static;
    std::optional<crypto::X25519PublicKey> remote_static;  // where the pattern knows it beforehand
    std::vector<crypto::Secret32> psks;                    // in the order of the tokens
};

// The keys of the two directions, once the handshake is done.
struct TransportKeys {
    crypto::Secret32 initiator_to_responder;
    crypto::Secret32 responder_to_initiator;
};

class NoiseHandshake {
public:
    // Requires: the keys the pattern needs are there. `dice` gives the ephemeral key and outlives
    // this.
    NoiseHandshake(const Pattern& pattern, NoiseRole role, ByteSpan prologue, NoiseKeys keys,
                   Dice& dice);

    bool my_turn() const;
    bool finished() const { return next_message_ == pattern_.messages.size(); }

    // Errors: a peer error, the same for every cause, now and at every later call.
    // Requires: my_turn().
    Result<Bytes> write_message(ByteSpan payload);
    // Returns: the payload. Errors: as write_message. Requires: !my_turn() && !finished().
    Result<Bytes> read_message(ByteSpan message);

    // Requires: finished().
    TransportKeys split() const;
    const Hash256& handshake_hash() const { return hash_; }
    const std::optional<crypto::X25519PublicKey>& remote_static() const {
        return keys_.remote_static;
    }
    // Diffie-Hellman operations so far: what a message has cost us.
    std::size_t diffie_hellmans() const { return diffie_hellmans_; }

private:
    bool initiator() const { return role_ == NoiseRole::initiator; }
    void mix_hash(ByteSpan bytes);
    void mix_key(ByteSpan input);
    void mix_key_and_hash(ByteSpan input);
    void seal_and_hash(Bytes& text);
    bool open_and_hash(Bytes& text);
    bool mix_diffie_hellman(Token token);
    bool mix_psk();
    bool write_token(Token token, Bytes& out);
    bool read_token(Token token, ByteSpan& in);
    Error failure();

    const Pattern pattern_;
    const NoiseRole role_;
    Dice& dice_;
    NoiseKeys keys_;
    std::optional<crypto::X25519KeyPair> own_ephemeral_;
    std::optional<crypto::X25519PublicKey> remote_ephemeral_;
    Hash256 hash_;
    crypto::Secret32 chaining_key_;
    CipherState cipher_;
    bool has_psk_ = false;
    std::size_t next_psk_ = 0;
    std::size_t next_message_ = 0;
    std::size_t diffie_hellmans_ = 0;
    bool failed_ = false;
};

}  // namespace swarmfs::channel
