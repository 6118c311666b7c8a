#pragma once
// Who may do what in a swarm: a short chain of signatures from the owner's key to a node's.
//
//   grant = version:u8(1) count:u8 link{count}       1 to 4 links
//   link  = kind:u8 subject:32 role:u8 issued_ms:u64 use_until_ms:u64 valid_until_ms:u64
//   signature:64 the signature is the issuer's, over (swarm:32 issuer:32 link without signature)
//
// Rules:
//   1. The first link is signed by the owner, whose key names the swarm; each further link by the
//      subject of the one before it.
//   2. Roles never grow along a chain.
//   3. An invite's key may admit nodes, nothing else. A node may sign links only as an admin.
//   4. An invite is used up to `use_until_ms`: the link it signs must be issued by then.
//      (Membership outlives the invite.) `valid_until_ms` ends everything below it. Zero means no
//      end.
//   5. Who joins signs his own link with the invite's key, so joining needs nobody online.
// Times are the signers' wall clocks; expiry is compared with the clocks of what is judged, which
// cannot go back (hybrid_clock.hpp). Pure; any thread.

#include <vector>

#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"
#include "engine/crypto/signature.hpp"

namespace swarmfs::catalog {

// Fixed by the format.
inline constexpr std::uint8_t kGrantVersion = 1;
inline constexpr std::size_t kGrantLinkBytes = 1 + 32 + 1 + 3 * 8 + 64;
// owner -> invite -> admin -> invite -> node.
inline constexpr std::size_t kGrantLinksMax = 4;
inline constexpr std::size_t kGrantBytesMax = 2 + kGrantLinksMax * kGrantLinkBytes;

enum class Role : std::uint8_t { read = 1, write = 2, admin = 3 };
// "read", "write", "admin".
const char* name_of(Role role);

enum class SubjectKind : std::uint8_t { node = 1, invite = 2 };

struct GrantLink {
    SubjectKind kind = SubjectKind::node;
    NodeId subject;
    Role role = Role::read;
    std::uint64_t issued_ms = 0;
    std::uint64_t use_until_ms = 0;    // of an invite; zero for a node
    std::uint64_t valid_until_ms = 0;  // of the membership

    bool operator==(const GrantLink&) const = default;
};

struct Membership {
    Role role = Role::read;
    std::uint64_t valid_until_ms = 0;  // the earliest of the chain; zero: no end

    bool operator==(const Membership&) const = default;
};

// Returns: the one-link chain of a node that the owner admits himself.
Bytes grant_from_owner(const crypto::SigningKey& owner, const GrantLink& link);

// Appends a link signed by `issuer`, the subject of the chain's last link.
// Errors: caller errors when the result would not verify.
Result<Bytes> extend_grant(ByteSpan chain, const SwarmId& swarm, const crypto::SigningKey& issuer,
                           const GrantLink& link);

// Returns: what the chain makes of `node` at the moment `at_ms`.
// Errors: a peer error; permission when the chain is genuine but has ended or is for another node.
// Cost: one signature check a link.
Result<Membership> verify_grant_chain(ByteSpan chain, const SwarmId& swarm, const NodeId& node,
                                      std::uint64_t at_ms);

// The same for a chain that ends at an invite's key, whatever the time.
Result<GrantLink> verify_invite_chain(ByteSpan chain, const SwarmId& swarm,
                                      const NodeId& invite_key);

}  // namespace swarmfs::catalog
