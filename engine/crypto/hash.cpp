#include "engine/crypto/hash.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>

#include "engine/core/assert.hpp"

namespace swarmfs::crypto {
namespace {

// Fetching an algorithm by name searches OpenSSL's providers under a lock; once is enough.
const EVP_MD* sha256_algorithm() {
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    SWARM_ASSERT(algorithm != nullptr);
    return algorithm;
}

struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

void begin(EVP_MD_CTX* context) {
    SWARM_ASSERT(EVP_DigestInit_ex(context, sha256_algorithm(), nullptr) == 1);
}

Hash256 end(EVP_MD_CTX* context) {
    Hash256 hash;
    SWARM_ASSERT(EVP_DigestFinal_ex(context, hash.bytes.data(), nullptr) == 1);
    return hash;
}

// One context a thread, so that a hash allocates nothing.
EVP_MD_CTX* own_context() {
    thread_local const Context context(EVP_MD_CTX_new());
    return context.get();
}

}  // namespace

Hash256 sha256(ByteSpan bytes) {
    EVP_MD_CTX* const context = own_context();
    begin(context);
    SWARM_ASSERT(EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1);
    return end(context);
}

Hash256 sha256_pair(const Hash256& left, const Hash256& right) {
    std::array<std::uint8_t, 64> both{};
    std::copy(left.bytes.begin(), left.bytes.end(), both.begin());
    std::copy(right.bytes.begin(), right.bytes.end(), both.begin() + 32);
    return sha256(both);
}

struct Sha256::State {
    Context context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
    begin(state_->context.get());
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteSpan bytes) {
    SWARM_ASSERT(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

Hash256 Sha256::finish() {
    const Hash256 hash = end(state_->context.get());
    begin(state_->context.get());
    return hash;
}

Hash256 hmac_sha256(ByteSpan key, ByteSpan message) {
    Hash256 mac;
    unsigned size = 0;
    const void* const made = HMAC(sha256_algorithm(), key.data(), static_cast<int>(key.size()),
                                  message.data(), message.size(), mac.bytes.data(), &size);
    SWARM_ASSERT(made != nullptr && size == mac.bytes.size());
    return mac;
}

Bytes hkdf_sha256(ByteSpan secret, std::string_view purpose, std::size_t length, ByteSpan salt) {
    SWARM_ASSERT(length <= 255 * Hash256::kSize);
    const Hash256 no_salt;
    const Hash256 extracted = hmac_sha256(salt.empty() ? no_salt.span() : salt, secret);
    Bytes out;
    Bytes block;
    for (std::uint8_t counter = 1; out.size() < length; ++counter) {
        block.insert(block.end(), purpose.begin(), purpose.end());
        block.push_back(counter);
        block = to_bytes(hmac_sha256(extracted.span(), block).span());
        out.insert(out.end(), block.begin(), block.end());
    }
    out.resize(length);
    return out;
}

}  // namespace swarmfs::crypto
