#pragma once
// The encrypted channel of a link: XXpsk0_25519_AESGCM_SHA256, then sealed records. No I/O here.
//
//   handshake message = length:u16 noise[length]                at most kHandshakeMessageBytesMax
//   record            = length:u16 ciphertext[length-16] tag:16   plaintext at most 65,519 bytes
//   close             = a record of no plaintext
//
// Rules:
//   1. psk = HKDF(read secret, "swarmfs psk"); prologue = "swarmfs", protocol version, swarm id. So
//      only members of the same swarm, speaking the same version, get past message one, and a
//      stranger is refused there before any Diffie-Hellman.
//   2. A responder in several swarms tries each against message one, at most kSwarmsTriedMax.
//   3. Each direction has a key and a counter of its own, and a fresh key (Noise REKEY) after every
//      kRecordsPerKey records: both ends count, nothing is said. No nonce is ever used twice.
//   4. The length is not authenticated by itself: a wrong one makes the tag fail.
//   5. After any failure a cipher is dead, all failures alike. A link that ends without a close
//      record was cut.
//   6. Two ends may dial at once; that makes two channels. Which one stays is the session's matter.
// Who the other end is, its hello proves by a signature over the handshake's hash.
// Thread: one at a time for each object; the two ciphers of a link may live on different threads.

#include <memory>
#include <optional>
#include <vector>

#include "engine/channel/noise.hpp"
#include "engine/core/ids.hpp"

namespace swarmfs::channel {

// Fixed by the protocol.
inline constexpr std::size_t kLengthBytes = 2;
inline constexpr std::size_t kRecordPlaintextMax = 65'535 - crypto::kAeadTagBytes;
inline constexpr std::size_t kRecordOverhead = kLengthBytes + crypto::kAeadTagBytes;
// 65,536 full records are 4 GiB: far from where GCM weakens, and a rekey costs a microsecond.
inline constexpr std::uint64_t kRecordsPerKey = 65'536;
inline constexpr std::size_t kHandshakeMessages = 3;

// Chosen by us: the longest message takes 96 bytes; the rest is room for payloads of later
// versions.
inline constexpr std::size_t kHandshakeMessageBytesMax = 1024;
inline constexpr std::size_t kSwarmsTriedMax = 64;

// What a member brings to a handshake.
struct ChannelSecrets {
    crypto::Secret32 read_secret;
    SwarmId swarm;
    crypto::X25519KeyPair own_static;
};

// Finds one length-prefixed message at the start of a stream.
// Returns: the bytes after the length; nothing while more are needed.
// Errors: a peer error for a length of zero or above `bytes_max`, known from the first two bytes.
Result<std::optional<ByteSpan>> take_message(ByteSpan stream, std::size_t bytes_max);

class SendCipher {
public:
    explicit SendCipher(const crypto::Secret32& key) : key_(key), cipher_(key) {}

    // Seals a record in place.
    // Requires: record = kLengthBytes of anything, the plaintext, 16 bytes of anything.
    void seal(MutableByteSpan record);
    // The record that says nothing more will come.
    Bytes seal_close();

    std::uint64_t keys_used() const { return keys_used_; }
    std::uint64_t nonce() const { return nonce_; }

private:
    crypto::Secret32 key_;
    crypto::Aes256Gcm cipher_;
    std::uint64_t nonce_ = 0;
    std::uint64_t keys_used_ = 1;
    bool closed_ = false;
};

class ReceiveCipher {
public:
    explicit ReceiveCipher(const crypto::Secret32& key) : key_(key), cipher_(key) {}

    // Opens a record, without its length, in place. Returns: the plaintext, within `sealed`; empty
    // for a close. Errors: a peer error; every later call fails, too.
    Result<MutableByteSpan> open(MutableByteSpan sealed);
    // The other end said goodbye: an end of the stream after this is a proper one.
    bool closed() const { return closed_; }

private:
    crypto::Secret32 key_;
    crypto::Aes256Gcm cipher_;
    std::uint64_t nonce_ = 0;
    bool closed_ = false;
    bool failed_ = false;
};

struct ChannelKeys {
    SendCipher send;
    ReceiveCipher receive;
    Hash256 handshake_hash;
    crypto::X25519PublicKey remote_static;
    std::size_t swarm_index = 0;  // of the responder's candidates
};

//   initiator: start ─> send, receive(2) ─> send, done
//   responder: receive(1) ─> send, receive(3), done
class Handshake {
public:
    static Handshake initiator(const ChannelSecrets& secrets, Dice& dice);
    // Requires: at most kSwarmsTriedMax candidates.
    static Handshake responder(std::vector<ChannelSecrets> candidates, Dice& dice);

    // Returns: message one with its length. Requires: an initiator's first call.
    Result<Bytes> start();
    // Takes the next message, without its length. Returns: what to send, perhaps nothing.
    Result<Bytes> receive(ByteSpan message);
    bool finished() const;
    // Diffie-Hellman operations so far.
    std::size_t diffie_hellmans() const;

    // Requires: finished(). Once.
    ChannelKeys keys();

private:
    Handshake(NoiseRole role, Dice& dice) : role_(role), dice_(&dice) {}
    Result<> choose_swarm(ByteSpan message);

    NoiseRole role_;
    Dice* dice_;
    std::vector<ChannelSecrets> candidates_;
    std::unique_ptr<NoiseHandshake> noise_;  // a responder's exists once a swarm is chosen
    std::size_t swarm_index_ = 0;
    bool failed_ = false;
};

}  // namespace swarmfs::channel
