#pragma once
// Who takes what is to be there N times, decided by every member for itself, alike, without a word.
//
// Rules:
//   1. A content is looked at in parcels of 256 chunks (64 MiB), so that one that is larger than any
//      member's room is spread over several. A copy is a connected member that holds a parcel whole.
//   2. Of the members that hold no copy, the one with the highest hash of (content, parcel, member)
//      comes first (rendezvous hashing: Thaler, Ravishankar 1998).   Why: all rank alike, whoever is
//      asked, and a member that comes or goes changes the place of no other two.
//   3. As many of them as copies are lacking take it at once, the others one after another, a turn
//      (Patience) later each.   Why: a member without room is passed over without a word.
//   4. Who holds a part of it, and more than the last time, is taking it: that counts as a copy here.
//   5. A shortage begins when it is seen; of what was not published just now, a grace later.   Why: a
//      member that is started anew must not move gigabytes. Where a holder has gone since the last
//      look, it is another shortage, and begins anew.
//   6. A parcel can be taken while members together hold every chunk of it.
// Pure; any thread.   Cost: of a look, parcels times members.

#include <map>
#include <optional>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/swarm/swarm.hpp"

namespace swarmfs::node {

// A content cut into parcels. Those of enormous ones are larger: there are kParcelsMax at most.
class Parcels {
public:
    static constexpr std::uint64_t kChunks = 256;
    static constexpr std::uint64_t kParcelsMax = 65'536;

    // Requires: the content is not empty.
    explicit Parcels(const ContentId& content);
    std::uint64_t count() const { return count_; }
    swarm::ChunkRange range(std::uint64_t parcel) const;
    std::uint64_t bytes(std::uint64_t parcel) const;

private:
    std::uint64_t size_;
    std::uint64_t chunks_;  // of the content
    std::uint64_t each_;    // chunks of a parcel
    std::uint64_t count_;
};

struct Patience {
    Duration turn = std::chrono::seconds(30);
    Duration grace = std::chrono::seconds(60);
};

// What a survey found, this node among those that answered.
struct Sight {
    NodeId self;
    ContentId content;
    std::uint32_t replicas = 1;
    std::vector<swarm::Survey::Answer> members;
    // How many chunks of the content each held when it was looked at before; empty: it was not.
    std::map<NodeId, std::uint64_t> held_before;
    TimePoint since{};  // of the shortage, with its grace; now, when this is the first look
    Patience patience{};
};

struct Outlook {
    std::uint32_t copies = 0;  // of the parcel that has the fewest
    bool enough = false;       // every parcel is there often enough
    bool available = true;     // every chunk of the content is held by somebody
    // What this node is to take now: of those whose turn has come, the rarest; ties fall by hash, so
    // that two who take at once begin with different ones.
    std::optional<std::uint64_t> take;
    TimePoint again = TimePoint::max();  // when its next turn comes
};

Outlook look_at(const Sight& sight, TimePoint now);

// Whether somebody who held a part of it the last time is not there, or did not answer: rule 5.
bool lost_a_holder(const Sight& sight);

// How many chunks each holds: for Sight::held_before, the next time.
std::map<NodeId, std::uint64_t> chunks_held(const Sight& sight);

// The nodes that come first for a parcel of a content (rule 2), best first.
std::vector<NodeId> ranked(const ContentId& content, std::uint64_t parcel,
                           std::vector<NodeId> nodes);

}  // namespace swarmfs::node
