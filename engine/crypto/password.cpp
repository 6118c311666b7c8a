#include "engine/crypto/password.hpp"

#include <sodium.h>

#include <algorithm>

#include "engine/core/wire.hpp"
#include "engine/crypto/aead.hpp"
#include "engine/crypto/random.hpp"

namespace swarmfs::crypto {
namespace {

using Salt = std::array<std::uint8_t, kPasswordSaltBytes>;

constexpr std::size_t kHeaderBytes = kPasswordSealOverhead - kAeadTagBytes;
constexpr AeadNonce kNonce{};  // rule 1

static_assert(crypto_pwhash_SALTBYTES == kPasswordSaltBytes);
static_assert(kPasswordSealOverhead == 1 + 1 + 2 + kPasswordSaltBytes + kAeadTagBytes);

bool within_bounds(StretchCost cost) {
    return cost.passes >= 1 && cost.passes <= kStretchCostMax.passes && cost.memory_mib >= 1 &&
           cost.memory_mib <= kStretchCostMax.memory_mib;
}

}  // namespace

Result<Secret32> stretch_password(std::string_view password, const Salt& salt, StretchCost cost) {
    initialise();
    if (password.size() > kPasswordBytesMax) {
        return caller_error(Code::invalid, "the password is longer than " +
                                               std::to_string(kPasswordBytesMax) + " bytes");
    }
    if (!within_bounds(cost)) {
        return caller_error(Code::invalid,
                            "stretching the password would cost more than this program spends");
    }
    Secret32 key;
    const int failed = crypto_pwhash(
        key.mutable_span().data(), key.span().size(), password.data(), password.size(), salt.data(),
        cost.passes, std::size_t{cost.memory_mib} * 1024 * 1024, crypto_pwhash_ALG_ARGON2ID13);
    if (failed != 0) {
        return caller_error(Code::no_space, "stretching the password takes " +
                                                std::to_string(cost.memory_mib) +
                                                " MiB of memory, and they are not there");
    }
    return key;
}

Result<Bytes> seal_with_password(std::string_view password, ByteSpan text, Dice& dice,
                                 StretchCost cost) {
    if (text.size() > kPasswordTextBytesMax) {
        return caller_error(Code::too_large, "it is too large to be sealed with a password");
    }
    Salt salt{};
    dice.fill(salt);
    SWARM_TRY(const Secret32 key, stretch_password(password, salt, cost));

    Bytes sealed;
    sealed.reserve(kPasswordSealOverhead + text.size());  // no copies of the text left in the heap
    WireWriter out(sealed);
    out.u8(kPasswordSealVersion);
    out.u8(cost.passes);
    out.u16(cost.memory_mib);
    out.raw(salt);
    out.raw(text);
    sealed.resize(kPasswordSealOverhead + text.size());
    const MutableByteSpan all(sealed);
    Aes256Gcm(key).seal(kNonce, all.first(kHeaderBytes), all.subspan(kHeaderBytes, text.size()),
                        all.last(kAeadTagBytes));
    return sealed;
}

Result<Bytes> open_with_password(std::string_view password, ByteSpan sealed) {
    WireReader in(sealed);
    const std::uint8_t version = in.u8();
    if (!in.failed() && version != kPasswordSealVersion) {
        return caller_error(Code::unsupported, "it is sealed with a password as version " +
                                                   std::to_string(version) +
                                                   " does it; this program knows version " +
                                                   std::to_string(kPasswordSealVersion));
    }
    StretchCost cost;
    cost.passes = in.u8();
    cost.memory_mib = in.u16();
    const ByteSpan salt_bytes = in.raw(kPasswordSaltBytes);
    if (in.failed() || in.remaining() < kAeadTagBytes ||
        in.remaining() > kPasswordTextBytesMax + kAeadTagBytes) {
        return caller_error(Code::invalid, "it is not sealed in a way this program knows");
    }
    Salt salt{};
    std::copy(salt_bytes.begin(), salt_bytes.end(), salt.begin());
    SWARM_TRY(const Secret32 key, stretch_password(password, salt, cost));
    Bytes text = to_bytes(in.raw(in.remaining() - kAeadTagBytes));
    if (!Aes256Gcm(key).open(kNonce, sealed.first(kHeaderBytes), text,
                             sealed.last(kAeadTagBytes))) {
        return caller_error(Code::permission, "the password is wrong, or what it seals is damaged");
    }
    return text;
}

}  // namespace swarmfs::crypto
