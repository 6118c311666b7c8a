#pragma once
// Addresses at which members might be, and whom to dial next.
//
// Rules:
//   1. What may not be dialled on its teller's word (transport/address.hpp) is not taken in.
//   2. Hearsay is bounded: so many addresses for each kind of source, for each member that tells
//      them, and in one /24 (IPv6: /64). What was configured is not, and is never forgotten.
//   3. A failed dial is repeated after 1 s, 2 s, 4 s, … up to 5 minutes, each a quarter more or
//      less by chance, so that members that lost the same peer do not come back in step.
//      A session that is gone when the address is due again counts as a failed dial.   Why: a
//      member that has no room lets us in only to say so.
//   4. Hearsay that failed kFailuresMax times in a row is forgotten, and not taken in again for
//      kForgottenFor.   Why: whoever tells a dead address tells it again.
//   5. Whoever is connected already, by whatever address, is not dialled; an address that turned
//      out to be this node's own is kept as that, and never dialled again.
//   6. Who is at an address, a session says. Hearsay may say it first, but only of an address that
//      was not configured, and changes nothing.   Why: an address that is said to belong to
//      somebody who is connected is not dialled.
//   7. At most kDialsAtOnce dials are under way, and one to a node.
//   8. Of those that are due, who probably holds what somebody waits for comes first; then who was
//      not met for the longest time, or never, what was configured before hearsay; then chance
//      decides.   Why: members that all dial the lowest addresses make a star, and those that dial
//      only whom they know already never meet the rest of a large swarm.
// Pure. Thread: one. Cost: O(log candidates) to add.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/core/dice.hpp"
#include "engine/core/ids.hpp"
#include "engine/transport/address.hpp"

namespace swarmfs::discovery {

using transport::Address;
using transport::AddressSource;
using transport::TellerPlace;

// Chosen by us.
inline constexpr std::size_t kCandidatesPerSourceMax = 1024;
inline constexpr std::size_t kCandidatesPerTellerMax = 128;
inline constexpr std::size_t kCandidatesPerNetworkMax = 64;
inline constexpr std::size_t kForgottenMax = 1024;
inline constexpr std::size_t kDialsAtOnce = 16;
inline constexpr unsigned kFailuresMax = 8;
inline constexpr Duration kRetryFirst = std::chrono::seconds(1);
inline constexpr Duration kRetryMax = std::chrono::minutes(5);
inline constexpr Duration kSettledAfter = std::chrono::seconds(30);
inline constexpr Duration kForgottenFor = std::chrono::minutes(30);

class CandidateBook {
public:
    explicit CandidateBook(Dice& dice) : dice_(dice) {}

    // `node`: who is said to be there, where that is known. `teller`: the member whose word it is,
    // where it is a member's. Returns: whether it was taken in.
    bool add(const Address& address, AddressSource source, TellerPlace place,
             std::optional<NodeId> node, TimePoint now,
             const std::optional<NodeId>& teller = std::nullopt);

    // Addresses to dial now, `at_most` so many; they count as being dialled until one of the calls
    // below. `connected` says whether there is a session with a node.
    std::vector<Address> take_due(TimePoint now,
                                  const std::function<bool(const NodeId&)>& connected,
                                  std::size_t at_most = kDialsAtOnce);
    void failed(const Address& address, TimePoint now);
    // A session says who is there.
    void connected(const Address& address, const NodeId& node, TimePoint now);
    void is_self(const Address& address);
    // The session with the node ended: its addresses are worth a try soon.
    void lost(const NodeId& node, TimePoint now);
    // The network has changed, or somebody waits, perhaps for what `likely` holds: everything is
    // worth a try now.
    void hurry(TimePoint now, const std::optional<NodeId>& likely = std::nullopt);

    // When take_due has something new to say. Returns: TimePoint::max() for never.
    TimePoint next_due() const;
    std::size_t size() const { return candidates_.size(); }
    std::size_t dialling() const { return dialling_; }

private:
    struct Candidate {
        AddressSource source = AddressSource::configured;
        std::optional<NodeId> node;
        std::optional<NodeId> teller;
        TimePoint due{};
        TimePoint connected_at{};
        unsigned failures = 0;
        bool dialling = false;
        bool self = false;
    };
    using Candidates = std::map<Address, Candidate>;

    bool has_room_for(const Address& address, AddressSource source,
                      const std::optional<NodeId>& teller) const;
    void count(const Address& address, const Candidate& candidate, int difference);
    void forget(Candidates::iterator candidate, TimePoint now);
    Duration retry_after(unsigned failures);
    std::vector<Candidates::iterator> in_order(TimePoint now);

    Dice& dice_;
    Candidates candidates_;
    // Of what was not configured.
    std::map<AddressSource, std::size_t> of_source_;
    std::map<NodeId, std::size_t> of_teller_;
    std::map<std::string, std::size_t> of_network_;
    std::map<Address, TimePoint> forgotten_until_;
    std::optional<NodeId> likely_;  // rule 8, until it is dialled
    std::size_t dialling_ = 0;
};

}  // namespace swarmfs::discovery
