#include "engine/discovery/candidate_book.hpp"

#include <algorithm>

namespace swarmfs::discovery {
namespace {

// The /24 of an IPv4 address, the /64 of an IPv6 one.
std::string network_of(const Address& address) {
    const std::string host = transport::host_key(address);
    const bool v4 = host.find(':') == std::string::npos;
    return v4 ? host.substr(0, host.rfind('.')) : host;
}

}  // namespace

bool CandidateBook::has_room_for(const Address& address, AddressSource source) const {
    if (source == AddressSource::configured || transport::is_loopback(address)) {
        return true;
    }
    const std::string network = network_of(address);
    std::size_t of_source = 0;
    std::size_t of_network = 0;
    for (const auto& [other, candidate] : candidates_) {
        of_source += candidate.source == source ? 1 : 0;
        of_network +=
            candidate.source != AddressSource::configured && network_of(other) == network ? 1 : 0;
    }
    return of_source < kCandidatesPerSourceMax && of_network < kCandidatesPerNetworkMax;
}

bool CandidateBook::add(const Address& address, AddressSource source, TellerPlace teller,
                        std::optional<NodeId> node, TimePoint now) {
    if (const auto known = candidates_.find(address); known != candidates_.end()) {
        if (node && !known->second.dialling) {
            known->second.node = node;
        }
        return true;
    }
    if (!transport::may_dial(address, source, teller)) {
        return false;
    }
    if (!has_room_for(address, source)) {
        return false;
    }
    Candidate candidate;
    candidate.source = source;
    candidate.node = node;
    candidate.due = now;
    candidates_.emplace(address, candidate);
    return true;
}

std::vector<Address> CandidateBook::take_due(TimePoint now,
                                             const std::function<bool(const NodeId&)>& connected) {
    std::vector<Address> due;
    for (auto& [address, candidate] : candidates_) {
        if (dialling_ >= kDialsAtOnce) {
            break;
        }
        if (candidate.dialling || candidate.self || candidate.due > now) {
            continue;
        }
        if (candidate.node && connected(*candidate.node)) {
            candidate.due = now + kRetryMax;  // `lost` brings it forward
            continue;
        }
        candidate.dialling = true;
        ++dialling_;
        due.push_back(address);
    }
    return due;
}

Duration CandidateBook::retry_after(unsigned failures) {
    const Duration plain =
        failures > 16 ? kRetryMax : std::min<Duration>(kRetryMax, kRetryFirst * (1U << failures));
    const auto half = static_cast<std::uint64_t>(plain.count()) / 2;
    return plain * 3 / 4 + Duration(static_cast<Duration::rep>(dice_.below(half + 1)));
}

void CandidateBook::failed(const Address& address, TimePoint now) {
    const auto found = candidates_.find(address);
    if (found == candidates_.end() || !found->second.dialling) {
        return;
    }
    Candidate& candidate = found->second;
    candidate.dialling = false;
    --dialling_;
    candidate.due = now + retry_after(candidate.failures);
    if (++candidate.failures >= kFailuresMax && candidate.source != AddressSource::configured) {
        candidates_.erase(found);
    }
}

void CandidateBook::connected(const Address& address, const NodeId& node, TimePoint now) {
    const auto found = candidates_.find(address);
    if (found == candidates_.end()) {
        return;
    }
    Candidate& candidate = found->second;
    dialling_ -= candidate.dialling ? 1 : 0;
    candidate.dialling = false;
    candidate.failures = 0;
    candidate.node = node;
    candidate.due = now + kRetryMax;
}

void CandidateBook::is_self(const Address& address) {
    const auto found = candidates_.find(address);
    if (found == candidates_.end()) {
        return;
    }
    dialling_ -= found->second.dialling ? 1 : 0;
    found->second.dialling = false;
    found->second.self = true;
}

void CandidateBook::lost(const NodeId& node, TimePoint now) {
    for (auto& [address, candidate] : candidates_) {
        if (candidate.node == node && !candidate.dialling) {
            candidate.due = std::min(candidate.due, now + retry_after(0));
        }
    }
}

void CandidateBook::hurry(TimePoint now) {
    for (auto& [address, candidate] : candidates_) {
        candidate.due = std::min(candidate.due, now);
    }
}

TimePoint CandidateBook::next_due() const {
    TimePoint next = TimePoint::max();
    if (dialling_ >= kDialsAtOnce) {
        return next;  // the end of a dial is the next event
    }
    for (const auto& [address, candidate] : candidates_) {
        if (!candidate.dialling && !candidate.self) {
            next = std::min(next, candidate.due);
        }
    }
    return next;
}

}  // namespace swarmfs::discovery
