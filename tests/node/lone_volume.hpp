#pragma once
// The volume of one member without a network, on a disk whose reads the test can hold.

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "engine/catalog/grant.hpp"
#include "engine/node/tree_volume.hpp"
#include "tests/node/no_swarm.hpp"
#include "tests/support/scratch_folder.hpp"

namespace swarmfs::test {

// Holds reads of staging files until they are let go, has no room for one, and notes which files
// are synced.
class HeldDisk final : public store::Disk {
public:
    void hold_next_read();
    // All of a megabyte or more: of those who hash large files.
    void hold_large_reads();
    void wait_until_held();
    void let_go();
    std::size_t large_reads() const;
    void fill(bool full) { full_ = full; }
    std::size_t syncs_below(const std::string& folder) const;

    Result<std::unique_ptr<store::File>> open(const store::Path& path, store::Open how) override;
    Result<store::FileStatus> status(const store::Path& path) override {
        return under_.status(path);
    }
    Result<> rename(const store::Path& from, const store::Path& to) override {
        return under_.rename(from, to);
    }
    Result<> remove(const store::Path& path) override { return under_.remove(path); }
    Result<> make_folder(const store::Path& path) override { return under_.make_folder(path); }
    Result<> sync_folder(const store::Path& path) override { return under_.sync_folder(path); }
    Result<std::vector<std::string>> list(const store::Path& folder) override {
        return under_.list(folder);
    }
    Result<std::uint64_t> free_bytes(const store::Path& path) override {
        return under_.free_bytes(path);
    }
    Result<> commit(lmdb::WriteTransaction& transaction) override {
        return under_.commit(transaction);
    }
    Result<> sync_all(const store::Path&) override { return done(); }
    std::string boot() override { return under_.boot(); }

private:
    friend class HeldFile;
    enum class Hold : std::uint8_t { no, next, large, held };
    void reading(const store::Path& path, std::size_t bytes);
    void synced(const store::Path& path);

    store::SystemDisk under_;
    std::atomic<bool> full_ = false;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    Hold hold_ = Hold::no;             // guarded by mutex_
    std::size_t held_ = 0;             // guarded by mutex_
    std::size_t large_reads_ = 0;      // guarded by mutex_
    std::vector<store::Path> synced_;  // guarded by mutex_
};

struct LoneVolume {
    LoneVolume();
    ~LoneVolume();

    node::Inode inode_of(const std::string& name);
    node::Created create(const std::string& name);
    // A file with that text, published.
    node::Inode make_file(const std::string& name, const std::string& text);
    node::FileHandle open_to_write(const std::string& name);
    void write(node::FileHandle handle, std::uint64_t offset, const std::string& text);
    void close(node::FileHandle handle);
    // Writes `text` at its beginning, and closes it; its hashing is held until disk.let_go().
    void close_and_hold(node::FileHandle handle, const std::string& text);
    // Returns: for volume->remove_change_listener.
    std::uint64_t listen(std::vector<node::Change>& heard);
    std::string read(const std::string& name);
    std::string read(node::FileHandle handle);
    // So many publications, in all.
    void wait_until_published(std::uint64_t count);
    std::vector<std::string> names();
    std::size_t staging_files();
    // What the volume asks for on a full disk.
    std::function<bool()> make_room = [] { return false; };

    ScratchFolder scratch;
    HeldDisk disk;
    ManualClock clock;
    node::Problems problems{clock};
    SeededDice dice{1};
    std::unique_ptr<store::Database> database;
    std::unique_ptr<store::ContentStore> contents;
    std::unique_ptr<node::Identity> identity;
    std::unique_ptr<node::Tree> tree;
    node::Workers workers;
    node::JobGroup jobs{workers};
    NoSwarm swarm;
    std::unique_ptr<node::Publisher> publisher;
    std::shared_ptr<node::TreeVolume> volume;
};

}  // namespace swarmfs::test
