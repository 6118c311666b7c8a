#pragma once
// SHA-256 and what is built on it. OpenSSL's, which uses the SHA instructions where the CPU has
// them. Nothing here allocates but Sha256's construction and the result of hkdf_sha256.

#include <memory>
#include <string_view>

#include "engine/core/bytes.hpp"
#include "engine/core/ids.hpp"

namespace swarmfs::crypto {

// Thread: any.
Hash256 sha256(ByteSpan bytes);
// The hash of two hashes, as an inner node of a tree.   Thread: any.
Hash256 sha256_pair(const Hash256& left, const Hash256& right);

// A hash of bytes that arrive in pieces. Thread: one at a time.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    void update(ByteSpan bytes);
    // Returns: the hash of all that was given; starts anew afterwards.
    Hash256 finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

// HMAC-SHA256 (RFC 2104). Thread: any.
Hash256 hmac_sha256(ByteSpan key, ByteSpan message);
// HKDF-SHA256 (RFC 5869) with an empty salt unless given; `purpose` is its info. Thread: any.
// Requires: length <= 255 * 32.
Bytes hkdf_sha256(ByteSpan secret, std::string_view purpose, std::size_t length,
                  ByteSpan salt = {});

}  // namespace swarmfs::crypto
