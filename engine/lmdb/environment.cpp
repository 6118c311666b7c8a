#include "engine/lmdb/environment.hpp"

#include <lmdb.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <set>

#include "engine/core/log.hpp"
#include "engine/lmdb/page_check.hpp"

namespace swarmfs::lmdb {
namespace {

// A slot is 64 bytes of the lock file; far above the threads a node has.
constexpr unsigned kReadersMax = 1024;
// Reading transactions kept for reuse; beyond the threads that read at once they only cost memory.
constexpr std::size_t kIdleReadersMax = 32;
// A reader's work is bounded (rule 2): one that takes longer than this is stuck.
constexpr std::chrono::seconds kGrowthWait{10};

// Rule 4.
class OpenFiles {
public:
    bool add(const std::filesystem::path& file) {
        const std::lock_guard lock(mutex_);
        return files_.insert(file).second;
    }
    void remove(const std::filesystem::path& file) {
        const std::lock_guard lock(mutex_);
        files_.erase(file);
    }

private:
    std::mutex mutex_;
    std::set<std::filesystem::path> files_;  // guarded by mutex_
};

OpenFiles& open_files() {
    static OpenFiles files;
    return files;
}

MDB_val as_val(ByteSpan bytes) {
    return {bytes.size(), const_cast<std::uint8_t*>(bytes.data())};
}
ByteSpan as_span(const MDB_val& value) {
    return {static_cast<const std::uint8_t*>(value.mv_data), value.mv_size};
}

bool begins_with(ByteSpan bytes, ByteSpan prefix) {
    return bytes.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

// Returns: what LMDB said; `out` is set when that is 0.
int look_up(MDB_txn* transaction, unsigned table, ByteSpan key, ByteSpan& out) {
    MDB_val wanted = as_val(key);
    MDB_val value{};
    const int code = mdb_get(transaction, table, &wanted, &value);
    if (code == 0) {
        out = as_span(value);
    }
    return code;
}

// Returns: 0 when the scan came to its end or was stopped, else what LMDB said.
int walk(MDB_txn* transaction, unsigned table, ByteSpan prefix, ByteSpan from,
         const KeyValueReader::Visit& visit) {
    MDB_cursor* cursor = nullptr;
    if (const int code = mdb_cursor_open(transaction, table, &cursor); code != 0) {
        return code;
    }
    const bool later =
        std::lexicographical_compare(prefix.begin(), prefix.end(), from.begin(), from.end());
    const ByteSpan start = later ? from : prefix;
    MDB_val key = as_val(start);
    MDB_val value{};
    // LMDB has no empty key: "from the very beginning" is MDB_FIRST.
    int code = mdb_cursor_get(cursor, &key, &value, start.empty() ? MDB_FIRST : MDB_SET_RANGE);
    while (code == 0 && begins_with(as_span(key), prefix) && visit(as_span(key), as_span(value))) {
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

}  // namespace

Environment::Environment(std::filesystem::path file, const Options& options)
    : file_(std::move(file)), options_(options) {}

Result<std::unique_ptr<Environment>> Environment::open(const std::filesystem::path& file,
                                                       const Options& options) {
    std::error_code ignored;
    const auto canonical = std::filesystem::weakly_canonical(file, ignored);
    std::unique_ptr<Environment> environment(
        new Environment(canonical.empty() ? file : canonical, options));
    SWARM_CHECK(environment->start());
    return environment;
}

Result<> Environment::start() {
    if (!open_files().add(file_)) {
        return disk_error(Code::busy, file_.string() + " is open in this process already");
    }
    registered_ = true;
    if (auto checked = check_pages(file_); !checked) {
        Error error = std::move(checked).error();
        if (error.code == Code::corrupt) {
            error.message += "; " + options_.when_damaged;
        }
        return error;
    }
    int code = mdb_env_create(&env_);
    if (code == 0) {
        code = mdb_env_set_maxreaders(env_, kReadersMax);
    }
    if (code == 0) {
        code = mdb_env_set_mapsize(env_, options_.map_bytes_at_start);
    }
    if (code == 0) {
        const unsigned flags =
            MDB_NOSUBDIR | MDB_NOTLS | (options_.sync == Sync::on_request ? MDB_NOSYNC : 0U);
        code = mdb_env_open(env_, file_.c_str(), flags, 0600);
    }
    if (code != 0) {
        return error_of(code, "opening");
    }
    if (mdb_reader_check(env_, &stale_readers_) != 0) {
        stale_readers_ = 0;
    }
    if (stale_readers_ > 0) {
        log_info("lmdb", file_.string() + ": freed the slots of " + std::to_string(stale_readers_) +
                             " readers that died");
    }
    MDB_txn* transaction = nullptr;
    code = mdb_txn_begin(env_, nullptr, 0, &transaction);
    if (code != 0) {
        return error_of(code, "opening");
    }
    code = mdb_dbi_open(transaction, nullptr, 0, &table_);
    if (code != 0) {
        mdb_txn_abort(transaction);
        return error_of(code, "opening");
    }
    code = mdb_txn_commit(transaction);
    return code == 0 ? done() : Result<>(error_of(code, "opening"));
}

Environment::~Environment() {
    for (MDB_txn* reader : idle_readers_) {
        mdb_txn_abort(reader);
    }
    if (env_ != nullptr) {
        mdb_env_close(env_);
    }
    if (registered_) {
        open_files().remove(file_);
    }
}

Error Environment::error_of(int code, const char* doing) const {
    const std::string what = std::string(doing) + " " + file_.string();
    switch (code) {
        case MDB_INVALID:
        case MDB_CORRUPTED:
        case MDB_PAGE_NOTFOUND:
        case MDB_VERSION_MISMATCH:
        case MDB_PANIC:
            return disk_error(Code::corrupt, what + ": the file is damaged (" + mdb_strerror(code) +
                                                 "); " + options_.when_damaged);
        case MDB_READERS_FULL: return disk_error(Code::busy, what + ": too many readers at once");
        case MDB_MAP_FULL:
            return disk_error(Code::no_space, what + ": the file reached its limit of " +
                                                  std::to_string(options_.map_bytes_max) +
                                                  " bytes");
        case MDB_TXN_FULL:
            return disk_error(Code::too_large, what + ": too many changes in one transaction");
        case MDB_MAP_RESIZED: return disk_error(Code::busy, what + ": another program writes it");
        default: break;
    }
    return code > 0 ? disk_error_from_errno(code, what)
                    : disk_error(Code::io, what + ": " + mdb_strerror(code));
}

// LMDB calls a write that was cut short EIO. On a disk that has no room left it was the last of it.
int Environment::meant_by(int code) const {
    constexpr std::uintmax_t kNoRoom = 64 * 1024;
    std::error_code failed;
    const bool full = code == EIO && std::filesystem::space(file_, failed).available < kNoRoom;
    return full && !failed ? ENOSPC : code;
}

Result<ReadTransaction> Environment::begin_read() const {
    MDB_txn* transaction = nullptr;
    {
        const std::lock_guard lock(gate_);
        ++readers_;
        if (!idle_readers_.empty()) {
            transaction = idle_readers_.back();
            idle_readers_.pop_back();
        }
    }
    const int code = transaction != nullptr
                         ? mdb_txn_renew(transaction)
                         : mdb_txn_begin(env_, nullptr, MDB_RDONLY, &transaction);
    if (code != 0) {
        if (transaction != nullptr) {
            mdb_txn_abort(transaction);
        }
        const std::lock_guard lock(gate_);
        leave_gate();
        return error_of(code, "reading");
    }
    return ReadTransaction(*this, transaction);
}

void Environment::end_read(MDB_txn* transaction) const {
    mdb_txn_reset(transaction);
    const std::lock_guard lock(gate_);
    if (idle_readers_.size() < kIdleReadersMax) {
        idle_readers_.push_back(transaction);
    } else {
        mdb_txn_abort(transaction);
    }
    leave_gate();
}

void Environment::leave_gate() const {
    if (--readers_ == 0) {
        gate_changed_.notify_all();
    }
}

Result<> Environment::grow() {
    std::unique_lock lock(gate_);
    if (!gate_changed_.wait_for(lock, kGrowthWait, [this] { return readers_ == 0; })) {
        return disk_error(Code::busy,
                          "growing " + file_.string() + ": a reader does not come to its end");
    }
    MDB_envinfo info{};
    mdb_env_info(env_, &info);
    if (info.me_mapsize >= options_.map_bytes_max) {
        return error_of(MDB_MAP_FULL, "growing");
    }
    const auto bytes = std::min<std::uint64_t>(info.me_mapsize * 2, options_.map_bytes_max);
    const int code = mdb_env_set_mapsize(env_, bytes);
    return code == 0 ? done() : Result<>(error_of(code, "growing"));
}

Result<WriteTransaction> Environment::begin_write() {
    WriteTransaction transaction(*this, std::unique_lock(writer_));
    SWARM_CHECK(transaction.begin());
    return transaction;
}

Result<> Environment::sync() {
    const int code = mdb_env_sync(env_, 1);
    return code == 0 ? done() : Result<>(error_of(code, "syncing"));
}

std::uint64_t Environment::map_bytes() const {
    MDB_envinfo info{};
    mdb_env_info(env_, &info);
    return info.me_mapsize;
}

std::uint64_t Environment::used_bytes() const {
    MDB_envinfo info{};
    MDB_stat status{};
    mdb_env_info(env_, &info);
    mdb_env_stat(env_, &status);
    return (info.me_last_pgno + 1) * status.ms_psize;
}

ReadTransaction::ReadTransaction(ReadTransaction&& other) noexcept
    : environment_(other.environment_),
      transaction_(std::exchange(other.transaction_, nullptr)),
      failed_(other.failed_) {}

ReadTransaction::~ReadTransaction() {
    if (transaction_ != nullptr) {
        environment_->end_read(transaction_);
    }
}

std::optional<ByteSpan> ReadTransaction::view(ByteSpan key) const {
    ByteSpan value;
    const int code = look_up(transaction_, environment_->table_, key, value);
    failed_ = failed_ || (code != 0 && code != MDB_NOTFOUND);
    return code == 0 ? std::optional(value) : std::nullopt;
}

std::optional<Bytes> ReadTransaction::get(ByteSpan key) const {
    const auto value = view(key);
    return value ? std::optional(to_bytes(*value)) : std::nullopt;
}

void ReadTransaction::scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const {
    const int code = walk(transaction_, environment_->table_, prefix, from, visit);
    failed_ = failed_ || code != 0;
}

WriteTransaction::WriteTransaction(WriteTransaction&& other) noexcept
    : environment_(other.environment_),
      writer_(std::move(other.writer_)),
      transaction_(std::exchange(other.transaction_, nullptr)),
      changes_(std::move(other.changes_)),
      failure_(std::move(other.failure_)) {}

WriteTransaction::~WriteTransaction() {
    abandon();
}

Result<> WriteTransaction::begin() {
    const int code = mdb_txn_begin(environment_->env_, nullptr, 0, &transaction_);
    if (code != 0) {
        transaction_ = nullptr;
        return environment_->error_of(code, "writing");
    }
    return done();
}

void WriteTransaction::abandon() {
    if (transaction_ != nullptr) {
        mdb_txn_abort(std::exchange(transaction_, nullptr));
    }
}

void WriteTransaction::fail(Error error) {
    abandon();
    if (!failure_) {
        failure_ = std::move(error);
    }
}

std::optional<Bytes> WriteTransaction::get(ByteSpan key) const {
    ByteSpan value;
    if (transaction_ == nullptr) {
        return std::nullopt;
    }
    const int code = look_up(transaction_, environment_->table_, key, value);
    if (code != 0 && code != MDB_NOTFOUND && !failure_) {
        failure_ = environment_->error_of(code, "reading");
    }
    return code == 0 ? std::optional(to_bytes(value)) : std::nullopt;
}

void WriteTransaction::scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const {
    if (transaction_ == nullptr) {
        return;
    }
    const int code = walk(transaction_, environment_->table_, prefix, from, visit);
    if (code != 0 && !failure_) {
        failure_ = environment_->error_of(code, "reading");
    }
}

void WriteTransaction::put(ByteSpan key, ByteSpan value) {
    change({to_bytes(key), to_bytes(value)});
}

void WriteTransaction::erase(ByteSpan key) {
    change({to_bytes(key), std::nullopt});
}

void WriteTransaction::change(Change change) {
    SWARM_ASSERT(!change.key.empty() && change.key.size() <= kKeyBytesMax);
    if (transaction_ == nullptr || failure_) {
        return;
    }
    const int code = apply(change);
    changes_.push_back(std::move(change));
    if (code == MDB_MAP_FULL) {
        if (auto repeated = grow_and_repeat(); !repeated) {
            fail(std::move(repeated).error());
        }
    } else if (code != 0) {
        fail(environment_->error_of(code, "writing"));
    }
}

int WriteTransaction::apply(const Change& change) {
    MDB_val key = as_val(change.key);
    if (change.value) {
        MDB_val value = as_val(*change.value);
        return mdb_put(transaction_, environment_->table_, &key, &value, 0);
    }
    const int code = mdb_del(transaction_, environment_->table_, &key, nullptr);
    return code == MDB_NOTFOUND ? 0 : code;
}

Result<> WriteTransaction::grow_and_repeat() {
    for (;;) {
        abandon();
        SWARM_CHECK(environment_->grow());
        SWARM_CHECK(begin());
        int code = 0;
        for (const Change& change : changes_) {
            code = apply(change);
            if (code != 0) {
                break;
            }
        }
        if (code == 0) {
            return done();
        }
        if (code != MDB_MAP_FULL) {
            return environment_->error_of(code, "writing");
        }
    }
}

Result<> WriteTransaction::commit() {
    for (;;) {
        if (failure_) {
            abandon();
            writer_ = {};
            return *failure_;
        }
        SWARM_ASSERT(transaction_ != nullptr);
        const int code = mdb_txn_commit(std::exchange(transaction_, nullptr));
        if (code == MDB_MAP_FULL) {  // the list of free pages itself found no room
            if (auto repeated = grow_and_repeat(); !repeated) {
                fail(std::move(repeated).error());
            }
            continue;
        }
        if (code != 0) {
            fail(environment_->error_of(environment_->meant_by(code), "writing"));
            continue;
        }
        writer_ = {};
        return done();
    }
}

}  // namespace swarmfs::lmdb
