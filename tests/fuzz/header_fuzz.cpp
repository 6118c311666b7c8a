// fuzz: uses catalog
// Arbitrary bytes as a publication's header, its signature unchecked so that what follows is
// reached: what is accepted and signed anew has the same bytes but for the signature.
#include <algorithm>

#include "engine/catalog/publication.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace swarmfs;
    const ByteSpan bytes(data, size);
    const auto decoded = catalog::decode_trusted_header(bytes);
    if (!decoded.ok()) {
        SWARM_ASSERT(!catalog::decode_header(bytes).ok());
        return 0;
    }
    static const auto key = crypto::SigningKey::from_seed({});
    catalog::Header header = decoded->header;
    header.author.node = key.public_key();
    if (header.seen.of(header.author) != 0) {
        return 0;
    }
    const auto again = catalog::sign_header(header, key);
    SWARM_ASSERT(again.ok() && again->size() == size);
    constexpr std::size_t kAuthorAt = 2 + 32;
    constexpr std::size_t kAuthorEnd = kAuthorAt + 32;
    const std::size_t signed_bytes = size - crypto::Signature::kSize;
    SWARM_ASSERT(std::equal(bytes.begin(), bytes.begin() + kAuthorAt, again->begin()));
    SWARM_ASSERT(std::equal(bytes.begin() + kAuthorEnd,
                            bytes.begin() + static_cast<std::ptrdiff_t>(signed_bytes),
                            again->begin() + kAuthorEnd));
    SWARM_ASSERT(catalog::decode_header(*again).ok());
    return 0;
}
