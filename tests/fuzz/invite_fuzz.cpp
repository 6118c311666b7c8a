// fuzz: uses catalog
// Arbitrary text as an invite: what is accepted is the one text of what it says.
#include "engine/catalog/invite.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace swarmfs;
    const std::string_view text = as_text({data, size});
    const auto invite = catalog::parse_invite(text, 0);
    if (invite.ok()) {
        SWARM_ASSERT(catalog::looks_like_invite(text));
        SWARM_ASSERT(text.find(catalog::to_text(*invite)) != std::string_view::npos);
        SWARM_ASSERT(invite->role() >= catalog::Role::read);
    }
    (void)catalog::needs_password(text);
    return 0;
}
