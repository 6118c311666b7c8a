#include "engine/swarm/peer_score.hpp"

#include <algorithm>

namespace swarmfs::swarm {

namespace {

using Seconds = std::chrono::duration<double>;

constexpr double kSpeedWeight = 0.30;
constexpr double kRatioWeight = 0.20;
constexpr double kReliabilityWeight = 0.25;
constexpr double kLatencyWeight = 0.15;
constexpr double kRecencyWeight = 0.10;
constexpr double kUnknown = 0.5;
constexpr double kHalvingLatency = 0.050;  // seconds
constexpr double kHalvingSilence = 60.0;   // seconds

}  // namespace

double score_of(const PeerFacts& facts, double fastest_rate) {
    const double speed = facts.bytes_received == 0 || fastest_rate <= 0
                             ? kUnknown
                             : std::clamp(facts.receive_rate / fastest_rate, 0.0, 1.0);
    const auto received = static_cast<double>(facts.bytes_received);
    const auto sent = static_cast<double>(facts.bytes_sent);
    const double ratio = received + sent <= 0 ? kUnknown : received / (received + sent);
    // One imagined success and failure: a single refusal does not condemn a newcomer.
    const double reliability = (facts.answers + 1.0) / (facts.answers + facts.failures + 2.0);
    const double latency =
        facts.round_trip ? kHalvingLatency /
                               (kHalvingLatency + std::max(0.0, Seconds(*facts.round_trip).count()))
                         : kUnknown;
    const double silence = std::max(0.0, Seconds(facts.since_last_word).count());
    const double recency = kHalvingSilence / (kHalvingSilence + silence);
    return kSpeedWeight * speed + kRatioWeight * ratio + kReliabilityWeight * reliability +
           kLatencyWeight * latency + kRecencyWeight * recency;
}

Standing standing_after(const Standing& before, const PeerFacts& session, double best_rate) {
    Standing all;
    all.bytes_received = before.bytes_received + session.bytes_received;
    all.bytes_sent = before.bytes_sent + session.bytes_sent;
    std::uint64_t answers = std::uint64_t{before.answers} + session.answers;
    std::uint64_t failures = std::uint64_t{before.failures} + session.failures;
    while (answers + failures > Standing::kRequestsMax) {
        answers /= 2;
        failures /= 2;
    }
    while (all.bytes_received + all.bytes_sent > Standing::kBytesMax) {
        all.bytes_received /= 2;
        all.bytes_sent /= 2;
    }
    all.answers = static_cast<std::uint32_t>(answers);
    all.failures = static_cast<std::uint32_t>(failures);
    // Half of it is the last session's: one on a busy day does not make a fast peer a slow one.
    const auto best = static_cast<std::uint64_t>(std::max(0.0, best_rate));
    all.receive_rate = session.bytes_received == 0 ? before.receive_rate
                       : before.receive_rate == 0  ? best
                                                   : before.receive_rate / 2 + best / 2;
    return all;
}

PeerFacts facts_with(const Standing& before, PeerFacts session) {
    if (session.bytes_received == 0) {
        session.receive_rate = static_cast<double>(before.receive_rate);
    }
    session.bytes_received += before.bytes_received;
    session.bytes_sent += before.bytes_sent;
    session.answers += before.answers;
    session.failures += before.failures;
    return session;
}

// A new one when it has none.
Ban& BanList::row_of(const NodeId& node) {
    if (bans_.size() >= kBansMax && bans_.find(node) == bans_.end()) {
        // The ban that ends first makes room.
        bans_.erase(std::min_element(bans_.begin(), bans_.end(), [](const auto& a, const auto& b) {
            return a.second.until < b.second.until;
        }));
    }
    Ban& ban = bans_[node];
    ban.node = node;
    return ban;
}

Duration BanList::ban(const NodeId& node, TimePoint now) {
    Ban& ban = row_of(node);
    ban.length = ban.length == Duration{} ? first_ : std::min(ban.length * 2, most_);
    ban.until = now + ban.length;
    return ban.length;
}

Ban BanList::of(const NodeId& node) const {
    const auto found = bans_.find(node);
    return found == bans_.end() ? Ban{node, {}, {}} : found->second;
}

void BanList::restore(const Ban& ban) {
    if (ban.length > Duration{}) {
        row_of(ban.node) = {ban.node, ban.until, std::min(ban.length, most_)};
    }
}

TimePoint BanList::banned_until(const NodeId& node) const {
    const auto found = bans_.find(node);
    return found == bans_.end() ? TimePoint::min() : found->second.until;
}

}  // namespace swarmfs::swarm
