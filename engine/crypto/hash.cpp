// The one-block functions of libcrypto are called directly. EVP_DigestInit frees and allocates its
// state at every call in OpenSSL 3, which makes the hash of two hashes, the step every tree is made
// of, 1.6 times as dear; the code that runs underneath (SHA-NI) is the same. Deprecated there means
// only that other algorithms should not be added this way.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "engine/crypto/hash.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "engine/core/assert.hpp"
#include "engine/crypto/secret.hpp"

namespace swarmfs::crypto {
namespace {

constexpr std::size_t kBlockBytes = SHA256_CBLOCK;

void begin(SHA256_CTX& state) {
    SWARM_ASSERT(SHA256_Init(&state) == 1);
}

void add(SHA256_CTX& state, ByteSpan bytes) {
    SWARM_ASSERT(SHA256_Update(&state, bytes.data(), bytes.size()) == 1);
}

Hash256 end(SHA256_CTX& state) {
    Hash256 hash;
    SWARM_ASSERT(SHA256_Final(hash.bytes.data(), &state) == 1);
    return hash;
}

// HMAC (RFC 2104) after its key: the two hashes begun with their pads, ready for any message.
class Hmac {
public:
    explicit Hmac(ByteSpan key) {
        std::array<std::uint8_t, kBlockBytes> pad{};
        if (key.size() > kBlockBytes) {
            const Hash256 short_key = sha256(key);
            std::copy(short_key.bytes.begin(), short_key.bytes.end(), pad.begin());
        } else {
            std::copy(key.begin(), key.end(), pad.begin());
        }
        xor_all(pad, 0x36);
        begin(inner_);
        add(inner_, pad);
        xor_all(pad, 0x36 ^ 0x5C);
        begin(outer_);
        add(outer_, pad);
        wipe(pad);
    }
    ~Hmac() {
        wipe({reinterpret_cast<std::uint8_t*>(&inner_), sizeof(inner_)});
        wipe({reinterpret_cast<std::uint8_t*>(&outer_), sizeof(outer_)});
    }
    Hmac(const Hmac&) = default;
    Hmac& operator=(const Hmac&) = delete;

    void update(ByteSpan bytes) { add(inner_, bytes); }
    // Requires: nothing is called afterwards.
    Hash256 finish() {
        add(outer_, end(inner_).span());
        return end(outer_);
    }

private:
    static void xor_all(std::array<std::uint8_t, kBlockBytes>& pad, unsigned value) {
        for (std::uint8_t& byte : pad) {
            byte = static_cast<std::uint8_t>(byte ^ value);
        }
    }

    SHA256_CTX inner_{};
    SHA256_CTX outer_{};
};

}  // namespace

Hash256 sha256(ByteSpan bytes) {
    SHA256_CTX state;
    begin(state);
    add(state, bytes);
    return end(state);
}

Hash256 sha256_pair(const Hash256& left, const Hash256& right) {
    SHA256_CTX state;
    begin(state);
    add(state, left.span());
    add(state, right.span());
    return end(state);
}

struct Sha256::State {
    SHA256_CTX context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
    begin(state_->context);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteSpan bytes) {
    add(state_->context, bytes);
}

Hash256 Sha256::finish() {
    const Hash256 hash = end(state_->context);
    begin(state_->context);
    return hash;
}

Hash256 hmac_sha256(ByteSpan key, ByteSpan message) {
    Hmac mac(key);
    mac.update(message);
    return mac.finish();
}

Bytes hkdf_sha256(ByteSpan secret, std::string_view purpose, std::size_t length, ByteSpan salt) {
    SWARM_ASSERT(length <= 255 * Hash256::kSize);
    Hash256 key = hmac_sha256(salt, secret);  // an empty salt and one of zeros are the same key
    const Hmac keyed(key.span());
    wipe(key.bytes);
    Bytes out(length);
    Hash256 block;
    std::uint8_t counter = 1;
    for (std::size_t at = 0; at < length; at += Hash256::kSize, ++counter) {
        Hmac mac = keyed;
        if (counter > 1) {
            mac.update(block.span());
        }
        mac.update(as_bytes(purpose));
        mac.update({&counter, 1});
        block = mac.finish();
        const std::size_t wanted = std::min(length - at, Hash256::kSize);
        std::copy_n(block.bytes.begin(), wanted, out.begin() + static_cast<std::ptrdiff_t>(at));
    }
    wipe(block.bytes);
    return out;
}

}  // namespace swarmfs::crypto
