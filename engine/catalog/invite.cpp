#include "engine/catalog/invite.hpp"

#include <algorithm>

#include "engine/catalog/merge.hpp"
#include "engine/core/log.hpp"
#include "engine/core/utf8.hpp"
#include "engine/core/wire.hpp"
#include "engine/crypto/hash.hpp"
#include "engine/crypto/password.hpp"

namespace swarmfs::catalog {
namespace {

constexpr std::string_view kScheme = "swarmfs";
constexpr std::string_view kPrefix = "swarmfs1:";
constexpr std::uint8_t kSealed = 1;
constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kLengthBytes = 2;

bool is_address(const std::string& address) {
    return !address.empty() && address.size() <= kInviteAddressBytesMax && is_utf8(address);
}

bool are_addresses(const std::vector<std::string>& addresses, std::size_t count_max) {
    return addresses.size() <= count_max &&
           std::all_of(addresses.begin(), addresses.end(), is_address);
}

bool is_invite_name(const std::string& name) {
    return name.size() <= kInviteNameBytesMax && is_utf8(name);
}

Bytes encode_payload(const Invite& invite) {
    Bytes bytes;
    WireWriter out(bytes);
    out.fixed(invite.swarm);
    out.raw(invite.read_secret);
    out.fixed(invite.seed);
    out.text16(invite.name);
    out.bytes16(invite.grant);
    for (const auto* addresses : {&invite.trackers, &invite.bootstrap}) {
        out.u8(static_cast<std::uint8_t>(addresses->size()));
        for (const std::string& address : *addresses) {
            out.text16(address);
        }
    }
    return bytes;
}

std::vector<std::string> read_addresses(WireReader& in, std::size_t count_max) {
    const std::size_t count = in.u8();
    std::vector<std::string> addresses;
    for (std::size_t i = 0; i < count && count <= count_max && !in.failed(); ++i) {
        addresses.push_back(in.text16());
    }
    if (addresses.size() != count || !are_addresses(addresses, count_max)) {
        in.fail();
    }
    return addresses;
}

Result<Invite> decode_payload(ByteSpan bytes) {
    WireReader in(bytes);
    Invite invite;
    invite.swarm = in.fixed<SwarmId>();
    const ByteSpan secret = in.raw(invite.read_secret.size());
    std::copy(secret.begin(), secret.end(), invite.read_secret.begin());
    invite.seed = in.fixed<crypto::Seed>();
    invite.name = in.text16();
    invite.grant = to_bytes(in.bytes16());
    invite.trackers = read_addresses(in, kInviteTrackersMax);
    invite.bootstrap = read_addresses(in, kInviteAddressesMax);
    if (!in.finished() || !is_invite_name(invite.name)) {
        return caller_error(Code::invalid, "this invite is damaged; ask for it again");
    }
    return invite;
}

std::string text_of(std::uint8_t flags, ByteSpan content) {
    Bytes blob;
    WireWriter out(blob);
    out.u16(static_cast<std::uint16_t>(1 + content.size() + kChecksumBytes));
    out.u8(flags);
    out.raw(content);
    const Hash256 checksum = crypto::sha256(blob);
    out.raw(checksum.span().first(kChecksumBytes));
    return std::string(kPrefix) + to_base64url(blob);
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r\n";
    const std::size_t begin = text.find_first_not_of(kBlank);
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// The version between "swarmfs" and the colon; nothing when it is no invite at all.
std::optional<std::string_view> version_of(std::string_view text) {
    if (!text.starts_with(kScheme)) {
        return std::nullopt;
    }
    text.remove_prefix(kScheme.size());
    const std::string_view digits = text.substr(0, text.find(':'));
    const bool is_version =
        digits.size() < text.size() && !digits.empty() && digits.size() <= 6 &&
        std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    return is_version ? std::optional(digits) : std::nullopt;
}

struct Opened {
    std::uint8_t flags = 0;
    Bytes content;
};

// Everything up to the password.
Result<Opened> open_text(std::string_view text) {
    const auto version = version_of(text);
    if (!version) {
        return caller_error(Code::invalid,
                            "this is not an invite; an invite begins with \"swarmfs1:\"");
    }
    if (*version != "1") {
        return caller_error(Code::unsupported,
                            "this invite is of version " + std::string(*version) +
                                ", and this program knows version 1; update swarmfs and try again");
    }
    const std::string_view digits = text.substr(kPrefix.size());
    if (text.size() > kInviteTextBytesMax) {
        return caller_error(Code::invalid, "this invite is too long to be one");
    }
    auto blob = from_base64url(digits);
    if (!blob) {  // a cut may fall inside a group of four
        blob = from_base64url(digits.substr(0, digits.size() / 4 * 4));
    }
    const std::size_t size = blob ? blob->size() : 0;
    const bool has_length = blob && size >= kLengthBytes;
    const std::size_t length = has_length ? WireReader(*blob).u16() : std::size_t{0};
    if (blob && (!has_length || size - kLengthBytes < length)) {
        return caller_error(Code::invalid,
                            "this invite was cut short; copy all of it and try again");
    }
    if (!blob || size - kLengthBytes != length || length < 1 + kChecksumBytes ||
        to_base64url(*blob) != digits) {
        return caller_error(Code::invalid, "this invite is damaged; copy it again");
    }
    const ByteSpan checked = ByteSpan(*blob).first(size - kChecksumBytes);
    const Hash256 checksum = crypto::sha256(checked);
    const auto stored = ByteSpan(*blob).last(kChecksumBytes);
    if (!std::equal(stored.begin(), stored.end(), checksum.bytes.begin())) {
        return caller_error(Code::invalid, "this invite is damaged; copy it again");
    }
    Opened opened{checked[kLengthBytes], to_bytes(checked.subspan(kLengthBytes + 1))};
    if (opened.flags > kSealed) {
        return caller_error(Code::unsupported,
                            "this invite needs a newer swarmfs; update it and try again");
    }
    return opened;
}

Result<Bytes> unseal(const Bytes& content, std::string_view password) {
    WireReader in(content);
    const std::string name = in.text16();
    if (in.failed() || !is_invite_name(name)) {
        return caller_error(Code::invalid, "this invite is damaged; ask for it again");
    }
    if (password.empty()) {
        return caller_error(Code::permission,
                            "the invite to " + printable(name) + " is protected by a password");
    }
    auto payload = crypto::open_with_password(password, in.rest());
    if (!payload.ok() && payload.error().code == Code::permission) {
        return caller_error(Code::permission,
                            "the password for the invite to " + printable(name) + " is wrong");
    }
    return payload;
}

Result<GrantLink> last_link(const Invite& invite) {
    const auto key = crypto::SigningKey::from_seed(invite.seed);
    return verify_invite_chain(invite.grant, invite.swarm, key.public_key());
}

Result<> check_use(const GrantLink& link, std::uint64_t now_ms) {
    if (link.use_until_ms != 0 && now_ms > link.use_until_ms) {
        return caller_error(
            Code::permission,
            "this invite expired at " + utc_stamp(link.use_until_ms) + " (UTC); ask for a new one");
    }
    return done();
}

}  // namespace

Role Invite::role() const {
    const auto link = last_link(*this);
    SWARM_ASSERT(link.ok());
    return link->role;
}

std::uint64_t Invite::use_until_ms() const {
    const auto link = last_link(*this);
    SWARM_ASSERT(link.ok());
    return link->use_until_ms;
}

Result<Bytes> Invite::grant_for(const NodeId& node, std::uint64_t now_ms) const {
    SWARM_TRY(const GrantLink link, last_link(*this));
    SWARM_CHECK(check_use(link, now_ms));
    GrantLink membership;
    membership.subject = node;
    membership.role = link.role;
    // The maker's clock may run ahead of ours; his word on when it began stands.
    membership.issued_ms = std::max(now_ms, link.issued_ms);
    membership.valid_until_ms = link.valid_until_ms;
    return extend_grant(grant, swarm, crypto::SigningKey::from_seed(seed), membership);
}

Result<Invite> make_invite(Invite draft, Role role, std::uint64_t now_ms, std::uint64_t use_for_ms,
                           const crypto::SigningKey& issuer, ByteSpan issuer_grant, Dice& dice) {
    if (!is_invite_name(draft.name) || !are_addresses(draft.trackers, kInviteTrackersMax) ||
        !are_addresses(draft.bootstrap, kInviteAddressesMax)) {
        return caller_error(Code::invalid,
                            "an invite's name or addresses are too many or too long");
    }
    const auto key = crypto::SigningKey::generate(dice);
    draft.seed = key.seed();
    GrantLink link;
    link.kind = SubjectKind::invite;
    link.subject = key.public_key();
    link.role = role;
    link.issued_ms = now_ms;
    link.use_until_ms = use_for_ms == 0 ? 0 : now_ms + use_for_ms;
    if (!issuer_grant.empty()) {
        SWARM_TRY(draft.grant, extend_grant(issuer_grant, draft.swarm, issuer, link));
    } else if (SwarmId{issuer.public_key().bytes} == draft.swarm) {
        draft.grant = grant_from_owner(issuer, link);
    } else {
        return caller_error(Code::permission, "only the owner invites without a grant");
    }
    return draft;
}

std::string to_text(const Invite& invite) {
    return text_of(0, encode_payload(invite));
}

Result<std::string> to_text_with_password(const Invite& invite, std::string_view password,
                                          Dice& dice) {
    SWARM_TRY(const Bytes sealed,
              crypto::seal_with_password(password, encode_payload(invite), dice));
    Bytes content;
    WireWriter out(content);
    out.text16(invite.name);
    out.raw(sealed);
    return text_of(kSealed, content);
}

bool looks_like_invite(std::string_view text) {
    return version_of(trimmed(text)).has_value();
}

std::optional<std::string> needs_password(std::string_view text) {
    const auto opened = open_text(trimmed(text));
    if (!opened.ok() || opened->flags != kSealed) {
        return std::nullopt;
    }
    WireReader in(opened->content);
    return in.text16();
}

Result<Invite> parse_invite(std::string_view text, std::uint64_t now_ms,
                            std::string_view password) {
    SWARM_TRY(Opened opened, open_text(trimmed(text)));
    if (opened.flags == kSealed) {
        SWARM_TRY(opened.content, unseal(opened.content, password));
    }
    SWARM_TRY(Invite invite, decode_payload(opened.content));
    const auto link = last_link(invite);
    if (!link.ok()) {
        return caller_error(
            Code::permission,
            "this invite is not signed by an admin of its swarm: " + link.error().message);
    }
    SWARM_CHECK(check_use(*link, now_ms));
    return invite;
}

}  // namespace swarmfs::catalog
