#pragma once
// The catalogs of all swarms, each a replica as members have one (engine/catalog), and an index of
// the contents they name. The tracker stores what verifies and hands it on: it can neither forge
// nor reorder, and whoever holds the same publications can fill it again.
//
//   'C' swarm:32 …                                   the replica's rows
//   'I' root:32 size:8 swarm:32 path_hash:32 = path  which paths show a content
//   'J' swarm:32 path_hash:32 = root:32 size:8       what a path shows, so that I can follow it
//   'S' swarm:32 = used:8                            a swarm this tracker keeps, and the wall time
//                                                    of what was last taken for it (0: not known)
//
// Thread: any; the calls that write run inside one Storage::write each.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/catalog/replica.hpp"
#include "engine/core/clock.hpp"
#include "engine/protocol/tracker_messages.hpp"
#include "tracker/content_table.hpp"
#include "tracker/storage.hpp"

namespace swarmfs::tracker {

// Anybody can make up a swarm; what all of them may take is bounded by storage_max, and their
// number by this. Beyond it a newcomer takes the place of one that is empty (nothing of it was ever
// applied) and was given nothing for a while. Empty ones are forgotten after a day in any case:
// members would fill them again.
inline constexpr std::size_t kSwarmsMax = 100'000;
inline constexpr std::uint64_t kEmptySwarmYieldsAfterMs = 10 * 60 * 1000;
inline constexpr std::uint64_t kEmptySwarmKeptMs = 24 * 60 * 60 * 1000;
// Applying is cut into changes of about this many entries, so that memory stays small.
inline constexpr std::uint64_t kEntriesPerChange = 20'000;

using Refused = protocol::ChangesAnswer::Refused;

struct Taken {
    std::size_t count = 0;         // of the messages; less than all: advance, then go on with these
    std::vector<Refused> refused;  // among them
};
// Takes in messages a member sent. What does not verify is refused, one by one; the rest counts.
// Stops before one that finds no room while others that wait could take their turn: a member counts
// what it sent as known here, so what is refused for want of room comes again minutes later.
// Errors: disk errors; a caller's, no_space, when there are as many swarms as may be: nothing was
// written then.
Result<Taken> take_messages(KeyValueWriter& rows, const SwarmId& swarm,
                            std::span<const Bytes> messages, std::uint64_t now_ms,
                            std::size_t swarms_max = kSwarmsMax);

struct Advanced {
    bool anything = false;  // a publication took its turn
    bool more = false;      // call again, in a change of its own
    // Dropped at their turn: they break a rule that can be checked only then.
    std::vector<catalog::Applied> refused;
};
// Applies publications that have become whole, up to about kEntriesPerChange entries.
// Errors: disk errors.
Result<Advanced> advance(KeyValueWriter& rows, const SwarmId& swarm);

// Shrinks what was superseded long ago, of the swarm after `after` (the first when null), or
// forgets that swarm when it is due.
// Returns: that swarm; nothing when there is none.
Result<std::optional<SwarmId>> compact_next(KeyValueWriter& rows,
                                            const std::optional<SwarmId>& after,
                                            std::uint64_t now_ms);

// The canonical bytes of what the tracker has applied of a swarm.
Bytes vector_of(const KeyValueReader& rows, const SwarmId& swarm);

// Runs `look` on the swarm's replica.
Result<> with_replica(const KeyValueReader& rows, const SwarmId& swarm,
                      const std::function<Result<>(const catalog::ReplicaReader&)>& look);

struct NamedContent {
    ContentKey key;
    std::string path;  // one of those that show it
};
struct NamedPage {
    std::vector<NamedContent> contents;
    std::optional<ContentKey> looked_at;  // set: more may follow after it
};
// Contents the catalogs show, in order of their keys, after `after`; of one swarm, or of all.
NamedPage list_named(const KeyValueReader& rows, const std::optional<ContentKey>& after,
                     const std::optional<SwarmId>& swarm, std::size_t count);
// Those of one root; at most 64.
std::vector<NamedContent> list_named_root(const KeyValueReader& rows, const Hash256& root);

}  // namespace swarmfs::tracker
