#pragma once
// AES-256-GCM (NIST SP 800-38D) by OpenSSL: about 5 GB/s a core where the CPU has VAES.
//
// Rules for callers:
//   1. A (key, nonce) pair seals once, ever. Reuse gives away the xor of both texts and the key
//      that makes tags. Whoever owns the key owns the counter.
//   2. Bytes are sealed and opened where they lie. Nothing is allocated after construction.
//   3. A text that does not open is zeroed: what is unproven is not left lying about.

#include <array>
#include <memory>

#include "engine/core/bytes.hpp"
#include "engine/crypto/secret.hpp"

namespace swarmfs::crypto {

inline constexpr std::size_t kAeadTagBytes = 16;
// One call's limit here, which OpenSSL's int lengths allow; GCM's own is 64 GiB under one nonce.
inline constexpr std::size_t kAeadTextBytesMax = std::size_t{1} << 30;
using AeadNonce = std::array<std::uint8_t, 12>;

// One key at a time. Thread: one at a time.
class Aes256Gcm {
public:
    explicit Aes256Gcm(const Secret32& key);
    ~Aes256Gcm();
    Aes256Gcm(Aes256Gcm&&) noexcept;
    Aes256Gcm& operator=(Aes256Gcm&&) noexcept;

    // Forgets the key and takes another.
    void rekey(const Secret32& key);

    // Encrypts `text` in place and writes its tag.
    // Requires: the nonce was never used with this key; tag.size() == kAeadTagBytes; text and
    // associated bytes within kAeadTextBytesMax.
    void seal(const AeadNonce& nonce, ByteSpan associated, MutableByteSpan text,
              MutableByteSpan tag);
    // Decrypts in place. Returns: false when the tag does not fit; `text` is then all zeros.
    // Requires: as seal, but for the nonce.
    [[nodiscard]] bool open(const AeadNonce& nonce, ByteSpan associated, MutableByteSpan text,
                            ByteSpan tag);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace swarmfs::crypto
