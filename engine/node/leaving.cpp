#include "engine/node/leaving.hpp"

#include "engine/node/limits.hpp"
#include "engine/node/membership.hpp"
#include "engine/node/pauses.hpp"
#include "engine/node/pins.hpp"
#include "engine/node/share_manifest.hpp"
#include "engine/node/standings.hpp"
#include "engine/node/tree.hpp"
#include "engine/store/key_spaces.hpp"
#include "engine/store/staged_file.hpp"

namespace swarmfs::node {
namespace {

Bytes leaving_prefix() {
    return store::key_of(store::KeySpace::node, 'l');
}

Bytes leaving_key(const SwarmId& swarm) {
    Bytes key = leaving_prefix();
    key.insert(key.end(), swarm.bytes.begin(), swarm.bytes.end());
    return key;
}

Result<> forget_staged(store::Disk& disk, store::Database& database, const std::string& home,
                       const SwarmId& swarm) {
    store::Changes rows;
    std::vector<std::uint64_t> numbers;
    database.reader().scan(store::staging_prefix(), {}, [&](ByteSpan key, ByteSpan value) {
        const auto row = store::decode_staging_row(value);
        if (row && row->swarm == swarm) {
            rows[to_bytes(key)] = std::nullopt;
            numbers.push_back(row->number);
        }
        return true;
    });
    if (rows.empty()) {
        return done();
    }
    SWARM_CHECK(database.commit(std::move(rows), store::Durability::process_crash));
    for (const std::uint64_t number : numbers) {  // one that a crash leaves is swept at the start
        SWARM_CHECK(disk.remove(store::Path(home) / "staging" / std::to_string(number)));
    }
    return done();
}

}  // namespace

Result<> erase_left(store::Disk& disk, store::Database& database, const std::string& home,
                    const SwarmId& swarm) {
    SWARM_CHECK(database.commit({{leaving_key(swarm), Bytes()}}, store::Durability::power_loss));
    SWARM_CHECK(remove_membership(home, swarm));
    SWARM_CHECK(forget_staged(disk, database, home, swarm));
    SWARM_CHECK(database.erase_below(manifest_prefix(swarm)));
    SWARM_CHECK(database.erase_below(Limits::rows_of(swarm)));
    SWARM_CHECK(database.erase_below(Pauses::rows_of(swarm)));
    SWARM_CHECK(database.erase_below(Pins::rows_of(swarm)));
    SWARM_CHECK(database.erase_below(Standings::rows_of(swarm)));
    SWARM_CHECK(Tree::erase_all(database, swarm));
    return database.commit({{leaving_key(swarm), std::nullopt}}, store::Durability::process_crash);
}

Result<> finish_leaving(store::Disk& disk, store::Database& database, const std::string& home) {
    std::vector<SwarmId> left;
    const Bytes prefix = leaving_prefix();
    database.reader().scan(prefix, prefix, [&](ByteSpan key, ByteSpan) {
        SwarmId swarm;
        if (key.size() == prefix.size() + swarm.bytes.size()) {
            std::copy(key.begin() + static_cast<std::ptrdiff_t>(prefix.size()), key.end(),
                      swarm.bytes.begin());
            left.push_back(swarm);
        }
        return true;
    });
    for (const SwarmId& swarm : left) {
        SWARM_CHECK(erase_left(disk, database, home, swarm));
    }
    return done();
}

}  // namespace swarmfs::node
