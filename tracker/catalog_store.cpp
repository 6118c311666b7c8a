#include "tracker/catalog_store.hpp"

#include "engine/core/wire.hpp"
#include "engine/crypto/hash.hpp"

namespace swarmfs::tracker {
namespace {

constexpr std::uint8_t kReplicas = 'C';
constexpr std::uint8_t kByContent = 'I';
constexpr std::uint8_t kByPath = 'J';
constexpr std::uint8_t kSwarms = 'S';
constexpr std::string_view kSwarmCount = "swarms";  // a key of its own

constexpr std::size_t kNamedPerRootMax = 64;
constexpr std::size_t kLookedAtMax = 10'000;
constexpr std::size_t kCompactedPerChange = 1000;
// Looked at for one that yields; and rows of it erased in one change.
constexpr std::size_t kYieldersLookedAt = 64;
constexpr std::size_t kForgottenRowsMax = 10'000;
// A swarm's time of use is written anew when it is wrong by this.
constexpr std::uint64_t kUsedExactMs = 60 * 1000;

// The first byte of a catalog message (engine/catalog/publication.hpp).
constexpr std::uint8_t kHeaderMessage = 1;
constexpr std::uint8_t kEntriesMessage = 2;

Bytes swarm_key(std::uint8_t table, const SwarmId& swarm) {
    Bytes key;
    WireWriter out(key);
    out.u8(table);
    out.fixed(swarm);
    return key;
}

Bytes path_key(const SwarmId& swarm, const Hash256& path_hash) {
    Bytes key = swarm_key(kByPath, swarm);
    WireWriter(key).fixed(path_hash);
    return key;
}

Bytes content_key(const ContentKey& content) {
    Bytes key;
    WireWriter out(key);
    out.u8(kByContent);
    out.fixed(content.content.root);
    out.u64(content.content.size);
    out.fixed(content.swarm);
    return key;
}

Bytes content_path_key(const ContentKey& content, const Hash256& path_hash) {
    Bytes key = content_key(content);
    WireWriter(key).fixed(path_hash);
    return key;
}

ContentKey content_of_key(ByteSpan key) {
    WireReader in(key.subspan(1));
    ContentKey content;
    content.content.root = in.fixed<Hash256>();
    content.content.size = in.u64();
    content.swarm = in.fixed<SwarmId>();
    return content;
}

std::uint64_t swarm_count(const KeyValueReader& rows) {
    const auto row = rows.get(as_bytes(kSwarmCount));
    return row ? WireReader(*row).u64() : 0;
}

void put_swarm_count(KeyValueWriter& rows, std::uint64_t count) {
    Bytes value;
    WireWriter(value).u64(count);
    rows.put(as_bytes(kSwarmCount), value);
}

std::uint64_t used_ms_of(ByteSpan row) {
    return row.empty() ? 0 : WireReader(row).u64();
}

bool is_idle(const KeyValueReader& rows, const SwarmId& swarm, ByteSpan row, std::uint64_t now_ms,
             std::uint64_t for_ms) {
    const std::uint64_t used_ms = used_ms_of(row);
    const PrefixedReader replica_rows(rows, swarm_key(kReplicas, swarm));
    return now_ms > used_ms && now_ms - used_ms >= for_ms &&
           catalog::ReplicaReader(replica_rows).vector().empty();
}

// Requires: nothing of the swarm was applied, so no index names it.
void forget_swarm(KeyValueWriter& rows, const SwarmId& swarm) {
    const Bytes prefix = swarm_key(kReplicas, swarm);
    std::vector<Bytes> keys;
    rows.scan(prefix, prefix, [&](ByteSpan key, ByteSpan) {
        keys.push_back(to_bytes(key));
        return keys.size() < kForgottenRowsMax;
    });
    for (const Bytes& key : keys) {
        rows.erase(key);
    }
    if (keys.size() < kForgottenRowsMax) {  // else the rest goes another time
        rows.erase(swarm_key(kSwarms, swarm));
        put_swarm_count(rows, swarm_count(rows) - 1);
    }
}

// Whether there is room for one more, perhaps in the place of an idle one. Looks at those whose
// names follow the newcomer's: names are keys, so that is as good as drawing them.
bool has_room(KeyValueWriter& rows, const SwarmId& newcomer, std::uint64_t now_ms,
              std::size_t swarms_max) {
    if (swarm_count(rows) < swarms_max) {
        return true;
    }
    std::optional<SwarmId> yields;
    std::size_t looked_at = 0;
    const auto look = [&](ByteSpan key, ByteSpan row) {
        const SwarmId swarm = *SwarmId::from(key.subspan(1));
        if (is_idle(rows, swarm, row, now_ms, kEmptySwarmYieldsAfterMs)) {
            yields = swarm;
        }
        return !yields && ++looked_at < kYieldersLookedAt;
    };
    const Bytes table{kSwarms};
    rows.scan(table, swarm_key(kSwarms, newcomer), look);
    if (!yields && looked_at < kYieldersLookedAt) {
        rows.scan(table, table, look);
    }
    if (yields) {
        forget_swarm(rows, *yields);
    }
    return swarm_count(rows) < swarms_max;
}

void note_used(KeyValueWriter& rows, const SwarmId& swarm, std::uint64_t now_ms) {
    const Bytes key = swarm_key(kSwarms, swarm);
    const std::optional<Bytes> row = rows.get(key);
    if (row && used_ms_of(*row) + kUsedExactMs > now_ms) {
        return;
    }
    if (!row) {
        put_swarm_count(rows, swarm_count(rows) + 1);
    }
    Bytes value;
    WireWriter(value).u64(now_ms);
    rows.put(key, value);
}

// Keeps I and J in step with what the path shows now.
void index_path(KeyValueWriter& rows, const SwarmId& swarm, const catalog::Replica& replica,
                const std::string& path) {
    const Hash256 path_hash = crypto::sha256(as_bytes(path));
    const Bytes by_path = path_key(swarm, path_hash);
    if (const auto before = rows.get(by_path)) {
        WireReader in(*before);
        ContentKey content;
        content.content.root = in.fixed<Hash256>();
        content.content.size = in.u64();
        content.swarm = swarm;
        rows.erase(content_path_key(content, path_hash));
        rows.erase(by_path);
    }
    const auto shown = replica.find(path);
    if (!shown || shown->entry.kind != catalog::EntryKind::file || shown->entry.content.size == 0) {
        return;
    }
    Bytes value;
    WireWriter out(value);
    out.fixed(shown->entry.content.root);
    out.u64(shown->entry.content.size);
    rows.put(by_path, value);
    rows.put(content_path_key({shown->entry.content, swarm}, path_hash), as_bytes(path));
}

Result<> take_one(catalog::Replica& replica, KeyValueWriter& rows, const SwarmId& swarm,
                  ByteSpan message, std::uint64_t now_ms) {
    switch (message.empty() ? 0 : message.front()) {
        case kHeaderMessage: {
            SWARM_TRY(const catalog::HeaderOutcome outcome, replica.apply_header(message, now_ms));
            if (outcome == catalog::HeaderOutcome::alarm) {
                return peer_error("its author has signed two histories; the other one is kept");
            }
            if (outcome == catalog::HeaderOutcome::unwanted) {
                return network_error(Code::try_again, "no grant of its author is here");
            }
            return done();
        }
        case kEntriesMessage: {
            SWARM_TRY(const catalog::EntriesApplied applied, replica.apply_entries(message));
            for (const std::string& path : applied.touched) {
                index_path(rows, swarm, replica, path);
            }
            if (applied.outcome == catalog::EntriesOutcome::unwanted) {
                return network_error(Code::try_again, "the header of these entries is not here");
            }
            return done();
        }
        default: return peer_error("this is no catalog message");
    }
}

}  // namespace

Result<Taken> take_messages(KeyValueWriter& rows, const SwarmId& swarm,
                            std::span<const Bytes> messages, std::uint64_t now_ms,
                            std::size_t swarms_max) {
    if (!rows.get(swarm_key(kSwarms, swarm)) && !has_room(rows, swarm, now_ms, swarms_max)) {
        return caller_error(Code::no_space, "this tracker keeps as many swarms as it can");
    }
    PrefixedWriter replica_rows(rows, swarm_key(kReplicas, swarm));
    catalog::Replica replica(replica_rows, swarm);
    Taken all;
    for (; all.count < messages.size(); ++all.count) {
        const Result<> taken = take_one(replica, rows, swarm, messages[all.count], now_ms);
        if (taken.ok()) {
            note_used(rows, swarm, now_ms);
            continue;
        }
        if (taken.error().whose == Whose::disk) {
            return taken.error();
        }
        if (taken.error().code == Code::busy && replica.something_is_ready()) {
            break;
        }
        all.refused.push_back({all.count, taken.error().message});
    }
    return all;
}

Result<Advanced> advance(KeyValueWriter& rows, const SwarmId& swarm) {
    PrefixedWriter replica_rows(rows, swarm_key(kReplicas, swarm));
    catalog::Replica replica(replica_rows, swarm);
    Advanced result;
    for (std::uint64_t entries = 0; entries < kEntriesPerChange;) {
        SWARM_TRY(const std::optional<catalog::Applied> applied, replica.advance());
        if (!applied) {
            return result;
        }
        result.anything = true;
        if (applied->refused) {
            result.refused.push_back(*applied);
        }
        entries += applied->last - applied->first + 1;
        for (const std::string& path : applied->touched) {
            index_path(rows, swarm, replica, path);
        }
    }
    result.more = true;
    return result;
}

Result<std::optional<SwarmId>> compact_next(KeyValueWriter& rows,
                                            const std::optional<SwarmId>& after,
                                            std::uint64_t now_ms) {
    const Bytes table{kSwarms};
    Bytes from = after ? swarm_key(kSwarms, *after) : table;
    if (after) {
        from.push_back(0);  // the smallest key behind it
    }
    std::optional<SwarmId> swarm;
    Bytes row;
    rows.scan(table, from, [&](ByteSpan key, ByteSpan value) {
        swarm = SwarmId::from(key.subspan(1));
        row = to_bytes(value);
        return false;
    });
    if (swarm && is_idle(rows, *swarm, row, now_ms, kEmptySwarmKeptMs)) {
        forget_swarm(rows, *swarm);
    } else if (swarm) {
        PrefixedWriter replica_rows(rows, swarm_key(kReplicas, *swarm));
        (void)catalog::Replica(replica_rows, *swarm).compact(now_ms, kCompactedPerChange);
    }
    return swarm;
}

Bytes vector_of(const KeyValueReader& rows, const SwarmId& swarm) {
    const PrefixedReader replica_rows(rows, swarm_key(kReplicas, swarm));
    Bytes bytes;
    WireWriter out(bytes);
    catalog::write_vector(out, catalog::ReplicaReader(replica_rows).vector_to_tell());
    return bytes;
}

Result<> with_replica(const KeyValueReader& rows, const SwarmId& swarm,
                      const std::function<Result<>(const catalog::ReplicaReader&)>& look) {
    const PrefixedReader replica_rows(rows, swarm_key(kReplicas, swarm));
    return look(catalog::ReplicaReader(replica_rows));
}

NamedPage list_named(const KeyValueReader& rows, const std::optional<ContentKey>& after,
                     const std::optional<SwarmId>& swarm, std::size_t count) {
    NamedPage page;
    std::size_t looked_at = 0;
    bool ended = true;
    const Bytes table{kByContent};
    Bytes from = table;
    if (after) {
        // Behind every path of that content: path hashes end below 33 bytes of 0xFF.
        from = content_key(*after);
        from.insert(from.end(), 33, 0xFF);
    }
    rows.scan(table, from, [&](ByteSpan key, ByteSpan path) {
        const ContentKey content = content_of_key(key);
        const bool another_path = page.looked_at == content;
        if ((page.contents.size() == count && !another_path) || ++looked_at > kLookedAtMax) {
            ended = false;
            return false;
        }
        if (another_path) {
            return true;
        }
        page.looked_at = content;
        if (!swarm || content.swarm == *swarm) {
            page.contents.push_back({content, std::string(as_text(path))});
        }
        return true;
    });
    if (ended) {
        page.looked_at.reset();
    }
    return page;
}

std::vector<NamedContent> list_named_root(const KeyValueReader& rows, const Hash256& root) {
    std::vector<NamedContent> contents;
    Bytes prefix{kByContent};
    WireWriter(prefix).fixed(root);
    rows.scan(prefix, prefix, [&](ByteSpan key, ByteSpan path) {
        const ContentKey content = content_of_key(key);
        if (contents.empty() || contents.back().key != content) {
            contents.push_back({content, std::string(as_text(path))});
        }
        return contents.size() < kNamedPerRootMax;
    });
    return contents;
}

}  // namespace swarmfs::tracker
