#pragma once
// Sealed records: what a channel carries once its handshake is done. No I/O here.
//
//   record = length:u16 ciphertext[length-16] tag:16      plaintext at most 65,519 bytes
//   close  = a record of no plaintext
//
// Rules:
//   1. Each direction has a key and a counter of its own. After kRecordsPerKey records comes a
//      fresh key (Noise REKEY) and the counter begins anew: both ends count, nothing is said. No
//      (key, nonce) pair seals twice.
//   2. The length is not authenticated by itself: a wrong one makes the tag fail.
//   3. After any failure a cipher is dead, all failures alike: a link that was tampered with is of
//      no use to anybody. What did not open is zeroed.
//   4. A link that ends without a close record was cut. Nothing comes after a close.
// Thread: one at a time for each object; the two ciphers of a link may live on different threads.

#include <optional>

#include "engine/core/bytes.hpp"
#include "engine/core/result.hpp"
#include "engine/crypto/aead.hpp"

namespace swarmfs::channel {

// Fixed by the protocol.
inline constexpr std::size_t kLengthBytes = 2;
inline constexpr std::size_t kRecordPlaintextMax = 65'535 - crypto::kAeadTagBytes;
inline constexpr std::size_t kRecordOverhead = kLengthBytes + crypto::kAeadTagBytes;
// 65,536 full records are 4 GiB: far from where GCM weakens, and a fresh key costs a microsecond.
inline constexpr std::uint64_t kRecordsPerKey = 65'536;
// 2^48 records: a link that sends a million a second gets there in nine years.
inline constexpr std::uint64_t kKeysMax = std::uint64_t{1} << 32;

// Finds one length-prefixed message at the start of a stream.
// Returns: the bytes after the length; nothing while more are needed.
// Errors: a peer error for a length of zero or above `bytes_max`, known from the first two bytes.
// Valid until: the stream's bytes move.
Result<std::optional<ByteSpan>> take_message(ByteSpan stream, std::size_t bytes_max);

// The key of one direction and how far it is used up. Both ends hold one and advance it alike.
class RecordKey {
public:
    explicit RecordKey(const crypto::Secret32& key, std::uint64_t keys_used = 1)
        : key_(key), cipher_(key), keys_used_(keys_used) {}

    // False when the last record of the last key is behind us.
    bool usable() const { return keys_used_ <= kKeysMax; }
    crypto::Aes256Gcm& cipher() { return cipher_; }
    crypto::AeadNonce nonce_bytes() const;
    // One record was sealed or opened.
    void advance();

    std::uint64_t keys_used() const { return keys_used_; }
    std::uint64_t nonce() const { return nonce_; }

private:
    crypto::Secret32 key_;
    crypto::Aes256Gcm cipher_;
    std::uint64_t nonce_ = 0;
    std::uint64_t keys_used_;
};

class SendCipher {
public:
    explicit SendCipher(const crypto::Secret32& key) : key_(key) {}

    // Seals a record in place.
    // Requires: record = kLengthBytes of anything, 1 to kRecordPlaintextMax bytes of plaintext, 16
    // bytes of anything; no close was sealed; fewer than 2^48 records were.
    void seal(MutableByteSpan record);
    // The record that says nothing more will come. Requires: not sealed yet.
    Bytes seal_close();

    std::uint64_t keys_used() const { return key_.keys_used(); }
    std::uint64_t nonce() const { return key_.nonce(); }

private:
    void seal_any(MutableByteSpan record);

    RecordKey key_;
    bool closed_ = false;
};

class ReceiveCipher {
public:
    explicit ReceiveCipher(const crypto::Secret32& key) : key_(key) {}

    // Opens a record, without its length, in place.
    // Returns: the plaintext, within `sealed`; empty for a close and for nothing else.
    // Errors: a peer error; every later call fails, too. A record after a close is an error.
    Result<MutableByteSpan> open(MutableByteSpan sealed);
    // The other end said goodbye: an end of the stream after this is a proper one.
    bool closed() const { return closed_; }

    std::uint64_t keys_used() const { return key_.keys_used(); }
    std::uint64_t nonce() const { return key_.nonce(); }

private:
    RecordKey key_;
    bool closed_ = false;
    bool failed_ = false;
};

}  // namespace swarmfs::channel
