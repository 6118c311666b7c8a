#include "engine/catalog/grant.hpp"

#include <algorithm>

#include "engine/core/wire.hpp"

namespace swarmfs::catalog {
namespace {

constexpr std::string_view kPurpose = "swarmfs grant 1";
constexpr std::size_t kUnsignedBytes = kGrantLinkBytes - crypto::Signature::kSize;

void write_link(WireWriter& out, const GrantLink& link) {
    out.u8(static_cast<std::uint8_t>(link.kind));
    out.fixed(link.subject);
    out.u8(static_cast<std::uint8_t>(link.role));
    out.u64(link.issued_ms);
    out.u64(link.use_until_ms);
    out.u64(link.valid_until_ms);
}

GrantLink read_link(WireReader& in) {
    GrantLink link;
    const std::uint8_t kind = in.u8();
    link.subject = in.fixed<NodeId>();
    const std::uint8_t role = in.u8();
    link.issued_ms = in.u64();
    link.use_until_ms = in.u64();
    link.valid_until_ms = in.u64();
    if (kind < 1 || kind > 2 || role < 1 || role > 3) {
        in.fail();
        return {};
    }
    link.kind = static_cast<SubjectKind>(kind);
    link.role = static_cast<Role>(role);
    if (link.kind == SubjectKind::node && link.use_until_ms != 0) {
        in.fail();
    }
    return link;
}

Bytes signed_message(const SwarmId& swarm, const NodeId& issuer, ByteSpan unsigned_link) {
    Bytes message;
    WireWriter out(message);
    out.fixed(swarm);
    out.fixed(issuer);
    out.raw(unsigned_link);
    return message;
}

Bytes signed_link(const SwarmId& swarm, const crypto::SigningKey& issuer, const GrantLink& link) {
    Bytes bytes;
    WireWriter out(bytes);
    write_link(out, link);
    out.fixed(issuer.sign(kPurpose, signed_message(swarm, issuer.public_key(), bytes)));
    return bytes;
}

std::uint64_t earlier_end(std::uint64_t left, std::uint64_t right) {
    if (left == 0 || right == 0) {
        return std::max(left, right);
    }
    return std::min(left, right);
}

bool ended(std::uint64_t end_ms, std::uint64_t at_ms) {
    return end_ms != 0 && at_ms > end_ms;
}

// Rules 2 to 4, between neighbours.
Result<> check_step(const GrantLink& from, const GrantLink& to) {
    if (to.role > from.role) {
        return peer_error("a grant gives more than its issuer has", Code::permission);
    }
    if (from.kind == SubjectKind::invite && to.kind != SubjectKind::node) {
        return peer_error("an invite's key signed another invite", Code::permission);
    }
    if (from.kind == SubjectKind::node && from.role != Role::admin) {
        return peer_error("a member who is no admin signed a grant", Code::permission);
    }
    if (to.issued_ms < from.issued_ms || ended(from.use_until_ms, to.issued_ms) ||
        ended(from.valid_until_ms, to.issued_ms)) {
        return peer_error("a grant was issued outside its issuer's time", Code::permission);
    }
    return done();
}

struct Verified {
    GrantLink last;
    std::uint64_t valid_until_ms = 0;
};

Result<Verified> verify(ByteSpan chain, const SwarmId& swarm) {
    WireReader in(chain);
    if (in.u8() != kGrantVersion) {
        return peer_error("a grant is empty or of a version this program does not know",
                          Code::unsupported);
    }
    const std::size_t count = in.u8();
    if (count == 0 || count > kGrantLinksMax || in.remaining() != count * kGrantLinkBytes) {
        return peer_error("a grant has a wrong length");
    }
    Verified state;
    NodeId issuer{swarm.bytes};
    for (std::size_t i = 0; i < count; ++i) {
        const ByteSpan bytes = in.raw(kUnsignedBytes);
        WireReader fields(bytes);
        const GrantLink link = read_link(fields);
        const auto signature = in.fixed<crypto::Signature>();
        if (!fields.finished()) {
            return peer_error("a grant's link is damaged");
        }
        if (i > 0) {
            SWARM_CHECK(check_step(state.last, link));
        }
        if (!crypto::verify(issuer, kPurpose, signed_message(swarm, issuer, bytes), signature)) {
            return peer_error("a grant is not signed by whom it claims", Code::permission);
        }
        state.valid_until_ms = earlier_end(state.valid_until_ms, link.valid_until_ms);
        state.last = link;
        issuer = link.subject;
    }
    return state;
}

}  // namespace

const char* name_of(Role role) {
    switch (role) {
        case Role::read: return "read";
        case Role::write: return "write";
        case Role::admin: return "admin";
    }
    return "unknown";
}

Bytes grant_from_owner(const crypto::SigningKey& owner, const GrantLink& link) {
    Bytes chain{kGrantVersion, 1};
    const SwarmId swarm{owner.public_key().bytes};
    const Bytes bytes = signed_link(swarm, owner, link);
    chain.insert(chain.end(), bytes.begin(), bytes.end());
    return chain;
}

Result<Bytes> extend_grant(ByteSpan chain, const SwarmId& swarm, const crypto::SigningKey& issuer,
                           const GrantLink& link) {
    if (chain.size() < 2 || chain[1] >= kGrantLinksMax) {
        return caller_error(Code::permission,
                            "this membership is too far from the owner to invite others");
    }
    Bytes longer = to_bytes(chain);
    ++longer[1];
    const Bytes bytes = signed_link(swarm, issuer, link);
    longer.insert(longer.end(), bytes.begin(), bytes.end());
    if (auto state = verify(longer, swarm); !state.ok()) {
        return caller_error(state.error().code, state.error().message);
    }
    return longer;
}

Result<Membership> verify_grant_chain(ByteSpan chain, const SwarmId& swarm, const NodeId& node,
                                      std::uint64_t at_ms) {
    SWARM_TRY(const Verified state, verify(chain, swarm));
    if (state.last.kind != SubjectKind::node || state.last.subject != node) {
        return peer_error("a grant is for another node", Code::permission);
    }
    if (ended(state.valid_until_ms, at_ms)) {
        return peer_error("a membership has ended", Code::permission);
    }
    return Membership{state.last.role, state.valid_until_ms};
}

Result<GrantLink> verify_invite_chain(ByteSpan chain, const SwarmId& swarm,
                                      const NodeId& invite_key) {
    SWARM_TRY(const Verified state, verify(chain, swarm));
    if (state.last.kind != SubjectKind::invite || state.last.subject != invite_key) {
        return peer_error("an invite's grant is for another key", Code::permission);
    }
    return state.last;
}

}  // namespace swarmfs::catalog
