#include "engine/store/database_core.hpp"

#include "engine/core/log.hpp"

namespace swarmfs::store {
namespace {

// Rows that lie far apart are written with the pages around them.
constexpr std::uint64_t kRoomPerChange = 4;
// What a std::map node and two vectors cost beside their bytes.
constexpr std::uint64_t kChangeOverheadBytes = 128;

bool passes(const Error& error) {
    return error.code == Code::no_space || error.code == Code::busy;
}

}  // namespace

Result<> Database::Core::open() {
    SWARM_CHECK(disk_.make_folder(folder_));
    SWARM_TRY(lmdb_, Tables::open(folder_));
    Changes recovered;
    SWARM_TRY(
        Journal::Recovery recovery,
        Journal::recover(disk_, folder_, lmdb_->mark(), [&](std::uint64_t, Changes&& changes) {
            for (auto& [key, value] : changes) {
                recovered.insert_or_assign(key, std::move(value));
            }
        }));
    const Journal::Mark mark{lmdb_->mark().opening + 1, recovery.last_sequence};
    SWARM_CHECK(write_recovered(recovered, recovery, mark));
    opening_ = mark.opening;
    SWARM_TRY(journal_, Journal::start(disk_, folder_, recovery, opening_, options_.segment_bytes));
    ballast_.restore();
    report_.replayed_batches = recovery.records;
    report_.repaired = std::move(recovery.repaired);
    for (const auto& line : report_.repaired) {
        log_warning("store", line);
    }
    flusher_ = std::thread([this] { run_flusher(); });
    return done();
}

// On a full disk, journal files that hold nothing any more, and the ballast, make room for what the
// tables need.
Result<> Database::Core::write_recovered(const Changes& changes, const Journal::Recovery& recovery,
                                         const Journal::Mark& mark) {
    auto written = lmdb_->write(disk_, changes, mark);
    if (written || written.error().code != Code::no_space) {
        return written;
    }
    for (const Path& file : recovery.spent) {
        SWARM_TRY(const auto spent, disk_.open(file, Open::write));
        SWARM_CHECK(spent->truncate(0));
    }
    SWARM_CHECK(ballast_.release());
    written = lmdb_->write(disk_, changes, mark);
    if (written || written.error().code != Code::no_space) {
        return written;
    }
    const std::uint64_t needed = (body_bytes(changes) * kRoomPerChange >> 20) + 1;
    return disk_error(Code::no_space, written.error().message + "; free at least " +
                                          std::to_string(needed) +
                                          " MiB on that disk and start again: nothing is lost, " +
                                          std::to_string(recovery.records) +
                                          " changes wait in the journal to be written");
}

Database::Core::~Core() {
    if (flusher_.joinable()) {
        {
            const std::lock_guard lock(commit_);
            stopping_ = true;
        }
        changed_.notify_all();
        flusher_.join();
        // A failure here loses nothing: the journal has it all.
        const auto flushed = flush();
        if (!flushed && flushed.error().code == Code::no_space && ballast_.release()) {
            [[maybe_unused]] const auto again = flush();
        }
    }
}

Result<> Database::Core::commit(Changes changes, Durability durability,
                                std::unique_lock<std::mutex> writer) {
    if (body_bytes(changes) > kBatchBytesMax) {
        return caller_error(Code::too_large, "a batch of " + std::to_string(body_bytes(changes)) +
                                                 " bytes is over the limit of " +
                                                 std::to_string(kBatchBytesMax));
    }
    std::uint64_t sequence = 0;
    if (changes.empty()) {
        sequence = journal_->last_sequence();
    } else {
        const Bytes body = encode_body(changes);
        std::unique_lock commit(commit_);
        SWARM_CHECK(wait_for_room(commit));
        auto appended = journal_->append(body);
        if (!appended) {
            if (!passes(appended.error())) {
                failure_ = appended.error();
                changed_.notify_all();
            }
            return std::move(appended).error();
        }
        sequence = *appended;
        unwritten_bytes_ += body.size() + changes.size() * kChangeOverheadBytes;
        if (watcher_) {
            watcher_(changes);
        }
        const std::unique_lock tables(tables_);
        for (auto& [key, value] : changes) {
            active_->insert_or_assign(key, std::move(value));
        }
        changed_.notify_all();
    }
    writer.unlock();
    if (durability == Durability::power_loss) {
        if (auto synced = journal_->sync_to(sequence); !synced) {
            return fail(std::move(synced).error());
        }
    }
    return done();
}

Result<> Database::Core::wait_for_room(std::unique_lock<std::mutex>& commit) {
    for (;;) {
        if (failure_) {
            return *failure_;
        }
        if (unwritten_bytes_ < options_.unwritten_bytes_max) {
            return done();
        }
        if (blocked_) {
            return *blocked_;
        }
        changed_.wait(commit);
    }
}

Result<> Database::Core::sync() {
    if (auto error = failure()) {
        return *error;
    }
    auto synced = journal_->sync_to(journal_->last_sequence());
    return synced ? done() : Result<>(fail(std::move(synced).error()));
}

void Database::Core::watch(Watcher watcher) {
    const std::lock_guard lock(commit_);
    watcher_ = std::move(watcher);
}

Result<> Database::Core::flush() {
    const std::lock_guard lock(flush_);
    SWARM_CHECK(write_frozen());
    SWARM_CHECK(freeze());
    return write_frozen();
}

Result<> Database::Core::freeze() {
    const std::lock_guard commit(commit_);
    if (failure_) {
        return *failure_;
    }
    if (active_->empty()) {
        return done();
    }
    Frozen frozen;
    frozen.last_sequence = journal_->last_sequence();
    auto segment = journal_->close_segment();
    if (!segment) {
        if (passes(segment.error())) {
            blocked_ = segment.error();
        } else {
            failure_ = segment.error();
        }
        changed_.notify_all();
        return std::move(segment).error();
    }
    frozen.segment = std::move(*segment);
    const std::unique_lock tables(tables_);
    frozen.changes = std::exchange(active_, std::make_shared<Changes>());
    frozen_ = std::move(frozen);
    return done();
}

Result<> Database::Core::write_frozen() {
    if (!frozen_.changes) {
        return done();
    }
    if (auto error = failure()) {
        return *error;
    }
    auto written =
        lmdb_->write(disk_, *frozen_.changes, Journal::Mark{opening_, frozen_.last_sequence});
    if (!written) {
        if (!passes(written.error())) {
            return fail(std::move(written).error());
        }
        const std::lock_guard commit(commit_);
        if (!blocked_) {
            log_warning("store", "changes stay in the journal: " + written.error().message);
        }
        blocked_ = written.error();
        changed_.notify_all();
        return std::move(written).error();
    }
    Frozen ended;
    {
        const std::unique_lock tables(tables_);
        ended = std::exchange(frozen_, {});
    }
    journal_->retire(ended.segment, ended.last_sequence);
    std::unique_lock commit(commit_);
    if (std::exchange(blocked_, std::nullopt)) {
        commit.unlock();
        ballast_.restore();  // there is room again
        commit.lock();
    }
    const std::uint64_t active = journal_->current_bytes();
    unwritten_bytes_ = std::min(unwritten_bytes_, active + active_->size() * kChangeOverheadBytes);
    changed_.notify_all();
    return done();
}

void Database::Core::run_flusher() {
    std::unique_lock lock(commit_);
    const auto stopped = [this] { return stopping_ || failure_.has_value(); };
    while (!stopped()) {
        const bool by_age = options_.flush_after.count() > 0;
        changed_.wait(lock, [&] {
            return stopped() || unwritten_bytes_ >= (by_age ? 1 : options_.flush_bytes);
        });
        if (by_age) {
            changed_.wait_for(lock, options_.flush_after, [&] {
                return stopped() || unwritten_bytes_ >= options_.flush_bytes;
            });
        }
        if (stopped()) {
            return;
        }
        lock.unlock();
        const auto flushed = flush();
        lock.lock();
        if (!flushed) {  // a full disk: once more a little later, room may have been made
            constexpr std::chrono::milliseconds kRetry{500};
            changed_.wait_for(lock, kRetry, stopped);
        }
    }
}

Error Database::Core::fail(Error error) {
    const std::lock_guard lock(commit_);
    if (!failure_) {
        log_error("store", folder_.string() + ": no more writing until restart: " + error.message);
        failure_ = error;
    }
    changed_.notify_all();
    return error;
}

std::optional<Error> Database::Core::failure() const {
    const std::lock_guard lock(commit_);
    return failure_;
}

std::optional<Bytes> Database::Core::get(ByteSpan key, bool& failed) const {
    std::shared_lock lock(tables_);
    for (const Changes* layer :
         {static_cast<const Changes*>(active_.get()), frozen_.changes.get()}) {
        if (layer == nullptr) {
            continue;
        }
        if (const auto found = layer->find(key); found != layer->end()) {
            return found->second;
        }
    }
    const auto transaction = lmdb_->begin_read(key);
    lock.unlock();
    if (!transaction) {
        failed = true;
        return std::nullopt;
    }
    auto value = transaction->get(key);
    failed = failed || transaction->failed();
    return value;
}

Page Database::Core::page(ByteSpan prefix, ByteSpan from, std::size_t limit, bool& failed) const {
    Slice slice;
    std::shared_lock lock(tables_);
    add_to_slice(slice, *active_, prefix, from, limit);
    const auto frozen = frozen_.changes;
    const auto transaction = lmdb_->begin_read(prefix);
    lock.unlock();
    if (!transaction) {
        failed = true;
        return {};
    }
    if (frozen) {
        add_to_slice(slice, *frozen, prefix, from, limit);
    }
    Page page = read_page(slice, *transaction, prefix, from, limit);
    failed = failed || transaction->failed();
    return page;
}

void Database::Core::scan_through(const Changes* newest, ByteSpan prefix, ByteSpan from,
                                  const Visit& visit, bool& failed) const {
    visit_pages(
        prefix, from,
        [&](ByteSpan at, std::size_t limit) {
            Page found = page(prefix, at, limit, failed);
            return newest == nullptr ? found : overlay(std::move(found), *newest, prefix, at);
        },
        visit);
}

std::optional<Bytes> Database::Core::get(ByteSpan key) const {
    bool failed = false;
    auto value = get(key, failed);
    if (failed) {
        read_failed_ = true;
    }
    return value;
}

void Database::Core::scan(ByteSpan prefix, ByteSpan from, const Visit& visit) const {
    bool failed = false;
    scan_through(nullptr, prefix, from, visit, failed);
    if (failed) {
        read_failed_ = true;
    }
}

}  // namespace swarmfs::store
