// fuzz: uses catalog
// Arbitrary bytes as a grant: nobody but the owner's key can make one that verifies, so whatever is
// accepted must be the seed itself.
#include <algorithm>

#include "engine/catalog/grant.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace swarmfs;
    static const auto owner = crypto::SigningKey::from_seed({});
    static const SwarmId swarm{owner.public_key().bytes};
    static const Bytes genuine = [] {
        catalog::GrantLink link;
        link.subject = owner.public_key();
        link.role = catalog::Role::admin;
        return catalog::grant_from_owner(owner, link);
    }();
    const ByteSpan bytes(data, size);
    const auto member = catalog::verify_grant_chain(bytes, swarm, owner.public_key(), 1);
    SWARM_ASSERT(!member.ok() ||
                 std::equal(bytes.begin(), bytes.end(), genuine.begin(), genuine.end()));
    SWARM_ASSERT(!catalog::verify_invite_chain(bytes, swarm, owner.public_key()).ok());
    return 0;
}
