#include "engine/crypto/aead.hpp"

#include <openssl/evp.h>

#include "engine/core/assert.hpp"

namespace swarmfs::crypto {
namespace {

struct FreeContext {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const EVP_CIPHER* algorithm() {
    static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    SWARM_ASSERT(cipher != nullptr);
    return cipher;
}

int size_of(ByteSpan bytes) {
    SWARM_ASSERT(bytes.size() <= (1U << 30));
    return static_cast<int>(bytes.size());
}

// One direction each: changing direction would make OpenSSL expand the key anew.
Context keyed(const Secret32& key, int encrypt) {
    Context context(EVP_CIPHER_CTX_new());
    SWARM_ASSERT(EVP_CipherInit_ex2(context.get(), algorithm(), key.array().data(), nullptr,
                                    encrypt, nullptr) == 1);
    return context;
}

}  // namespace

struct Aes256Gcm::State {
    Secret32 key;
    Context sealing;  // made at first use
    Context opening;
};

Aes256Gcm::Aes256Gcm(const Secret32& key) : state_(std::make_unique<State>()) {
    state_->key = key;
}
Aes256Gcm::~Aes256Gcm() = default;
Aes256Gcm::Aes256Gcm(Aes256Gcm&&) noexcept = default;
Aes256Gcm& Aes256Gcm::operator=(Aes256Gcm&&) noexcept = default;

void Aes256Gcm::seal(const AeadNonce& nonce, ByteSpan associated, MutableByteSpan text,
                     MutableByteSpan tag) {
    SWARM_ASSERT(tag.size() == kAeadTagBytes);
    if (!state_->sealing) {
        state_->sealing = keyed(state_->key, 1);
    }
    EVP_CIPHER_CTX* const context = state_->sealing.get();
    int written = 0;
    bool sealed = EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), 1, nullptr) == 1;
    if (!associated.empty()) {
        sealed &= EVP_CipherUpdate(context, nullptr, &written, associated.data(),
                                   size_of(associated)) == 1;
    }
    if (!text.empty()) {
        sealed &= EVP_CipherUpdate(context, text.data(), &written, text.data(), size_of(text)) == 1;
    }
    std::uint8_t rest[16];
    sealed &= EVP_CipherFinal_ex(context, rest, &written) == 1;
    sealed &= EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes, tag.data()) == 1;
    SWARM_ASSERT(sealed);
}

bool Aes256Gcm::open(const AeadNonce& nonce, ByteSpan associated, MutableByteSpan text,
                     ByteSpan tag) {
    SWARM_ASSERT(tag.size() == kAeadTagBytes);
    if (!state_->opening) {
        state_->opening = keyed(state_->key, 0);
    }
    EVP_CIPHER_CTX* const context = state_->opening.get();
    std::array<std::uint8_t, kAeadTagBytes> expected{};
    std::copy(tag.begin(), tag.end(), expected.begin());
    int written = 0;
    bool opened = EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), 0, nullptr) == 1;
    if (!associated.empty()) {
        opened &= EVP_CipherUpdate(context, nullptr, &written, associated.data(),
                                   size_of(associated)) == 1;
    }
    if (!text.empty()) {
        opened &= EVP_CipherUpdate(context, text.data(), &written, text.data(), size_of(text)) == 1;
    }
    opened &=
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kAeadTagBytes, expected.data()) == 1;
    std::uint8_t rest[16];
    return opened && EVP_CipherFinal_ex(context, rest, &written) == 1;
}

}  // namespace swarmfs::crypto
