#pragma once
// The line of text that makes somebody a member.
//
//   text    = "swarmfs1:" base64url(blob)
//   blob    = length:u16 flags:u8 content checksum:4     length counts everything after itself
//   content = payload, or with flags & 1: name:text16 sealed payload (crypto/password.hpp)
//   payload = swarm:32 read_secret:32 seed:32 name:text16 grant:bytes16
//             count:u8 { tracker:text16 }* count:u8 { address:text16 }*
//
// Rules:
//   1. The number before the colon is the version; others are recognised and explained.
//   2. The checksum is the first 4 bytes of SHA-256 over what precedes it: it finds slips of
//      copying. The grant's signatures find everything else.
//   3. `seed` makes the invite's own key. Whoever holds the line can sign his own membership with
//      it, with nobody online (grant.hpp), so the line is a secret until it has expired.
// Pure but for the password's stretching (a tenth of a second); any thread.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/catalog/grant.hpp"
#include "engine/core/dice.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"
#include "engine/crypto/signature.hpp"

namespace swarmfs::catalog {

// Chosen by us: a line that can be pasted anywhere, and shown as a QR code while it names few
// hosts.
inline constexpr std::size_t kInviteTextBytesMax = 8192;
inline constexpr std::size_t kInviteNameBytesMax = 64;
inline constexpr std::size_t kInviteTrackersMax = 8;
inline constexpr std::size_t kInviteAddressesMax = 8;
inline constexpr std::size_t kInviteAddressBytesMax = 255;
inline constexpr std::uint64_t kInviteUseMs = 7ULL * 24 * 3600 * 1000;  // unless told otherwise

struct Invite {
    SwarmId swarm;
    std::string name;  // what its maker calls the swarm
    std::array<std::uint8_t, 32> read_secret{};
    std::vector<std::string> trackers;   // URLs
    std::vector<std::string> bootstrap;  // "host:port" of members
    Bytes grant;                         // the chain that ends at the invite's key
    crypto::Seed seed;

    // From the grant's last link. Requires: the grant is one (it is, after parse and make).
    Role role() const;
    std::uint64_t use_until_ms() const;  // zero: no end

    // The chain that makes `node` a member, signed with the invite's key.
    // Errors: permission when the invite has expired.
    Result<Bytes> grant_for(const NodeId& node, std::uint64_t now_ms) const;

    bool operator==(const Invite&) const = default;
};

// Makes an invite signed by `issuer`: the owner (empty `issuer_grant`) or an admin.
// Fills grant and seed of `draft`, whose swarm, name, secret and addresses are set.
// Errors: permission when the issuer may not invite; invalid for addresses beyond the bounds.
Result<Invite> make_invite(Invite draft, Role role, std::uint64_t now_ms, std::uint64_t use_for_ms,
                           const crypto::SigningKey& issuer, ByteSpan issuer_grant, Dice& dice);

std::string to_text(const Invite& invite);
// Errors: those of crypto::seal_with_password.
Result<std::string> to_text_with_password(const Invite& invite, std::string_view password,
                                          Dice& dice);

// Does this text claim to be an invite? For telling a paste from a typo.
bool looks_like_invite(std::string_view text);

// Returns: the swarm's name when the text is a password-protected invite, to ask for the password.
std::optional<std::string> needs_password(std::string_view text);

// Whitespace around the text is ignored. `password` is not looked at unless it is needed.
// Errors, each with its own words: invalid (no invite, cut short, damaged), unsupported (another
// version), permission (password missing or wrong, expired, not signed by the swarm's owner).
Result<Invite> parse_invite(std::string_view text, std::uint64_t now_ms,
                            std::string_view password = {});

}  // namespace swarmfs::catalog
