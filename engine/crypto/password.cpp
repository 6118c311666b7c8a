#include "engine/crypto/password.hpp"

#include <sodium.h>

#include "engine/core/wire.hpp"
#include "engine/crypto/aead.hpp"
#include "engine/crypto/random.hpp"

namespace swarmfs::crypto {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 1 + 1 + 2 + crypto_pwhash_SALTBYTES;
static_assert(crypto_pwhash_SALTBYTES == 16);

Result<Secret32> stretch(std::string_view password, ByteSpan salt, unsigned operations,
                         unsigned memory_mib) {
    initialise();
    Secret32 key;
    const int failed = crypto_pwhash(
        key.mutable_span().data(), key.span().size(), password.data(), password.size(), salt.data(),
        operations, std::size_t{memory_mib} * 1024 * 1024, crypto_pwhash_ALG_ARGON2ID13);
    if (failed != 0) {
        return disk_error(Code::no_space, "there is not enough memory to stretch the password");
    }
    return key;
}

// The key is used once: it depends on a fresh salt. So the nonce may be fixed.
constexpr AeadNonce kNonce{};

}  // namespace

Bytes seal_with_password(std::string_view password, ByteSpan text, Dice& dice) {
    Bytes sealed;
    WireWriter out(sealed);
    out.u8(kVersion);
    out.u8(static_cast<std::uint8_t>(kPasswordOperations));
    out.u16(static_cast<std::uint16_t>(kPasswordMemoryMib));
    std::array<std::uint8_t, crypto_pwhash_SALTBYTES> salt{};
    dice.fill(salt);
    out.raw(salt);
    const Bytes header = sealed;
    auto key = stretch(password, salt, kPasswordOperations, kPasswordMemoryMib);
    SWARM_ASSERT(key.ok());
    out.raw(text);
    sealed.resize(sealed.size() + kAeadTagBytes);
    const MutableByteSpan body = MutableByteSpan(sealed).subspan(kHeaderBytes);
    Aes256Gcm(*key).seal(kNonce, header, body.first(text.size()), body.last(kAeadTagBytes));
    return sealed;
}

Result<Bytes> open_with_password(std::string_view password, ByteSpan sealed) {
    WireReader in(sealed);
    const std::uint8_t version = in.u8();
    const unsigned operations = in.u8();
    const unsigned memory_mib = in.u16();
    const ByteSpan salt = in.raw(crypto_pwhash_SALTBYTES);
    if (in.failed() || in.remaining() < kAeadTagBytes || version != kVersion || operations == 0 ||
        operations > kPasswordOperationsMax || memory_mib == 0 ||
        memory_mib > kPasswordMemoryMibMax) {
        return caller_error(Code::invalid, "it is not sealed in a way this program knows");
    }
    SWARM_TRY(const Secret32 key, stretch(password, salt, operations, memory_mib));
    Bytes text = to_bytes(sealed.subspan(kHeaderBytes, in.remaining() - kAeadTagBytes));
    if (!Aes256Gcm(key).open(kNonce, sealed.first(kHeaderBytes), text,
                             sealed.last(kAeadTagBytes))) {
        return caller_error(Code::permission, "the password is wrong");
    }
    return text;
}

}  // namespace swarmfs::crypto
