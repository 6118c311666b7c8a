#pragma once
// One LMDB file as a flat, ordered map from bytes to bytes. The only home of `mdb_`.
//
// Rules LMDB has, and how they are kept here:
//   1. Its map has a fixed size. It grows here by doubling when it is full; the transaction that
//      met the end is repeated from its own list of changes, so its caller never notices.
//   2. The map may only grow while nobody reads. A ReadTransaction is therefore short: bounded
//      work, never held across a wait. A thread must not write while it holds one. Growth waits
//      kGrowthWait for readers to leave, then the write fails with `busy` and nothing is changed.
//   3. One writer at a time; a WriteTransaction stays on the thread that began it.
//   4. A file must not be opened twice in one process (closing either would drop the other's lock):
//      the second open is refused with `busy`.
//   5. LMDB trusts its file and dies on a damaged one, so the pages are checked before it may map
//      them (page_check.hpp).
//   6. Slots of readers that died are freed at open.

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/core/key_value.hpp"
#include "engine/core/result.hpp"

struct MDB_env;
struct MDB_txn;

namespace swarmfs::lmdb {

class ReadTransaction;
class WriteTransaction;

enum class Sync {
    every_commit,  // a commit that returned survives power loss
    on_request,    // a commit that returned survives this process; sync() makes it survive more
};

struct Options {
    Sync sync = Sync::every_commit;
    // Address space, not memory or disk: the file is as long as what it holds.
    std::uint64_t map_bytes_at_start = std::uint64_t{64} << 20;
    // A terabyte of tables is beyond what a home will hold; a bug ends here, not at a full disk.
    std::uint64_t map_bytes_max = std::uint64_t{1} << 40;
    // The end of every message about a damaged file: only its owner knows what else must go with it.
    std::string when_damaged = "move it away and start again";
};

class Environment {
public:
    // Opens `file`, creating it (mode 0600) when it is absent. Its folder must exist. Beside it
    // stands `<file>-lock`.
    // Errors: corrupt (damaged or truncated; the message names the file and the next step, as
    // `options` has it), busy
    // (open here already), no_space, permission, io.
    static Result<std::unique_ptr<Environment>> open(const std::filesystem::path& file,
                                                     const Options& options = {});
    // Requires: no transaction is alive.
    ~Environment();
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

    // Thread: any.   Errors: io, corrupt, busy (over kReadersMax at once).
    Result<ReadTransaction> begin_read() const;
    // Waits for the writer before it.   Thread: any; the transaction stays on it.
    Result<WriteTransaction> begin_write();
    // Makes every commit so far survive power loss.   Thread: any.
    Result<> sync();

    const std::filesystem::path& file() const { return file_; }
    std::uint64_t map_bytes() const;
    // Bytes of the file that are in use or were, i.e. its length.
    std::uint64_t used_bytes() const;
    // Slots of dead readers that open() freed.
    int stale_readers_at_open() const { return stale_readers_; }

private:
    friend class ReadTransaction;
    friend class WriteTransaction;

    Environment(std::filesystem::path file, const Options& options);
    Result<> start();
    Result<> grow();
    Error error_of(int code, const char* doing) const;
    int meant_by(int code) const;
    void end_read(MDB_txn* transaction) const;
    void leave_gate() const;  // requires: gate_ is held

    // Fixed at construction.
    std::filesystem::path file_;
    Options options_;
    MDB_env* env_ = nullptr;
    unsigned table_ = 0;
    int stale_readers_ = 0;
    bool registered_ = false;

    std::mutex writer_;  // held for the life of a WriteTransaction

    // Rule 2. Readers go ahead of a waiting growth, so a reader inside a reader cannot deadlock.
    mutable std::mutex gate_;
    mutable std::condition_variable gate_changed_;
    mutable std::size_t readers_ = 0;             // guarded by gate_
    mutable std::vector<MDB_txn*> idle_readers_;  // guarded by gate_; reset, ready to be renewed
};

// The state of the environment when it began, whatever is committed meanwhile.
// Valid until: destroyed; never longer than the Environment.   Thread: one at a time.
class ReadTransaction final : public KeyValueReader {
public:
    ReadTransaction(ReadTransaction&& other) noexcept;
    ReadTransaction& operator=(ReadTransaction&&) = delete;
    ~ReadTransaction() override;

    std::optional<Bytes> get(ByteSpan key) const override;
    // Like get, without the copy.   Valid until: the transaction dies.
    std::optional<ByteSpan> view(ByteSpan key) const;
    // The bytes given to `visit` are valid until the transaction dies.
    void scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const override;
    bool failed() const override { return failed_; }

private:
    friend class Environment;
    ReadTransaction(const Environment& environment, MDB_txn* transaction)
        : environment_(&environment), transaction_(transaction) {}

    const Environment* environment_;
    MDB_txn* transaction_;
    mutable bool failed_ = false;
};

// Changes that become visible together, or not at all when it is destroyed uncommitted.
// put and erase cannot report: the first failure is kept, failed() tells, commit() returns it.
// Thread: the one that began it.
class WriteTransaction final : public KeyValueWriter {
public:
    WriteTransaction(WriteTransaction&& other) noexcept;
    WriteTransaction& operator=(WriteTransaction&&) = delete;
    ~WriteTransaction() override;

    std::optional<Bytes> get(ByteSpan key) const override;
    // `visit` must not write to this transaction.
    void scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const override;
    // Requires: 0 < key.size() <= kKeyBytesMax.
    void put(ByteSpan key, ByteSpan value) override;
    void erase(ByteSpan key) override;
    bool failed() const override { return failure_.has_value(); }

    // Errors: no_space, io, busy (rule 2), or what failed before; nothing is changed then.
    // Afterwards the transaction is over, whatever it returned.
    Result<> commit();

private:
    friend class Environment;
    struct Change {
        Bytes key;
        std::optional<Bytes> value;  // absent: erase
    };
    WriteTransaction(Environment& environment, std::unique_lock<std::mutex> writer)
        : environment_(&environment), writer_(std::move(writer)) {}

    Result<> begin();
    void change(Change change);
    int apply(const Change& change);
    // Gives up the LMDB transaction, grows the map and repeats every change so far.
    Result<> grow_and_repeat();
    void fail(Error error);
    void abandon();

    Environment* environment_;
    std::unique_lock<std::mutex> writer_;
    MDB_txn* transaction_ = nullptr;
    std::vector<Change> changes_;
    mutable std::optional<Error> failure_;
};

}  // namespace swarmfs::lmdb
