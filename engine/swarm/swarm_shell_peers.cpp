// SwarmShell: sessions come, say things, and go.

#include <algorithm>

#include "engine/core/log.hpp"
#include "engine/swarm/swarm_shell.hpp"

namespace swarmfs::swarm {

namespace {

// Chosen by us: rule 2. More than a session that lives is ever silent: it is pinged every 10 s.
constexpr Duration kStaleAfter = std::chrono::seconds(12);
// A quarter of what a session may have unseen: it never waits for the rest.
constexpr std::uint64_t kLookedAtEvery = 2 << 20;
constexpr double kIdleRate = 1024;  // bytes a second: below it a session carries nothing
constexpr Duration kLookAroundEvery = std::chrono::minutes(1);  // rule 7
static_assert(kLookAroundEvery == Places::kTrimEvery);

}  // namespace

void SwarmShell::on_events(PeerNumber number, std::vector<SessionEvent>& events,
                           std::uint64_t weight) {
    const auto found = peers_.find(number);
    if (found == peers_.end()) {
        return;
    }
    const std::shared_ptr<Session> session = found->second.session;
    const std::uint64_t sent = session->leaf_bytes_sent();
    const TimePoint now = parts_.clock.now();
    if (const std::uint64_t more = sent - found->second.leaf_bytes_sent; more > 0) {
        found->second.sent.add(more, now);
        found->second.leaf_bytes_sent = sent;
        core_.sent_to(number, more);
    }
    const bool it_spoke = std::any_of(events.begin(), events.end(), [](const SessionEvent& event) {
        return !std::holds_alternative<CatalogSent>(event);  // which is what we said
    });
    if (it_spoke) {
        core_.heard_from(number, now);
        found->second.heard_at = now;
    }
    found->second.looked_at += weight;
    for (SessionEvent& event : events) {
        on_event(number, event);
    }
    if (const auto still = peers_.find(number);
        still != peers_.end() && still->second.looked_at >= kLookedAtEvery) {
        session->looked_at(std::exchange(still->second.looked_at, 0));
    }
}

void SwarmShell::on_event(PeerNumber number, SessionEvent& event) {
    const auto found = peers_.find(number);
    if (found == peers_.end()) {
        return;
    }
    if (const auto* end = std::get_if<SessionEnded>(&event)) {
        ended(number, end->why);
        return;
    }
    if (const auto* hello = std::get_if<HelloHeard>(&event)) {
        admit(number, *hello);
        return;
    }
    if (!found->second.joined || closing_) {
        return;  // turned away; what it still says does not count
    }
    const TimePoint now = parts_.clock.now();
    const NodeId node = found->second.node;
    if (const auto* stored = std::get_if<LeavesStored>(&event)) {
        core_.leaves_stored(number, stored->content, stored->chunk, stored->leaves, stored->bytes,
                            now);
    } else if (const auto* holding = std::get_if<HoldingHeard>(&event)) {
        if (Surveys::is_one(holding->content)) {
            surveys_.holding(number, holding->content, holding->kind, holding->first,
                             holding->bitmap, now);
        } else {
            core_.holding(number, holding->content, holding->kind, holding->first, holding->bitmap,
                          now);
        }
    } else if (const auto* have = std::get_if<HaveHeard>(&event)) {
        core_.have(number, have->content, have->chunks, now);
    } else if (const auto* refused = std::get_if<RefuseHeard>(&event)) {
        core_.refused(number, refused->content, refused->range, refused->reason, now);
    } else if (std::holds_alternative<ReadyHeard>(event)) {
        core_.ready(number);
    } else if (const auto* suggest = std::get_if<SuggestHeard>(&event)) {
        core_.suggested(number, suggest->content, suggest->chunk);
    } else if (const auto* failed = std::get_if<StoreFailed>(&event)) {
        note_store_failure(failed->content, failed->error, now);
        core_.store_failed(failed->content, failed->attempt, failed->error, now);
    } else if (const auto* trip = std::get_if<RoundTrip>(&event)) {
        core_.round_trip(number, trip->time);
    } else if (auto* vector = std::get_if<VectorHeard>(&event)) {
        parts_.catalog.on_vector(node, std::move(vector->items));
        quorum_.grown(number, now);
    } else if (const auto* catalog = std::get_if<CatalogHeard>(&event)) {
        on_catalog(number, catalog->frame);
    } else if (const auto* catalog_sent = std::get_if<CatalogSent>(&event)) {
        on_catalog_sent(number, catalog_sent->bytes);
    } else if (const auto* hints = std::get_if<HintsHeard>(&event)) {
        parts_.listener.on_hints(node, hints->hints);
    } else if (const auto* asked = std::get_if<ConfirmHeard>(&event)) {
        answer_confirm(number, asked->confirm);
    } else if (const auto* answer = std::get_if<ConfirmedHeard>(&event)) {
        quorum_.answered(number, answer->confirmed, now);
    } else if (const auto* take = std::get_if<TakeHeard>(&event)) {
        parts_.listener.on_take(node, take->content);
    }
}

// Every leaf that was under way fails alike: one line says it.
void SwarmShell::note_store_failure(ContentNumber content, const Error& why, TimePoint now) {
    std::erase_if(store_failures_,
                  [now](const auto& said) { return now - said.second >= std::chrono::minutes(1); });
    if (store_failures_.emplace(content, now).second) {
        log_error("swarm", "storing what arrived failed: " + why.message);
    }
}

void SwarmShell::admit(PeerNumber number, const HelloHeard& hello) {
    Peer& peer = peers_.at(number);
    const TimePoint now = parts_.clock.now();
    peer.greeted = true;
    peer.node = hello.node;
    peer.addresses = hello.addresses;
    if (hello.listen_port != 0) {
        peer.addresses.push_back(transport::to_text({peer.remote.host, hello.listen_port}));
    }
    if (peer.dialled_by_us) {
        parts_.listener.on_dialled(peer.address, hello.node);
    }
    if (hello.node == parts_.member.self()) {
        turn_away(number, "a node does not connect to itself");
        return;
    }
    if (closing_ || banned(hello.node) || violators_.banned(hello.node, now)) {
        turn_away(number, "not wanted here");
        return;
    }
    const auto present = by_node_.find(hello.node);
    const bool replaces = present != by_node_.end();
    if (replaces) {
        const PeerNumber other = present->second;
        if (!outranks(peer, peers_.at(other), now)) {
            turn_away(number, "another session with this node stays");
            return;
        }
        leave(other, network_error(Code::unavailable, "replaced by another session"), true);
        turn_away(other, "another session with this node stays");
    } else if (!make_room(number, now)) {
        tell_members(number, kMembersTold);  // of whom else there is
        turn_away(number, "no room for more peers");
        return;
    }
    peer.joined = true;
    by_node_[hello.node] = number;
    {
        const std::lock_guard lock(names_mutex_);
        connected_.insert(hello.node);
    }
    core_.peer_joined(number, hello.node, now,
                      parts_.standings == nullptr ? Standing{} : parts_.standings->of(hello.node));
    quorum_.joined(number, now);
    outbox_[number].push_back(SendVector{parts_.catalog.our_vector()});
    tell_members(number, kMembersTold);
    if (!replaces) {
        log_info("swarm",
                 "member " + hello.node.short_hex() + " joined from " + printable(peer.address));
        parts_.listener.on_peer_joined(hello.node, peer.addresses);
    }
}

std::vector<Seat> SwarmShell::seats(TimePoint now) const {
    std::vector<Seat> taken;
    taken.reserve(by_node_.size());
    for (const auto& [node, seated] : by_node_) {
        const Peer& peer = peers_.at(seated);
        const PeerReport report = core_.report(seated, now);
        const bool carries = report.outstanding > 0 || peer.sent.rate(now) > kIdleRate;
        taken.push_back({seated, peer.dialled_by_us, carries, peer.since, report.score});
    }
    return taken;
}

// Returns: whether there is room for the peer; another may have given way.
bool SwarmShell::make_room(PeerNumber number, TimePoint now) {
    const Places::Admission admission =
        places_.admit(seats(now), peers_.at(number).dialled_by_us, now);
    if (admission.gives_way) {
        give_way(*admission.gives_way);
    }
    return admission.welcome;
}

void SwarmShell::give_way(PeerNumber number) {
    leave(number, network_error(Code::unavailable, "made room for another member"), false);
    tell_members(number, kMembersTold);
    turn_away(number, "making room for another member");
}

// Rule 8.
void SwarmShell::tell_members(PeerNumber number, std::size_t count) {
    std::vector<const Peer*> members;
    for (const auto& [node, other] : by_node_) {
        const Peer& peer = peers_.at(other);
        if (other != number && !peer.addresses.empty()) {
            members.push_back(&peer);
        }
    }
    std::vector<protocol::PeerHint> hints;
    for (std::size_t told = 0; told < count && !members.empty(); ++told) {
        const auto at =
            members.begin() + static_cast<std::ptrdiff_t>(parts_.dice.below(members.size()));
        // The last one is where it was seen to come from.
        hints.push_back({(*at)->node, (*at)->addresses.back()});
        members.erase(at);
    }
    if (!hints.empty()) {
        peers_.at(number).session->command({SendHints{std::move(hints)}});
    }
}

// Rule 2. Both ends decide alike, whichever session either of them sees first. Who dials anew
// because the present one is dead at his end need not wait until it is known to be dead here.
bool SwarmShell::outranks(const Peer& newcomer, const Peer& present, TimePoint now) const {
    if (now - present.heard_at >= kStaleAfter) {
        return true;
    }
    if (newcomer.dialled_by_us == present.dialled_by_us) {
        return newcomer.handshake_hash < present.handshake_hash;
    }
    const bool we_are_smaller = parts_.member.self() < newcomer.node;
    return newcomer.dialled_by_us == we_are_smaller;
}

void SwarmShell::turn_away(PeerNumber number, const std::string& reason) {
    peers_.at(number).session->command({SayGoodbye{reason}});
}

void SwarmShell::lied(PeerNumber number, const std::string& how) {
    const NodeId node = peers_.at(number).node;
    const TimePoint now = parts_.clock.now();
    log_warning("swarm", "member " + node.short_hex() + " lied and is banned: " + how);
    core_.peer_lied(number, how, now);
    if (parts_.standings != nullptr) {
        parts_.standings->keep_ban(core_.bans().of(node));
    }
    const std::lock_guard lock(names_mutex_);
    std::erase_if(banned_until_, [now](const auto& ban) { return ban.second <= now; });
    banned_until_[node] = core_.bans().banned_until(node);
}

// Rule 7. A peer that lied is known to the core no more, and its ban is told instead.
void SwarmShell::remember(PeerNumber number, const Peer& peer) const {
    if (parts_.standings == nullptr) {
        return;
    }
    if (const auto standing = core_.report(number, parts_.clock.now()).standing) {
        parts_.standings->keep(peer.node, *standing);
    }
}

void SwarmShell::look_around(TimePoint now) {
    if (now < look_around_at_) {
        return;
    }
    look_around_at_ = now + kLookAroundEvery;
    for (const auto& [number, peer] : peers_) {
        if (peer.joined) {
            remember(number, peer);
            tell_members(number, kMembersToldLater);
        }
    }
    for (const PeerNumber number : places_.trim(seats(now), now)) {
        give_way(number);
    }
}

void SwarmShell::ended(PeerNumber number, const Error& why) {
    const Peer& peer = peers_.at(number);
    if (peer.joined) {
        if (why.whose == Whose::peer && why.code == Code::corrupt) {
            lied(number, why.message);
        } else if (why.whose == Whose::peer) {
            violators_.ban(peer.node, parts_.clock.now());
        }
        leave(number, why, false);
    }
    if (peer.dialled_by_us && !peer.greeted) {
        parts_.listener.on_dialled(peer.address, why);
    }
    outbox_.erase(number);
    peers_.erase(number);
    gone_.notify();
}

// The node counts as connected no longer; its session may have last words to say.
void SwarmShell::leave(PeerNumber number, const Error& why, bool replaced) {
    Peer& peer = peers_.at(number);
    if (!peer.joined) {
        return;
    }
    peer.joined = false;
    by_node_.erase(peer.node);
    {
        const std::lock_guard lock(names_mutex_);
        connected_.erase(peer.node);
    }
    outbox_.erase(number);
    remember(number, peer);
    core_.peer_left(number, parts_.clock.now());
    quorum_.left(number, parts_.clock.now());
    surveys_.peer_left(number);
    parts_.catalog.on_peer_left(peer.node);
    if (!replaced) {
        log_info("swarm", "member " + peer.node.short_hex() + " left: " + why.message);
        parts_.listener.on_peer_left(peer.node, why);
    }
}

void SwarmShell::carry_out_surveys(TimePoint now) {
    Surveys::Peers connected;
    if (surveys_.waits()) {
        for (const auto& [node, number] : by_node_) {
            connected.emplace_back(number, node);
        }
    }
    for (Action& action : surveys_.decide(connected, now)) {
        carry_out(action);
    }
    for (const Surveys::Over& over : surveys_.take_over()) {
        over.done(over.found);
    }
}

SwarmShell::Peer* SwarmShell::peer_of(const NodeId& node) {
    const auto found = by_node_.find(node);
    return found == by_node_.end() ? nullptr : &peers_.at(found->second);
}

}  // namespace swarmfs::swarm
