#pragma once
// The node's durable tables: one ordered map from bytes to bytes, changed in atomic batches.
//
//   commit(batch) ─> journal (one record) ─> memtable ── every 500 ms or 8 MiB ──> LMDB
//   get, scan    <─ batch's own changes, memtable, the memtable being written, LMDB
//
//   1. A commit with Durability::process_crash survives kill -9 when it returns; with power_loss it
//      survives that too (one fdatasync serves everyone who waits).
//   2. A batch is applied whole or not at all, also after a crash.
//   3. One batch at a time: begin() waits for the one before it. Keep it short: no network, no
//      waiting for anything that may itself want to write.
//   4. A full disk fails the commit with no_space and changes nothing; later commits may succeed.
//      Any other failure to write or sync is final: the database has failed, every later commit
//      returns that error, reads go on. Opening it again finds everything that was acknowledged.
//   5. LMDB is written in two files: what begins with kAsideKey (small contents) apart from the
//      rest, so that names and masks stay together in few pages. One journal covers both, so a
//      small file and its name are still one record and one fdatasync.
//
// Keys begin with a byte that says whose they are: see key_spaces.hpp.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/core/key_value.hpp"
#include "engine/core/result.hpp"
#include "engine/store/changes.hpp"
#include "engine/store/disk.hpp"

namespace swarmfs::store {

enum class Durability { process_crash, power_loss };

// What opening found and put right.
struct OpenReport {
    std::uint64_t replayed_batches = 0;  // of the journal: normal after a kill
    std::vector<std::string> repaired;   // lines for the operator
};

struct DatabaseOptions {
    // Age and size at which changes are written to LMDB. Zero age: only by size and by flush().
    std::chrono::milliseconds flush_after{500};
    std::uint64_t flush_bytes = std::uint64_t{8} << 20;
    // Reserved for each of the two or three journal files.
    std::uint64_t segment_bytes = std::uint64_t{16} << 20;
    // Kept back for opening and closing on a full disk: half of what is usually written at once.
    std::uint64_t ballast_bytes = std::uint64_t{4} << 20;
    // Memory that changes may take while LMDB cannot be written (full disk, slow disk): commits
    // wait beyond it, and fail with no_space while the disk is full.
    std::uint64_t unwritten_bytes_max = std::uint64_t{64} << 20;
};

class Database;

// Changes that will be committed together. Sees its own; others see them after commit.
// Writers wait for each other: see rule 3.   Thread: the one that called begin().
class Batch final : public KeyValueWriter {
public:
    Batch(Batch&&) noexcept;
    Batch& operator=(Batch&&) = delete;
    ~Batch() override;  // without commit: nothing happened

    std::optional<Bytes> get(ByteSpan key) const override;
    // `visit` may change the batch; whether it is shown what it changed is undefined.
    void scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const override;
    // Requires: 0 < key.size() <= kKeyBytesMax.
    void put(ByteSpan key, ByteSpan value) override;
    void erase(ByteSpan key) override;
    bool failed() const override;
    bool empty() const;

private:
    friend class Database;
    struct State;
    explicit Batch(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

class Database {
public:
    // Opens the tables in `folder` (made when absent), replays the journal and writes what it held.
    // `disk` must outlive the database.
    // Errors: corrupt (damaged; the message says what to do), no_space, permission, busy, io.
    static Result<std::unique_ptr<Database>> open(Disk& disk, const Path& folder,
                                                  const DatabaseOptions& options = {});
    // Writes what is unwritten. Requires: no Batch and no scan is alive.
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // Thread: any; waits for the batch before it.
    Batch begin();
    // Errors: no_space (see rule 4), too_large (over kBatchBytesMax), corrupt or io when reading
    // for the batch failed, or what the database failed with. An empty batch writes nothing, but
    // with power_loss it still waits for all commits before it.
    Result<> commit(Batch batch, Durability durability);
    // One put or erase outside a batch, for callers without anything to read.
    Result<> commit(Changes changes, Durability durability);

    // Erases every row whose key begins so, in batches of a bounded size: not one change but many.
    // Errors: as commit().   Thread: any.
    Result<> erase_below(ByteSpan prefix);

    // Everything committed before survives power loss.   Thread: any.
    Result<> sync();
    // Everything committed before is in LMDB, and the journal is short.   Thread: any.
    Result<> flush();

    // What is committed. Each get and each page of a scan sees whole batches; a scan over many keys
    // may see later batches further on. failed() stays true once a read failed.   Thread: any.
    const KeyValueReader& reader() const;

    // Shows `watcher` every batch from now on, when it is committed and before the next one begins;
    // an empty one ends that. It is quick, and does not call back.   Thread: any.
    using Watcher = std::function<void(const Changes& changes)>;
    void watch(Watcher watcher);

    // The error of rule 4, once there is one.   Thread: any.
    std::optional<Error> failure() const;
    const OpenReport& report() const;

private:
    friend class Batch;
    class Core;
    explicit Database(std::unique_ptr<Core> core);
    std::unique_ptr<Core> core_;
};

}  // namespace swarmfs::store
