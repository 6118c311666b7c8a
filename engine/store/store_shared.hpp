#pragma once
// What the contents of one home share: paths, open files, and the list of those whose rows changed.
// Internal to the content store.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include "engine/store/cache_books.hpp"
#include "engine/store/content_rows.hpp"
#include "engine/store/database.hpp"
#include "engine/store/disk.hpp"
#include "engine/store/file_cache.hpp"

namespace swarmfs::store {

class StoredContent;

// Leaves that may be stored before their bits are saved: what a kill costs a fast line, which
// fetches more than this in the age at which a slow one saves. A save is one small batch, so one
// every 8 MiB is nothing beside writing those.
inline constexpr std::uint64_t kUnsavedBytesMax = std::uint64_t{8} << 20;

class StoreShared {
public:
    StoreShared(Disk& disk, Database& database, Path home, std::size_t files_max,
                std::uint64_t layered_bytes_min)
        : disk_(disk),
          database_(database),
          home_(std::move(home)),
          layered_bytes_min_(layered_bytes_min),
          files_(files_max) {}

    Disk& disk() { return disk_; }
    Database& database() { return database_; }
    FileCache& files() { return files_; }
    CacheBooks& cache() { return *cache_; }
    const Path& home() const { return home_; }
    std::uint64_t layered_bytes_min() const { return layered_bytes_min_; }

    Path content_folder() const { return home_ / "content"; }
    Path incoming_folder() const { return home_ / "content" / "incoming"; }
    Path staging_folder() const { return home_ / "staging"; }
    Path staging_log_folder() const { return home_ / "staging-log"; }
    Path folder_of(const ContentId& id) const;
    Path data_path(const ContentId& id) const;
    Path tree_path(const ContentId& id) const;
    // A new name for a file that is being made.   Thread: any.
    Path incoming_path(const char* suffix);

    // The content, for one that lies over it. Set before the first is loaded.
    using Opener = std::function<Result<std::shared_ptr<StoredContent>>(const ContentId&)>;
    void open_with(Opener opener) { opener_ = std::move(opener); }
    Result<std::shared_ptr<StoredContent>> open(const ContentId& id) { return opener_(id); }

    // Moves the files of a pending content to their place, if it has any left to move. Writes
    // nothing to the Database, so a batch may be open. Its row goes after the next sync, because a
    // power loss may undo the move.
    Result<> finish_pending(const ContentId& id);
    // Pending contents that were placed since the last call.
    std::vector<ContentId> take_placed();

    // Its rows must be written. Wakes the saver.
    void add_changed(std::shared_ptr<StoredContent> content);
    std::vector<std::shared_ptr<StoredContent>> take_changed();
    // So many bytes of leaves were stored whose bits are not saved. Wakes the saver at
    // kUnsavedBytesMax.
    void add_unsaved(std::uint64_t bytes);
    enum class Wake { changes, idle, stop };
    // Waits until something changed, then for `age` more or kUnsavedBytesMax; or, when that is not zero, for `idle`.
    Wake wait_for_changes(std::chrono::milliseconds age, std::chrono::milliseconds idle);
    void stop();

    // When files were last written to, in steps between two syncs of everything.
    std::uint64_t epoch() const { return epoch_; }
    std::uint64_t next_epoch() { return epoch_++; }
    void start_at_epoch(std::uint64_t epoch) { epoch_ = epoch; }
    std::uint64_t next_number() const { return next_number_; }
    std::uint64_t take_number() { return next_number_++; }
    void start_at_number(std::uint64_t number) { next_number_ = number; }

    // Puts the repairs of contents on record.   Thread: any.
    void note_repair(std::string line);
    std::vector<std::string> repairs() const;

private:
    Disk& disk_;
    Database& database_;
    const Path home_;
    const std::uint64_t layered_bytes_min_;
    FileCache files_;
    Opener opener_;
    const std::shared_ptr<CacheBooks> cache_ = std::make_shared<CacheBooks>();
    std::atomic<std::uint64_t> epoch_ = 1;
    std::atomic<std::uint64_t> next_number_ = 0;

    mutable std::mutex mutex_;  // guards what follows
    std::condition_variable wake_;
    std::vector<std::shared_ptr<StoredContent>> changed_;
    std::uint64_t unsaved_bytes_ = 0;
    std::vector<ContentId> placed_;
    std::vector<std::string> repairs_;
    bool stopping_ = false;
};

}  // namespace swarmfs::store
