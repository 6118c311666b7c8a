#include "engine/crypto/aead.hpp"

#include <openssl/evp.h>

#include "engine/core/assert.hpp"

namespace swarmfs::crypto {
namespace {

enum Direction : int { kOpen = 0, kSeal = 1 };

// Fetching an algorithm by name searches OpenSSL's providers under a lock; once is enough.
const EVP_CIPHER* algorithm() {
    static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    SWARM_ASSERT(cipher != nullptr);
    return cipher;
}

}  // namespace

// GCM runs its block cipher forwards in both directions, so one expanded key serves both.
struct Aes256Gcm::State {
    EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();

    State() {
        SWARM_ASSERT(context != nullptr);
        SWARM_ASSERT(EVP_CipherInit_ex2(context, algorithm(), nullptr, nullptr, kSeal, nullptr) ==
                     1);
    }
    ~State() { EVP_CIPHER_CTX_free(context); }  // zeroes the expanded key
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void begin(Direction direction, const AeadNonce& nonce, ByteSpan associated) {
        SWARM_ASSERT(
            EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), direction, nullptr) == 1);
        add(nullptr, associated);
    }
    // Requires: `out` is where the bytes are, or null for associated ones.
    void add(std::uint8_t* out, ByteSpan bytes) {
        SWARM_ASSERT(bytes.size() <= kAeadTextBytesMax);
        int written = 0;
        if (!bytes.empty()) {
            SWARM_ASSERT(EVP_CipherUpdate(context, out, &written, bytes.data(),
                                          static_cast<int>(bytes.size())) == 1);
        }
    }
    bool end() {
        std::uint8_t nothing[kAeadTagBytes];  // GCM keeps no bytes back
        int written = 0;
        return EVP_CipherFinal_ex(context, nothing, &written) == 1;
    }
};

Aes256Gcm::Aes256Gcm(const Secret32& key) : state_(std::make_unique<State>()) {
    rekey(key);
}
Aes256Gcm::~Aes256Gcm() = default;
Aes256Gcm::Aes256Gcm(Aes256Gcm&&) noexcept = default;
Aes256Gcm& Aes256Gcm::operator=(Aes256Gcm&&) noexcept = default;

void Aes256Gcm::rekey(const Secret32& key) {
    SWARM_ASSERT(EVP_CipherInit_ex2(state_->context, nullptr, key.array().data(), nullptr, kSeal,
                                    nullptr) == 1);
}

void Aes256Gcm::seal(const AeadNonce& nonce, ByteSpan associated, MutableByteSpan text,
                     MutableByteSpan tag) {
    SWARM_ASSERT(tag.size() == kAeadTagBytes);
    state_->begin(kSeal, nonce, associated);
    state_->add(text.data(), text);
    SWARM_ASSERT(state_->end());
    SWARM_ASSERT(EVP_CIPHER_CTX_ctrl(state_->context, EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes,
                                     tag.data()) == 1);
}

bool Aes256Gcm::open(const AeadNonce& nonce, ByteSpan associated, MutableByteSpan text,
                     ByteSpan tag) {
    SWARM_ASSERT(tag.size() == kAeadTagBytes);
    state_->begin(kOpen, nonce, associated);
    state_->add(text.data(), text);
    // OpenSSL only reads the tag; its parameter serves both directions and so has no const.
    SWARM_ASSERT(EVP_CIPHER_CTX_ctrl(state_->context, EVP_CTRL_AEAD_SET_TAG, kAeadTagBytes,
                                     const_cast<std::uint8_t*>(tag.data())) == 1);
    const bool proven = state_->end();
    if (!proven) {
        wipe(text);
    }
    return proven;
}

}  // namespace swarmfs::crypto
