#pragma once
// The tables behind one lock, in the words of the API: register, heartbeat, leave, announce, who is
// there, who holds what. Whatever is slow (parsing, signatures, hashing) is done before it is
// called and none of it under the lock. Thread: any.

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tracker/content_table.hpp"
#include "tracker/peer_choice.hpp"
#include "tracker/peer_table.hpp"

namespace swarmfs::tracker {

struct RegistryCounts {
    std::size_t peers = 0;
    std::size_t contents = 0;
};

class Registry {
public:
    // Requires: clock and dice outlive the registry; nobody else uses the dice.
    Registry(const PeerLimits& peers, const ContentLimits& contents, const Clock& clock,
             Dice& dice);

    // `from`: the address the request came from. Checks the signature and, when there is one, the
    // grant.   Problems: bad_signature, grant_refused, bad_address, and those of PeerTable::enter.
    Outcome<protocol::Registered> enter(const protocol::Registration& registration,
                                        std::string_view from);
    // Problems: bad_signature, and those of PeerTable::leave.
    std::optional<Problem> leave(const protocol::Leaving& leaving);
    // Returns: the peer's swarm.   Problems: unknown_peer: register again.
    Outcome<SwarmId> heartbeat(const protocol::Heartbeat& heartbeat);

    // Chunk hashes that do not belong to their root refuse the whole announce.
    // Problems: unknown_peer, bad_chunk_hashes, tracker_full.
    Outcome<std::size_t> announce(const protocol::PeerToken& token,
                                  std::vector<protocol::AnnouncedContent> contents);

    // `asker`: the address of whoever asks, which decides what addresses are worth naming.
    std::vector<protocol::TrackerPeer> peers_of_swarm(const SwarmId& swarm, std::string_view asker,
                                                      std::size_t count);
    // Holders of a root in the swarms (all when null) and of the size (any when null), in the order
    // of peer_choice.hpp.
    std::vector<protocol::TrackerPeer> holders(const Hash256& root,
                                               const std::optional<SwarmId>& swarm,
                                               const std::optional<std::uint64_t>& size,
                                               std::string_view asker, std::size_t count);

    struct Listed {
        ContentKey key;
        std::string name;
        std::uint64_t seeders = 0;  // online and complete; beyond kSampleMax holders an estimate
        std::shared_ptr<const std::vector<Hash256>> chunk_hashes;
    };
    // Contents in order of their keys, after `after`; of one swarm, or of all. `looked_at` is the
    // last one that was looked at, when more may follow.
    struct Page {
        std::vector<Listed> contents;
        std::optional<ContentKey> looked_at;
    };
    Page list(const std::optional<ContentKey>& after, const std::optional<SwarmId>& swarm,
              std::size_t count) const;
    std::vector<Listed> list_root(const Hash256& root) const;

    // Forgets who is due. To be called now and then.
    void sweep();
    RegistryCounts counts() const;

private:
    Now now() const { return {clock_.now(), clock_.wall_ms()}; }
    void drop_all(const PeerTable::Evicted& peers);
    Listed listed(const ContentKey& key, const Content& content, TimePoint now) const;
    std::vector<protocol::TrackerPeer> describe(const std::vector<PeerSlot>& slots,
                                                std::string_view asker, TimePoint now) const;

    const Clock& clock_;
    mutable std::mutex mutex_;  // guards the rest
    Dice& dice_;
    PeerTable peers_;
    ContentTable contents_;
};

}  // namespace swarmfs::tracker
