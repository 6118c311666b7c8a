#include "engine/store/tables.hpp"

#include "engine/core/wire.hpp"
#include "engine/store/key_spaces.hpp"
#include "engine/store/lost_tables.hpp"

namespace swarmfs::store {
namespace {

// Value: opening u32, applied u64, big-endian. In both files.
const Bytes kMarkKey = key_of(KeySpace::database, 'm');

bool is_aside(ByteSpan key) {
    return !key.empty() && key.front() == kAsideKey;
}

Result<Journal::Mark> read_mark(const lmdb::Environment& environment) {
    SWARM_TRY(const auto transaction, environment.begin_read());
    const auto value = transaction.view(kMarkKey);
    Journal::Mark mark;
    if (value) {
        WireReader in(*value);
        mark.opening = in.u32();
        mark.applied = in.u64();
        if (!in.finished()) {
            const Path file = environment.file();
            return disk_error(Code::corrupt, file.string() + ": its mark is damaged; " +
                                                 how_to_start_without(file.parent_path()));
        }
    }
    return mark;
}

Result<> write_file(lmdb::Environment& environment, Disk& disk, const Changes& changes, bool aside,
                    const Journal::Mark& mark) {
    SWARM_TRY(auto transaction, environment.begin_write());
    for (const auto& [key, value] : changes) {
        if (is_aside(key) != aside) {
            continue;
        }
        if (value) {
            transaction.put(key, *value);
        } else {
            transaction.erase(key);
        }
    }
    Bytes marked;
    WireWriter out(marked);
    out.u32(mark.opening);
    out.u64(mark.applied);
    transaction.put(kMarkKey, marked);
    return disk.commit(transaction);
}

}  // namespace

Result<std::unique_ptr<Tables>> Tables::open(const Path& folder) {
    std::unique_ptr<Tables> tables(new Tables);
    lmdb::Options options;
    options.when_damaged = how_to_start_without(folder);
    SWARM_TRY(tables->main_, lmdb::Environment::open(folder / "tables.mdb", options));
    SWARM_TRY(tables->aside_, lmdb::Environment::open(folder / "small.mdb", options));
    SWARM_TRY(tables->mark_, read_mark(*tables->main_));
    SWARM_TRY(const Journal::Mark aside, read_mark(*tables->aside_));
    if (aside.opening < tables->mark_.opening) {
        return disk_error(Code::corrupt,
                          folder.string() +
                              ": small.mdb is older than tables.mdb, so it was removed or "
                              "replaced; put it back, or " +
                              how_to_start_without(folder));
    }
    return tables;
}

Result<> Tables::write(Disk& disk, const Changes& changes, const Journal::Mark& mark) {
    const bool opening = mark.opening != mark_.opening;
    const auto first = changes.lower_bound(Bytes{kAsideKey});
    const bool any_aside = first != changes.end() && is_aside(first->first);
    if (opening || any_aside) {
        SWARM_CHECK(write_file(*aside_, disk, changes, true, mark));
    }
    SWARM_CHECK(write_file(*main_, disk, changes, false, mark));
    mark_ = mark;
    return done();
}

Result<lmdb::ReadTransaction> Tables::begin_read(ByteSpan key_or_prefix) const {
    return (is_aside(key_or_prefix) ? aside_ : main_)->begin_read();
}

}  // namespace swarmfs::store
