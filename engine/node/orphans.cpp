#include "engine/node/orphans.hpp"

#include "engine/core/wire.hpp"
#include "engine/store/key_spaces.hpp"

namespace swarmfs::node {
namespace {

Bytes orphan_key(const SwarmId& swarm, store::Inode inode) {
    Bytes key = store::key_of(store::KeySpace::orphans, swarm);
    WireWriter(key).u64(inode);
    return key;
}

constexpr std::uint8_t kByOthers = 0;
constexpr std::uint8_t kHere = 1;

}  // namespace

void put_orphan(KeyValueWriter& batch, const SwarmId& swarm, const Orphan& orphan) {
    const Bytes key = orphan_key(swarm, orphan.record.inode);
    const auto before = batch.get(key);
    if (before && !before->empty() && before->front() == kHere) {
        return;
    }
    Bytes value;
    WireWriter out(value);
    out.u8(orphan.removed_here ? kHere : kByOthers);
    out.raw(store::encode_record(orphan.record));
    batch.put(key, value);
}

store::Changes without_orphan(const SwarmId& swarm, store::Inode inode) {
    store::Changes changes;
    changes[orphan_key(swarm, inode)] = std::nullopt;
    return changes;
}

std::map<store::Inode, Orphan> orphans_of(const KeyValueReader& rows, const SwarmId& swarm) {
    std::map<store::Inode, Orphan> all;
    const Bytes prefix = store::key_of(store::KeySpace::orphans, swarm);
    rows.scan(prefix, {}, [&](ByteSpan key, ByteSpan value) {
        WireReader in_key(key.subspan(prefix.size()));
        const store::Inode inode = in_key.u64();
        if (in_key.finished() && !value.empty()) {
            if (auto record = store::decode_record(inode, value.subspan(1))) {
                all[inode] = {*std::move(record), value.front() == kHere};
            }
        }
        return true;
    });
    return all;
}

}  // namespace swarmfs::node
