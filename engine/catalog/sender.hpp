#pragma once
// Sends one other replica (a member, the tracker) what it lacks, a piece at a time.
//
//   1. The other says how far it has come (`learn`); what was sent counts as known to it.
//   2. Publications go in the order of their headers' clocks. A clock is later than all its author
//      had seen, so this is causal order and the receiver has to park nothing.
//   3. A publication is its header message, then its entries messages. One that was begun is
//      finished before the next one.
// Whoever drives it asks for more while its link has room, so memory stays at one block of 256
// entries, and 32 bytes for each further block of the publication.
// Thread: one at a time; the reader may be another one each time.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "engine/catalog/replica_reader.hpp"

namespace swarmfs::catalog {

enum class MessageKind : std::uint8_t { header, entries };

class Sender {
public:
    using Visit = std::function<void(MessageKind kind, Bytes message)>;

    // The other side's vector arrived.
    void learn(const VersionVector& theirs);

    // The other side may have dropped what was sent (it was busy, or thought our clock ahead), or
    // was sent a stub of what still stands: goes by its vector alone for these authors from here
    // on. For when it still lacks something of them long after it was sent.
    void start_over(const VersionVector& theirs, const std::set<AuthorId>& authors);

    // Hands messages to `visit` until about `bytes_max` have been handed over.
    // Returns: whether the other side has been sent everything.
    // Errors: disk errors.
    Result<bool> send(const ReplicaReader& replica, std::size_t bytes_max, const Visit& visit);

private:
    struct Current {
        SignedHeader publication;
        std::vector<Hash256> blocks;  // roots; empty until the header was sent
        std::uint64_t next_block = 0;
    };

    std::optional<Bytes> next_header(const ReplicaReader& replica);
    void note_next(const ReplicaReader& replica, const AuthorId& author);
    Result<> send_header(const ReplicaReader& replica, const Bytes& header, const Visit& visit);
    Result<> send_block(const ReplicaReader& replica, const Visit& visit);

    VersionVector sent_;
    std::map<AuthorId, HybridTime> next_of_author_;  // rebuilt when it runs empty
    std::optional<Current> current_;
};

}  // namespace swarmfs::catalog
