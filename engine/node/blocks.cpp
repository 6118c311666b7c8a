#include "engine/node/blocks.hpp"

#include "engine/core/log.hpp"
#include "engine/core/wire.hpp"
#include "engine/store/key_spaces.hpp"

namespace swarmfs::node {
namespace {

constexpr std::uint8_t kVersion = 1;

Bytes all_rows() {
    return store::key_of(store::KeySpace::node, 'k');
}

Bytes key_of(const NodeId& node) {
    Bytes key = all_rows();
    WireWriter(key).fixed(node);
    return key;
}

}  // namespace

Blocks::Blocks(store::Database& database, const Clock& clock) : database_(database), clock_(clock) {
    database.reader().scan(all_rows(), {}, [this](ByteSpan key, ByteSpan value) {
        const auto node = NodeId::from(key.subspan(all_rows().size()));
        WireReader in(value);
        const bool known = in.u8() == kVersion;
        const std::uint64_t since_ms = in.u64();
        const bool read = node && known && in.finished();
        if (!read) {
            log_warning("node", "a row about a blocked node cannot be read");
        }
        if (node) {
            since_ms_.emplace(*node, read ? since_ms : 0);
        }
        return true;
    });
}

Result<bool> Blocks::set(const NodeId& node, bool blocked) {
    const std::lock_guard setting(setting_mutex_);
    const auto before = all();
    if (before.contains(node) == blocked) {
        return false;
    }
    if (blocked && before.size() >= kBlocksMax) {
        return caller_error(Code::too_large,
                            "at most " + std::to_string(kBlocksMax) +
                                " nodes can be blocked; `swarmfs peers` lists them, and `swarmfs "
                                "unblock` makes room");
    }
    const std::uint64_t since_ms = clock_.wall_ms();
    Bytes row;
    WireWriter out(row);
    out.u8(kVersion);
    out.u64(since_ms);
    SWARM_CHECK(database_.commit({{key_of(node), blocked ? std::optional(row) : std::nullopt}},
                                 store::Durability::process_crash));
    const std::lock_guard lock(mutex_);
    if (blocked) {
        since_ms_.emplace(node, since_ms);
    } else {
        since_ms_.erase(node);
    }
    return true;
}

std::map<NodeId, std::uint64_t> Blocks::all() const {
    const std::lock_guard lock(mutex_);
    return since_ms_;
}

}  // namespace swarmfs::node
