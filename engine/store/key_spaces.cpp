#include "engine/store/key_spaces.hpp"

#include "engine/core/wire.hpp"

namespace swarmfs::store {
namespace {

Bytes followed_by(Bytes key, const SwarmId& swarm) {
    WireWriter(key).raw(swarm.span().first(kSwarmPrefixBytes - 1));
    return key;
}

}  // namespace

Bytes key_of(KeySpace space) {
    return {static_cast<std::uint8_t>(space)};
}
Bytes key_of(KeySpace space, char table) {
    return {static_cast<std::uint8_t>(space), static_cast<std::uint8_t>(table)};
}
Bytes key_of(KeySpace space, const SwarmId& swarm) {
    return followed_by(key_of(space), swarm);
}
Bytes key_of(KeySpace space, char table, const SwarmId& swarm) {
    return followed_by(key_of(space, table), swarm);
}

bool is_in(ByteSpan key, KeySpace space) {
    return !key.empty() && key.front() == static_cast<std::uint8_t>(space);
}

void for_each_swarm(const KeyValueReader& rows, KeySpace space,
                    const std::function<void(const Bytes& prefix)>& visit) {
    const Bytes all = key_of(space);
    for (Bytes from = all; !from.empty();) {
        Bytes prefix;
        rows.scan(all, from, [&](ByteSpan key, ByteSpan) {
            prefix = to_bytes(key.first(std::min(key.size(), kSwarmPrefixBytes)));
            return false;
        });
        if (prefix.size() == kSwarmPrefixBytes) {
            visit(prefix);
        }
        from = prefix;
        while (!from.empty() && from.back() == 0xff) {
            from.pop_back();
        }
        if (!from.empty()) {
            ++from.back();
        }
        if (from.size() <= all.size()) {
            return;  // nothing was found, or nothing can follow
        }
    }
}

}  // namespace swarmfs::store
