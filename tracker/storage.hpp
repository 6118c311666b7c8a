#pragma once
// Where the tracker keeps what it has acknowledged: an ordered map with snapshots and atomic
// changes. In memory for tests and throw-away trackers, in LMDB otherwise; tests/tracker holds
// every implementation to the same suite.
//
// Rules:
//   1. `write` returns success only once the change survives whatever the implementation survives:
//      power loss (LMDB), nothing (memory). A change that fails leaves nothing behind.
//   2. `read` sees one state from beginning to end, and whatever `write` acknowledged before it.
//   3. One change at a time; reads go on beside it (LMDB) or wait for it (memory).
// Thread: any.

#include <filesystem>
#include <functional>
#include <memory>

#include "engine/core/key_value.hpp"
#include "engine/core/result.hpp"

namespace swarmfs::tracker {

class Storage {
public:
    using Look = std::function<Result<>(const KeyValueReader&)>;
    using Change = std::function<Result<>(KeyValueWriter&)>;

    virtual ~Storage() = default;

    // Errors: those of `look`; io, corrupt. `look` must not write.
    virtual Result<> read(const Look& look) const = 0;
    // Errors: those of `change`, which is undone then; no_space, io, busy.
    virtual Result<> write(const Change& change) = 0;
};

std::unique_ptr<Storage> make_memory_storage();

// Opens or makes the files in `folder` (mode 0700), for this process alone.
// Errors: busy (another tracker uses it), permission, no_space, corrupt, io; the message names the
// folder and what to do. `bytes_max` is where the tables end.
Result<std::unique_ptr<Storage>> open_lmdb_storage(const std::filesystem::path& folder,
                                                   std::uint64_t bytes_max);

}  // namespace swarmfs::tracker
