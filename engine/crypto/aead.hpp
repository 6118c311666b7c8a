#pragma once
// AES-256-GCM by OpenSSL (about 5 GB/s a core with VAES). Works in place and allocates nothing
// after construction. Thread: one at a time.

#include <array>
#include <memory>

#include "engine/core/bytes.hpp"
#include "engine/crypto/secret.hpp"

namespace swarmfs::crypto {

inline constexpr std::size_t kAeadTagBytes = 16;
using AeadNonce = std::array<std::uint8_t, 12>;

class Aes256Gcm {
public:
    explicit Aes256Gcm(const Secret32& key);
    ~Aes256Gcm();
    Aes256Gcm(Aes256Gcm&&) noexcept;
    Aes256Gcm& operator=(Aes256Gcm&&) noexcept;

    // Encrypts `text` in place and writes its tag.
    // Requires: the nonce was never used with this key; tag.size() == kAeadTagBytes.
    void seal(const AeadNonce& nonce, ByteSpan associated, MutableByteSpan text,
              MutableByteSpan tag);
    // Decrypts in place. Returns: false when the tag does not fit; the bytes are then worthless.
    bool open(const AeadNonce& nonce, ByteSpan associated, MutableByteSpan text, ByteSpan tag);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace swarmfs::crypto
