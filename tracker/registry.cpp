#include "tracker/registry.hpp"

#include <algorithm>
#include <unordered_set>

#include "engine/catalog/grant.hpp"
#include "engine/crypto/signature.hpp"

namespace swarmfs::tracker {
namespace {

// Looked at per request when one root is held in several swarms or claimed with several sizes.
constexpr std::size_t kListedPerRootMax = 64;
// Of contents for one page, when most of them are of other swarms.
constexpr std::size_t kLookedAtMax = 10'000;
// Peers forgotten in one go: a millisecond under the lock.
constexpr std::size_t kForgottenPerSweep = 1000;

Problem unknown_peer() {
    return {404, "unknown_peer", "this tracker does not know that peer any more; register again"};
}

// Addresses are hints for dialers, who judge them; here they only have to be harmless text.
bool harmless(const std::string& address) {
    return std::all_of(address.begin(), address.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '.' || c == ':' || c == '[' || c == ']' || c == '-';
    });
}

// What a host is where hosts are counted: an IPv4 address, or the /64 of an IPv6 one.
std::string host_of(std::string_view address) {
    std::size_t colons = 0;
    for (std::size_t i = 0; i < address.size(); ++i) {
        if (address[i] != ':') {
            continue;
        }
        const bool zeros = i + 1 < address.size() && address[i + 1] == ':';
        if (i > 0 && (++colons == 4 || zeros)) {
            return std::string(address.substr(0, i));
        }
    }
    return std::string(address);
}

std::vector<std::string> addresses_of(const protocol::Registration& registration,
                                      std::string_view from) {
    std::vector<std::string> addresses;
    if (registration.port != 0) {
        addresses.push_back(with_port(from, registration.port));
    }
    for (const std::string& address : registration.addresses) {
        if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
            addresses.push_back(address);
        }
    }
    return addresses;
}

}  // namespace

Registry::Registry(const PeerLimits& peers, const ContentLimits& contents, const Clock& clock,
                   Dice& dice)
    : clock_(clock), dice_(dice), peers_(peers, dice), contents_(contents) {}

Outcome<protocol::Registered> Registry::enter(const protocol::Registration& registration,
                                              std::string_view from) {
    const Bytes statement = protocol::statement_of(registration);
    if (!crypto::verify(registration.peer, protocol::kRegisterPurpose, statement,
                        crypto::Signature{registration.signature})) {
        return Problem{403, "bad_signature", "the registration is not signed by its peer_id"};
    }
    if (!std::all_of(registration.addresses.begin(), registration.addresses.end(), harmless)) {
        return Problem{400, "bad_address", "addrs holds what is no address"};
    }
    const Now now = this->now();
    if (!registration.grant.empty()) {
        const auto membership = catalog::verify_grant_chain(registration.grant, registration.swarm,
                                                            registration.peer, now.wall_ms);
        if (!membership.ok()) {
            return Problem{403, "grant_refused", membership.error().message};
        }
    }
    protocol::Registered registered;
    std::vector<std::string> addresses = addresses_of(registration, from);
    registered.address = with_port(from, registration.port);
    const std::lock_guard lock(mutex_);
    PeerTable::Evicted evicted;
    Outcome<PeerSlot> slot = peers_.enter(registration, std::move(addresses), host_of(from),
                                          !registration.grant.empty(), now, evicted);
    drop_all(evicted);
    if (!slot.ok()) {
        return slot.problem();
    }
    registered.token = peers_.at(*slot).token;
    return registered;
}

std::optional<Problem> Registry::leave(const protocol::Leaving& leaving) {
    if (!crypto::verify(leaving.peer, protocol::kLeavePurpose, protocol::statement_of(leaving),
                        crypto::Signature{leaving.signature})) {
        return Problem{403, "bad_signature", "the request to leave is not signed by its peer_id"};
    }
    const std::lock_guard lock(mutex_);
    Outcome<PeerSlot> slot = peers_.leave(leaving, now());
    if (!slot.ok()) {
        return slot.problem();
    }
    if (*slot != kNoPeer) {
        contents_.drop(*slot);
    }
    return std::nullopt;
}

Outcome<SwarmId> Registry::heartbeat(const protocol::Heartbeat& heartbeat) {
    const std::lock_guard lock(mutex_);
    const PeerSlot slot = peers_.find(heartbeat.token);
    if (slot == kNoPeer || peers_.at(slot).node != heartbeat.peer) {
        return unknown_peer();
    }
    peers_.heard(slot, now());
    return peers_.at(slot).swarm;
}

Outcome<std::size_t> Registry::announce(const protocol::PeerToken& token,
                                        std::vector<protocol::AnnouncedContent> contents) {
    for (const protocol::AnnouncedContent& announced : contents) {
        if (!announced.chunk_hashes.empty() &&
            !check_chunk_hashes(announced.content, announced.chunk_hashes)) {
            return Problem{
                400, "bad_chunk_hashes",
                "the chunk_hashes of " + announced.content.root.hex() + " do not make that root"};
        }
    }
    const Now now = this->now();
    const std::lock_guard lock(mutex_);
    const PeerSlot slot = peers_.find(token);
    if (slot == kNoPeer) {
        return unknown_peer();
    }
    peers_.heard(slot, now);
    const SwarmId swarm = peers_.at(slot).swarm;
    for (protocol::AnnouncedContent& announced : contents) {
        if (!contents_.hold(slot, swarm, announced)) {
            return Problem{503, "tracker_full", "this tracker lists as many contents as it can"};
        }
    }
    return contents.size();
}

void Registry::drop_all(const PeerTable::Evicted& peers) {
    for (const PeerSlot slot : peers) {
        contents_.drop(slot);
    }
}

std::vector<protocol::TrackerPeer> Registry::describe(const std::vector<PeerSlot>& slots,
                                                      std::string_view asker, TimePoint now) const {
    const bool local = is_loopback(asker);
    std::vector<protocol::TrackerPeer> described;
    for (const PeerSlot slot : slots) {
        const Peer& peer = peers_.at(slot);
        protocol::TrackerPeer one{
            peer.node, address_for(peer, asker), {}, peers_.online(slot, now), peer.last_seen_ms};
        for (const std::string& address : peer.addresses) {
            if (local || !is_loopback(address)) {
                one.addresses.push_back(address);
            }
        }
        described.push_back(std::move(one));
    }
    return described;
}

std::vector<protocol::TrackerPeer> Registry::peers_of_swarm(const SwarmId& swarm,
                                                            std::string_view asker,
                                                            std::size_t count) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    const std::vector<PeerSlot>& members = peers_.of_swarm(swarm);
    return describe(choose_peers(
                        peers_, members.size(), [&](std::size_t i) { return members[i]; }, kNoPeer,
                        count, now, dice_),
                    asker, now);
}

std::vector<protocol::TrackerPeer> Registry::holders(const Hash256& root,
                                                     const std::optional<SwarmId>& swarm,
                                                     const std::optional<std::uint64_t>& size,
                                                     std::string_view asker, std::size_t count) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    // Each content's own choice, and then the best of all: an offline holder of one content does
    // not stand before an online one of another.
    std::vector<PeerSlot> chosen;
    std::unordered_set<PeerSlot> seen;
    std::size_t online = 0;
    std::size_t looked_at = 0;
    contents_.for_each_of(root, [&](const ContentKey& key, const Content& content) {
        if ((!swarm || key.swarm == *swarm) && (!size || key.content.size == *size)) {
            const auto more = choose_peers(
                peers_, content.holders.size(),
                [&](std::size_t i) { return content.holders[i].peer; }, kNoPeer, count, now, dice_);
            for (const PeerSlot slot : more) {
                if (seen.insert(slot).second) {
                    chosen.push_back(slot);
                    online += peers_.online(slot, now) ? 1 : 0;
                }
            }
        }
        return online < count && ++looked_at < kListedPerRootMax;
    });
    std::stable_sort(chosen.begin(), chosen.end(), [&](PeerSlot left, PeerSlot right) {
        return rank_of(peers_, left, now) < rank_of(peers_, right, now);
    });
    chosen.resize(std::min(chosen.size(), count));
    return describe(chosen, asker, now);
}

Registry::Listed Registry::listed(const ContentKey& key, const Content& content,
                                  TimePoint now) const {
    const std::size_t stride = content.holders.size() / kSampleMax + 1;
    std::uint64_t seeders = 0;
    for (std::size_t i = 0; i < content.holders.size(); i += stride) {
        const Holder& holder = content.holders[i];
        seeders += holder.complete && peers_.online(holder.peer, now) ? stride : 0;
    }
    return {key, content.name, seeders, content.chunk_hashes};
}

Registry::Page Registry::list(const std::optional<ContentKey>& after,
                              const std::optional<SwarmId>& swarm, std::size_t count) const {
    Page page;
    std::size_t looked_at = 0;
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    contents_.for_each_after(after ? &*after : nullptr,
                             [&](const ContentKey& key, const Content& content) {
                                 if (page.contents.size() == count || ++looked_at > kLookedAtMax) {
                                     return false;
                                 }
                                 page.looked_at = key;
                                 if (!swarm || key.swarm == *swarm) {
                                     page.contents.push_back(listed(key, content, now));
                                 }
                                 return true;
                             });
    if (page.contents.size() < count && looked_at <= kLookedAtMax) {
        page.looked_at.reset();  // that was all
    }
    return page;
}

std::vector<Registry::Listed> Registry::list_root(const Hash256& root) const {
    std::vector<Listed> result;
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    contents_.for_each_of(root, [&](const ContentKey& key, const Content& content) {
        result.push_back(listed(key, content, now));
        return result.size() < kListedPerRootMax;
    });
    return result;
}

void Registry::sweep() {
    const std::lock_guard lock(mutex_);
    drop_all(peers_.forget_due(clock_.now(), kForgottenPerSweep));
}

RegistryCounts Registry::counts() const {
    const std::lock_guard lock(mutex_);
    return {peers_.size(), contents_.size()};
}

}  // namespace swarmfs::tracker
