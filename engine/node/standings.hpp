#pragma once
// What one swarm remembers of its nodes across restarts: how well each served (a standing), and who
// is banned.
//
//   50 's' swarm:32 node:32  ->  version:u8(1) seen_ms:u64 received:u64 sent:u64 answers:u32
//                                failures:u32 receive_rate:u64 ban_until_ms:u64 ban_length_ms:u64
//                                (all 0 from ban_until_ms on: never banned)
//
// Rules:
//   1. The swarm tells and asks in memory; save() brings what changed to the Database in one batch.
//      The data path never waits for it. A ban is saved at once, standings every few seconds.
//   2. At most kRowsMax nodes are remembered. Who was seen last the longest ago gives way, and those
//      who were banned after all others.   Why: who is banned must not be able to have that
//      forgotten by making more nodes.
//   3. A ban ends by the clock on the wall, and none lasts longer from a start on than it was given,
//      whatever that clock says: one that was set back cannot ban for ever.
//   4. A row that cannot be read is forgotten, and the log says so.
// Thread: any.

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/result.hpp"
#include "engine/store/database.hpp"
#include "engine/swarm/ports.hpp"

namespace swarmfs::node {

struct StandingRow {
    swarm::Standing standing;
    std::uint64_t seen_ms = 0;
    std::uint64_t ban_until_ms = 0;
    std::uint64_t ban_length_ms = 0;  // 0: never banned

    bool operator==(const StandingRow&) const = default;
};
Bytes encode(const StandingRow& row);
// Returns: what was encoded, with nothing in it beyond the bounds of Standing and BanList, nor of a
// time to come but the end of a ban; nothing for other bytes.
std::optional<StandingRow> decode_standing_row(ByteSpan bytes, std::uint64_t now_ms);

class Standings final : public swarm::StandingPort {
public:
    static constexpr std::size_t kRowsMax = 4096;

    // `save_soon` is called, with no lock held, when something is to be saved at once. All must
    // outlive it.
    Standings(store::Database& database, const Clock& clock, const SwarmId& swarm,
              std::function<void()> save_soon);

    std::vector<swarm::Ban> bans() override;
    swarm::Standing of(const NodeId& node) override;
    void keep(const NodeId& node, const swarm::Standing& standing) override;
    void keep_ban(const swarm::Ban& ban) override;

    // Whether anything waits for save().
    bool changed() const;
    // On record when it returns (kill -9). Errors: those of the Database; it is tried again then.
    Result<> save();

    // Whose ban lasts, and until when, in milliseconds since 1970 UTC.
    std::map<NodeId, std::uint64_t> banned() const;
    std::vector<NodeId> nodes() const;

    static Bytes rows_of(const SwarmId& swarm);

private:
    // Requires: mutex_ is held. Makes room when it is new.
    StandingRow& row_of(const NodeId& node);

    store::Database& database_;
    const Clock& clock_;
    const SwarmId swarm_;
    const std::function<void()> save_soon_;
    std::mutex saving_mutex_;   // one batch at a time
    mutable std::mutex mutex_;  // guards what follows; never held while the disk is waited for
    std::map<NodeId, StandingRow> rows_;
    std::set<NodeId> unsaved_;  // changed, or gone, since they were saved
};

}  // namespace swarmfs::node
