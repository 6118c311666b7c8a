#pragma once
// A member's (or tracker's) copy of the catalog, and the only code that changes it. It decides what
// is believed, in which order it counts, and which versions stand.
//
// Rules:
//   1. A publication is applied as a whole or not at all. Its header comes first, its entries in
//      any order, from anybody; they are kept aside (parked) until it is whole.
//   2. Causal order: a publication waits until its author's one before it, and everything it says
//      its author had seen, have been applied.
//   3. Refused for good: a broken chain, a role that may not write, an expired grant, clocks that
//      go back, a base its author cannot have seen. Refused for now: clocks ahead of ours, too much
//      parked. Two headers of one author for one number are an alarm, and so is what continues the
//      other one: the first one counts here. Whoever sends them may have met the other one first,
//      so he is not blamed.
//   4. Heads of a path = all its versions less all that any version replaced. On arrival a version
//      removes the heads it has seen and joins the rest. Under rule 2 the order of arrival among
//      strangers makes no difference: replicas with equal vectors have equal heads and views.
//   5. Local entries count at once and are signed later, many under one header. That header must
//      say what had been seen when they were written: `advance` fails with Code::busy while there
//      are unsigned ones. Call seal_local first.
//   6. What was replaced keeps its bytes for 7 days of the catalog's clock (deletions can be
//      undone), then `compact` shrinks it to its stub.
//   7. An own author id belongs to one history. When anyone shows a header of ours that we do not
//      have (a restored backup, a copied home), nothing may be signed under that id any more:
//      start_incarnation.
//   8. Only who may write leaves anything here: a header is parked when it carries a chain that
//      lets its author write, or follows one that did. What is parked is bounded, for each node key
//      and in all, so a lying member can delay others and fill neither disk nor memory. The next
//      in turn is always admitted: others of its node make room, then whoever the dice name. What
//      is dropped is sent again (node/catalog_lag.hpp). Nothing is ever refused for good for want
//      of room, nor because there are many authors: that would depend on the order of arrival.
// Every call works on the map given at construction, normally one batch of the store: nothing is
// kept in memory between calls. Memory: one publication. Thread: as the map's.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/catalog/replica_reader.hpp"
#include "engine/crypto/signature.hpp"

namespace swarmfs::catalog {

// Chosen by us: what may wait here unfinished (rule 8). Bytes are those of headers and entries, on
// disk. One node may have a publication of the largest kind and its followers waiting.
inline constexpr std::uint64_t kParkedMax = 1024;
inline constexpr std::uint64_t kParkedPerNodeMax = 64;
inline constexpr std::uint64_t kParkedBytesMax = 256ULL * 1024 * 1024;
inline constexpr std::uint64_t kParkedBytesPerNodeMax = 2 * kPublicationBytesMax;
inline constexpr std::uint64_t kKeepSupersededMs = 7ULL * 24 * 3600 * 1000;

enum class HeaderOutcome : std::uint8_t {
    parked,     // its entries are wanted
    duplicate,  // known already
    unwanted,   // of an author of whom no grant is here: his first header goes before it
    alarm,      // its author signed two histories; the other one is kept. Report the author
    forked,     // it is ours, and not in our history: start_incarnation, then apply it again
};

enum class EntriesOutcome : std::uint8_t {
    parked,    // more entries of the publication are wanted
    whole,     // that was the last piece: call advance
    known,     // all of them were here
    unwanted,  // of a publication whose header is not here, or not that one
};
struct EntriesApplied {
    EntriesOutcome outcome = EntriesOutcome::unwanted;
    std::vector<std::string> touched;  // paths that settled because a missing entry arrived
};

// One publication was taken from the car park.
struct Applied {
    AuthorId author;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    // Where something else may be shown now (`find`), conflict names included; ascending.
    std::vector<std::string> touched;
    std::optional<Error> refused;  // rule 3: it was dropped, and why
};

struct Sealed {
    AuthorId author;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
};

namespace rows {
class Key;
}

class Replica : public ReplicaReader {
public:
    // Requires: `rows` outlives the replica.
    Replica(KeyValueWriter& rows, const SwarmId& swarm)
        : ReplicaReader(rows), rows_(rows), swarm_(swarm) {}

    // ---- what others say ----
    // Cost: one signature check. Errors: peer errors for what no honest member sends (end the
    // session); network errors (try_again, busy) for what may be sent again later.
    Result<HeaderOutcome> apply_header(ByteSpan message, std::uint64_t now_ms);
    Result<EntriesApplied> apply_entries(ByteSpan message);
    // Takes at most one publication, none of `not_these` (its author and last number). Call until
    // it returns nothing, committing between calls.
    // Errors: caller error busy (rule 5).
    Result<std::optional<Applied>> advance(const std::set<Dot>& not_these = {});

    // ---- what we say ----
    // Begins a history of our own: at first use, and by rule 7. Local entries that were not signed
    // yet are carried over. Requires: `incarnation` is random.
    Result<> start_incarnation(const NodeId& node, std::uint64_t incarnation);

    // Gives the entry the next own number and a clock, and makes it count. Its `clock` is ignored.
    // Returns: its name. Requires: start_incarnation was called once.
    // Errors: caller errors of encode_entry; invalid for a base that is not known here; try_again
    // when as much waits to be signed as one publication may hold: seal first.
    Result<Dot> append_local(Entry entry, std::uint64_t now_ms);
    // Where something else may be shown after appends since the last call; as Applied::touched.
    std::vector<std::string> take_touched();

    // Signs all local entries under one header. Returns: nothing when there are none.
    // `grant` is our own chain. Errors: read_only when it does not let us write (any more).
    Result<std::optional<Sealed>> seal_local(const crypto::SigningKey& key, ByteSpan grant);

    // ---- housekeeping ----
    // Shrinks up to `count_max` superseded entries (rule 6). Returns: how many.
    std::size_t compact(std::uint64_t now_ms, std::size_t count_max);

private:
    struct Incoming;  // one publication being applied
    // How far a version's author had seen another author.
    using Sight = std::function<std::uint64_t(const AuthorId&)>;

    // replica_parking.cpp
    Result<HeaderOutcome> place_header(const SignedHeader& signed_header, ByteSpan message);
    bool needs_met(const Header& header) const;
    std::optional<Dot> first_unmet(const Header& header) const;
    Result<EntriesApplied> fill_bodies(const EntriesMessage& message);
    static rows::Key waiting_key(const Dot& unmet, const Dot& waiter);
    void wake(const AuthorId& author, std::uint64_t reached);
    void add_to(std::string_view word, std::int64_t amount);

    // replica_room.cpp
    Result<bool> may_park(const Header& header) const;
    bool fits_node(const NodeId& node, std::uint64_t rows_more, std::uint64_t bytes_more) const;
    bool fits_all(std::uint64_t rows_more, std::uint64_t bytes_more) const;
    Result<> make_room(const Header& header, std::uint64_t rows_more, std::uint64_t bytes_more);
    bool drop_last_of(const NodeId& node, const Dot& but);
    bool drop_one(const rows::Key& table, const rows::Key& from, const Dot& but);
    void drop_parked(const Dot& name);
    void unpark(const Header& header, bool keep_entries);

    // replica_apply.cpp
    Applied take(const SignedHeader& publication);
    Result<> check_incoming(Incoming& incoming);
    Result<> check_grant(Incoming& incoming);
    Result<> check_entries(const Incoming& incoming);
    Applied apply_whole(Incoming& incoming);

    // replica_heads.cpp
    void add_head(const Dot& dot, const Stub& stub, ItemForm form, const Sight& sight);
    void supersede_seen(const Dot& dot, const Stub& stub, const Sight& sight);
    void remove_head(const Hash256& path, const Dot& head, HybridTime at);
    std::uint64_t seen_by(const AuthorId& author, const AuthorId& other) const;
    std::vector<Dot> all_heads(const Hash256& path, std::size_t count_max) const;
    void settle(const std::string& path, std::set<std::string>& touched);
    void settle_losers(const std::string& path, const View& view, std::set<std::string>& touched);
    void touch_group(const std::string& directory, const std::string& conflict_name,
                     std::set<std::string>& touched);

    // replica_local.cpp
    std::vector<Dot> replaced_by(const Entry& entry, const Dot& unsigned_first,
                                 const AuthorId& next);
    void name_replaced(Entry& entry, std::vector<Dot> replaced);
    Result<> carry_over(const Dot& from, std::uint64_t unsigned_first, const Dot& to);
    Result<Hash256> root_of_unsealed(const Header& header, std::set<AuthorId>& named) const;
    Result<VersionVector> take_news(const AuthorId& own, const std::set<AuthorId>& named);
    void note_news(const AuthorId& author);
    void raise_clock(HybridTime clock);

    KeyValueWriter& rows_;
    SwarmId swarm_;
    std::set<std::string> touched_;
};

}  // namespace swarmfs::catalog
