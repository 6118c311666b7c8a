#pragma once
// The two LMDB files of a Database, written together and read one at a time. Internal to Database.
//
// The aside file is committed first, so the main file's mark never claims what the aside file
// lacks; after a crash between the two, the journal repeats the batch into both, which changes
// nothing.

#include <memory>

#include "engine/lmdb/environment.hpp"
#include "engine/store/changes.hpp"
#include "engine/store/disk.hpp"
#include "engine/store/journal.hpp"

namespace swarmfs::store {

class Tables {
public:
    // Errors: as lmdb::Environment::open; corrupt also when one of the files is an old copy.
    static Result<std::unique_ptr<Tables>> open(const Path& folder);

    const Journal::Mark& mark() const { return mark_; }
    // Both files in one step, as far as a crash can tell. Thread: one at a time.
    Result<> write(Disk& disk, const Changes& changes, const Journal::Mark& mark);
    // For keys, or a prefix, of one file.   Thread: any.
    Result<lmdb::ReadTransaction> begin_read(ByteSpan key_or_prefix) const;

private:
    Tables() = default;
    std::unique_ptr<lmdb::Environment> main_;
    std::unique_ptr<lmdb::Environment> aside_;
    Journal::Mark mark_;
};

}  // namespace swarmfs::store
