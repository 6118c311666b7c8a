#include "engine/node/standings.hpp"

#include <algorithm>

#include "engine/core/log.hpp"
#include "engine/core/wire.hpp"
#include "engine/store/key_spaces.hpp"

namespace swarmfs::node {
namespace {

using std::chrono::milliseconds;

constexpr std::uint8_t kVersion = 1;

std::uint64_t to_ms(Duration duration) {
    const auto ms = std::chrono::duration_cast<milliseconds>(duration).count();
    return ms > 0 ? static_cast<std::uint64_t>(ms) : 0;
}

Bytes key_of(const SwarmId& swarm, const NodeId& node) {
    Bytes key = Standings::rows_of(swarm);
    WireWriter(key).fixed(node);
    return key;
}

}  // namespace

Bytes encode(const StandingRow& row) {
    Bytes bytes;
    WireWriter out(bytes);
    out.u8(kVersion);
    out.u64(row.seen_ms);
    out.u64(row.standing.bytes_received);
    out.u64(row.standing.bytes_sent);
    out.u32(row.standing.answers);
    out.u32(row.standing.failures);
    out.u64(row.standing.receive_rate);
    out.u64(row.ban_until_ms);
    out.u64(row.ban_length_ms);
    return bytes;
}

std::optional<StandingRow> decode_standing_row(ByteSpan bytes, std::uint64_t now_ms) {
    WireReader in(bytes);
    const std::uint8_t version = in.u8();
    StandingRow row;
    row.seen_ms = std::min(in.u64(), now_ms);
    row.standing.bytes_received = in.u64();
    row.standing.bytes_sent = in.u64();
    row.standing.answers = in.u32();
    row.standing.failures = in.u32();
    row.standing.receive_rate = in.u64();
    row.ban_until_ms = in.u64();
    row.ban_length_ms = in.u64();
    using swarm::Standing;
    const bool possible = row.standing.answers <= Standing::kRequestsMax &&
                          row.standing.failures <= Standing::kRequestsMax &&
                          row.standing.bytes_received <= Standing::kBytesMax &&
                          row.standing.bytes_sent <= Standing::kBytesMax &&
                          row.ban_length_ms <= to_ms(swarm::BanList::kBanMax);
    if (!in.finished() || version != kVersion || !possible) {
        return std::nullopt;
    }
    row.ban_until_ms = row.ban_length_ms == 0
                           ? 0
                           : std::min(row.ban_until_ms, now_ms + row.ban_length_ms);  // rule 3
    return row;
}

Standings::Standings(store::Database& database, const Clock& clock, const SwarmId& swarm,
                     std::function<void()> save_soon)
    : database_(database), clock_(clock), swarm_(swarm), save_soon_(std::move(save_soon)) {
    const std::uint64_t now_ms = clock.wall_ms();
    const Bytes prefix = rows_of(swarm);
    database.reader().scan(prefix, {}, [&](ByteSpan key, ByteSpan value) {
        const auto node = NodeId::from(key.subspan(prefix.size()));
        const auto row = decode_standing_row(value, now_ms);
        if (!node || !row) {
            log_warning("node", "what is remembered of a node cannot be read, and is forgotten");
            return true;
        }
        row_of(*node) = *row;
        if (encode(*row) == to_bytes(value)) {
            unsaved_.erase(*node);
        }
        return true;
    });
}

Bytes Standings::rows_of(const SwarmId& swarm) {
    Bytes key = store::key_of(store::KeySpace::node, 's');
    WireWriter(key).fixed(swarm);
    return key;
}

// Rule 2.
StandingRow& Standings::row_of(const NodeId& node) {
    unsaved_.insert(node);
    if (const auto found = rows_.find(node); found != rows_.end()) {
        return found->second;
    }
    if (rows_.size() >= kRowsMax) {
        const auto oldest =
            std::min_element(rows_.begin(), rows_.end(), [](const auto& a, const auto& b) {
                const auto rank = [](const StandingRow& row) {
                    return std::pair(row.ban_until_ms, row.seen_ms);  // 0: never banned
                };
                return rank(a.second) < rank(b.second);
            });
        if (unsaved_.size() < 2 * kRowsMax) {  // beyond that it is erased when it is read again
            unsaved_.insert(oldest->first);
        }
        rows_.erase(oldest);
    }
    return rows_[node];
}

swarm::Standing Standings::of(const NodeId& node) {
    const std::lock_guard lock(mutex_);
    const auto found = rows_.find(node);
    return found == rows_.end() ? swarm::Standing{} : found->second.standing;
}

void Standings::keep(const NodeId& node, const swarm::Standing& standing) {
    const std::lock_guard lock(mutex_);
    const auto found = rows_.find(node);
    const bool same =
        found != rows_.end() ? found->second.standing == standing : standing == swarm::Standing{};
    if (same) {
        return;  // a session in which nothing happened costs no row
    }
    StandingRow& row = row_of(node);
    row.standing = standing;
    row.seen_ms = clock_.wall_ms();
}

// ---- bans ----

void Standings::keep_ban(const swarm::Ban& ban) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = rows_.find(ban.node);
        const bool was_banned = found != rows_.end() && found->second.ban_length_ms > 0;
        if (!was_banned && ban.length == Duration{}) {
            return;
        }
        StandingRow& row = row_of(ban.node);
        row.ban_length_ms = to_ms(ban.length);
        row.ban_until_ms =
            row.ban_length_ms == 0 ? 0 : clock_.wall_ms() + to_ms(ban.until - clock_.now());
    }
    save_soon_();
}

std::vector<swarm::Ban> Standings::bans() {
    const std::lock_guard lock(mutex_);
    const std::uint64_t now_ms = clock_.wall_ms();
    std::vector<swarm::Ban> all;
    for (const auto& [node, row] : rows_) {
        if (row.ban_length_ms == 0) {
            continue;
        }
        const std::uint64_t left = row.ban_until_ms - std::min(row.ban_until_ms, now_ms);
        all.push_back({node, clock_.now() + milliseconds(left), milliseconds(row.ban_length_ms)});
    }
    return all;
}

std::map<NodeId, std::uint64_t> Standings::banned() const {
    const std::lock_guard lock(mutex_);
    const std::uint64_t now_ms = clock_.wall_ms();
    std::map<NodeId, std::uint64_t> until;
    for (const auto& [node, row] : rows_) {
        if (row.ban_until_ms > now_ms) {
            until.emplace(node, row.ban_until_ms);
        }
    }
    return until;
}

std::vector<NodeId> Standings::nodes() const {
    const std::lock_guard lock(mutex_);
    std::vector<NodeId> all;
    for (const auto& [node, row] : rows_) {
        all.push_back(node);
    }
    return all;
}

// ---- saving ----

bool Standings::changed() const {
    const std::lock_guard lock(mutex_);
    return !unsaved_.empty();
}

Result<> Standings::save() {
    const std::lock_guard saving(saving_mutex_);
    std::set<NodeId> nodes;
    store::Changes changes;
    {
        const std::lock_guard lock(mutex_);
        nodes.swap(unsaved_);
        for (const NodeId& node : nodes) {
            const auto row = rows_.find(node);
            changes[key_of(swarm_, node)] =
                row == rows_.end() ? std::nullopt : std::optional(encode(row->second));
        }
    }
    if (changes.empty()) {
        return done();
    }
    auto saved = database_.commit(std::move(changes), store::Durability::process_crash);
    if (!saved.ok()) {
        const std::lock_guard lock(mutex_);
        unsaved_.merge(nodes);
    }
    return saved;
}

}  // namespace swarmfs::node
