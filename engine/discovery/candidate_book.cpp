#include "engine/discovery/candidate_book.hpp"

#include <algorithm>
#include <set>

namespace swarmfs::discovery {
namespace {

// The /24 of an IPv4 address, the /64 of an IPv6 one.
std::string network_of(const Address& address) {
    const std::string host = transport::host_key(address);
    const bool v4 = host.find(':') == std::string::npos;
    return v4 ? host.substr(0, host.rfind('.')) : host;
}

template <class Key>
std::size_t count_of(const std::map<Key, std::size_t>& counts, const Key& key) {
    const auto found = counts.find(key);
    return found == counts.end() ? 0 : found->second;
}

template <class Key>
void add_to(std::map<Key, std::size_t>& counts, const Key& key, int difference) {
    std::size_t& count = counts[key];
    count += static_cast<std::size_t>(difference);
    if (count == 0) {
        counts.erase(key);
    }
}

}  // namespace

bool CandidateBook::has_room_for(const Address& address, AddressSource source,
                                 const std::optional<NodeId>& teller) const {
    if (source == AddressSource::configured) {
        return true;
    }
    if (count_of(of_source_, source) >= kCandidatesPerSourceMax ||
        (teller && count_of(of_teller_, *teller) >= kCandidatesPerTellerMax)) {
        return false;
    }
    return transport::is_loopback(address) ||
           count_of(of_network_, network_of(address)) < kCandidatesPerNetworkMax;
}

void CandidateBook::count(const Address& address, const Candidate& candidate, int difference) {
    if (candidate.source == AddressSource::configured) {
        return;
    }
    add_to(of_source_, candidate.source, difference);
    add_to(of_network_, network_of(address), difference);
    if (candidate.teller) {
        add_to(of_teller_, *candidate.teller, difference);
    }
}

bool CandidateBook::add(const Address& address, AddressSource source, TellerPlace place,
                        std::optional<NodeId> node, TimePoint now,
                        const std::optional<NodeId>& teller) {
    const bool configured = source == AddressSource::configured;
    if (const auto known = candidates_.find(address); known != candidates_.end()) {
        Candidate& candidate = known->second;
        if (configured && candidate.source != AddressSource::configured) {
            count(address, candidate, -1);
            candidate.source = source;
        } else if (!candidate.node && candidate.source != AddressSource::configured) {
            candidate.node = node;
        }
        return true;
    }
    if (const auto forgotten = forgotten_until_.find(address);
        forgotten != forgotten_until_.end() && !configured && now < forgotten->second) {
        return false;
    }
    if (!transport::may_dial(address, source, place) || !has_room_for(address, source, teller)) {
        return false;
    }
    Candidate candidate;
    candidate.source = source;
    candidate.node = node;
    candidate.teller = teller;
    candidate.due = now;
    count(address, candidate, 1);
    candidates_.emplace(address, std::move(candidate));
    return true;
}

// Rule 4.
void CandidateBook::forget(Candidates::iterator candidate, TimePoint now) {
    std::erase_if(forgotten_until_, [now](const auto& entry) { return entry.second <= now; });
    if (forgotten_until_.size() >= kForgottenMax) {
        forgotten_until_.erase(
            std::min_element(forgotten_until_.begin(), forgotten_until_.end(),
                             [](const auto& a, const auto& b) { return a.second < b.second; }));
    }
    forgotten_until_[candidate->first] = now + kForgottenFor;
    count(candidate->first, candidate->second, -1);
    candidates_.erase(candidate);
}

// Rule 8.
std::vector<CandidateBook::Candidates::iterator> CandidateBook::in_order(TimePoint now) {
    std::vector<Candidates::iterator> due;
    for (auto at = candidates_.begin(); at != candidates_.end(); ++at) {
        const Candidate& candidate = at->second;
        if (!candidate.dialling && !candidate.self && candidate.due <= now) {
            due.push_back(at);
        }
    }
    for (std::size_t left = due.size(); left > 1; --left) {
        std::swap(due[left - 1], due[dice_.below(left)]);
    }
    std::stable_sort(due.begin(), due.end(), [](const auto& a, const auto& b) {
        const auto rank = [](const Candidate& candidate) {
            return std::pair(candidate.connected_at, candidate.source != AddressSource::configured);
        };
        return rank(a->second) < rank(b->second);
    });
    if (likely_) {
        std::stable_partition(due.begin(), due.end(),
                              [&](const auto& at) { return at->second.node == likely_; });
        likely_.reset();
    }
    return due;
}

std::vector<Address> CandidateBook::take_due(TimePoint now,
                                             const std::function<bool(const NodeId&)>& connected,
                                             std::size_t at_most) {
    std::vector<Address> due;
    if (at_most == 0) {
        return due;
    }
    std::set<NodeId> being_dialled;
    for (const auto& [address, candidate] : candidates_) {
        if (candidate.dialling && candidate.node) {
            being_dialled.insert(*candidate.node);
        }
    }
    for (const auto& at : in_order(now)) {
        if (dialling_ >= kDialsAtOnce || due.size() >= at_most) {
            break;
        }
        Candidate& candidate = at->second;
        if (candidate.node && connected(*candidate.node)) {
            candidate.failures = 0;
            candidate.due = now + kRetryMax;  // `lost` brings it forward
            continue;
        }
        if (candidate.node && !being_dialled.insert(*candidate.node).second) {
            candidate.due = now + kRetryFirst;
            continue;
        }
        candidate.dialling = true;
        ++dialling_;
        due.push_back(at->first);
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
        forget(found, now);
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
    candidate.node = node;
    candidate.connected_at = now;
    // Whether the session came to anything shows when it is due again.
    candidate.due = now + retry_after(candidate.failures);
    ++candidate.failures;
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
        if (candidate.node != node || candidate.dialling) {
            continue;
        }
        if (candidate.failures == 0 || now - candidate.connected_at >= kSettledAfter) {
            candidate.failures = 0;
            candidate.due = std::min(candidate.due, now + retry_after(0));
        }
    }
}

void CandidateBook::hurry(TimePoint now, const std::optional<NodeId>& likely) {
    likely_ = likely ? likely : likely_;
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
