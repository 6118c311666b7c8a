#pragma once
// Inside of ContentStore: the contents in memory, the thread that saves, and what open() puts
// right.

#include <array>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "engine/store/content_store.hpp"
#include "engine/store/store_shared.hpp"

namespace swarmfs::store {

class ContentStore::Core {
public:
    Core(Disk& disk, Database& database, const Path& home, const ContentStoreOptions& options)
        : owned_shared_(std::make_shared<StoreShared>(disk, database, home, options.files_max,
                                                      options.layered_bytes_min)),
          shared_(*owned_shared_),
          options_(options) {
        shared_.open_with([this](const ContentId& id) { return open(id); });
    }
    ~Core();

    Result<> start();
    Result<std::shared_ptr<StoredContent>> open(const ContentId& id);
    Result<> save();
    Result<> sync();
    Result<> move_files(const NewContent& fresh);
    // Whether the caller's is the only handle on it.
    bool is_unshared(const std::shared_ptr<StoredContent>& content);
    // Requires: `batch` was begun, for no saver is to collect its rows meanwhile.
    Result<> remove(StoredContent& content, Batch batch);

    StoreShared& shared() { return shared_; }
    StagingLog& staging_log() { return *staging_log_; }

private:
    // content_store_open.cpp
    Result<> count_once();
    Result<> finish_all_pending();
    Result<> settle_doubtful(const StoreState& before);
    Result<> settle_unknown();
    Result<> settle_found(const ContentId& id, std::size_t layers);
    Result<> lay_over_noted(StoredContent& content, std::size_t layers);
    Result<std::uint64_t> set_staging_aside();
    Result<> sweep_staging();
    Result<> settle_orphans();
    Result<> claim_what_is_there(StoredContent& content, const Path& path);
    Result<> remove_orphans();
    Result<> empty_incoming();
    // content_eviction.cpp
    Result<> punch_unclaimed();
    Result<> visit_files(const std::function<Result<>(const ContentId&, const Path&)>& visit);
    Result<> write_state(bool clean);
    void run_saver();

    // Contents in memory, spread over several locks so that opening does not queue up.
    struct Shelf {
        std::mutex mutex;
        std::unordered_map<ContentId, std::weak_ptr<StoredContent>> contents;
        std::deque<std::shared_ptr<StoredContent>> recent;
        std::size_t sweep_at = 64;
    };
    static constexpr std::size_t kShelves = 16;
    Shelf& shelf_of(const ContentId& id) { return shelves_[std::hash<ContentId>{}(id) % kShelves]; }

    const std::shared_ptr<StoreShared> owned_shared_;
    StoreShared& shared_;
    const ContentStoreOptions options_;
    std::array<Shelf, kShelves> shelves_;

    std::unique_ptr<StagingLog> staging_log_;  // fixed by start

    // Held from reading the epoch until what was collected under it is committed.
    std::mutex save_mutex_;
    std::mutex sync_mutex_;           // one sync at a time
    std::uint64_t synced_epoch_ = 0;  // guarded by sync_mutex_
    bool started_ = false;
    std::thread saver_;
};

}  // namespace swarmfs::store
