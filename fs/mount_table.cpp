#include "fs/mount_table.hpp"

#include <algorithm>

#include "engine/core/log.hpp"

namespace swarmfs::fs {
namespace {

// How long an unmounted swarm's threads may take to leave before the caller is answered anyway.
constexpr std::chrono::seconds kEndPatience{2};

MountOptions with_salt(MountOptions options, Dice& dice) {
    options.files.position_salt = {dice.u64(), dice.u64()};
    return options;
}

}  // namespace

MountTable::MountTable(std::string home, MountOptions defaults, const Clock& clock, Dice& dice)
    : home_(std::move(home)),
      defaults_(with_salt(defaults, dice)),
      clock_(clock),
      reaper_(&MountTable::reap, this) {}

MountTable::~MountTable() {
    stop();
}

Result<MountedSwarm> MountTable::mount(std::shared_ptr<node::Volume> volume,
                                       const std::string& directory, const MountOptions& options) {
    const std::scoped_lock making(making_);
    SWARM_TRY(
        const std::string path,
        prepare_mount_point(directory, home_,
                            options.nonempty ? Contents::may_be_there : Contents::must_be_empty));
    Row* row = nullptr;
    Rows::iterator at;
    {
        std::unique_lock lock(mutex_);
        // One that was unmounted there leaves first: its end must not meet the new one in its place,
        // which may even get its number. One that somebody detached and still uses stays.
        changed_.wait_for(lock, kEndPatience, [&] {
            return stopping_ || std::none_of(rows_.begin(), rows_.end(), [&](const Row& other) {
                       return other.directory == path && !other.detached;
                   });
        });
        if (stopping_) {
            return caller_error(Code::unavailable, "this node is stopping");
        }
        at = rows_.emplace(rows_.end());
        row = &*at;
        row->number = next_++;
        row->directory = path;
        row->volume = volume.get();
        row->writes = !options.read_only && !volume->read_only();
        note_writers();  // before the first program can write there
    }
    Mount::Plan plan;
    plan.directory = path;
    plan.volume = std::move(volume);
    plan.options = options;
    plan.own_changes = [this, row](const std::vector<node::Change>& changes) {
        tell_siblings(row, changes);
    };
    plan.on_end = [this, row] {
        const std::scoped_lock lock(mutex_);
        row->ended = true;
        changed_.notify_all();
    };
    {
        const std::scoped_lock lock(mutex_);
        plan.written_elsewhere = written_beside(*row);
    }
    auto mount = Mount::start(std::move(plan), clock_);
    const std::scoped_lock lock(mutex_);
    if (!mount.ok()) {
        rows_.erase(at);
        note_writers();
        return mount.error();
    }
    row->mount = *std::move(mount);
    note_writers();         // one beside it may have ended meanwhile
    changed_.notify_all();  // it may have ended already
    return MountedSwarm{row->mount->swarm(), path};
}

Result<MountedSwarm> MountTable::unmount(const std::string& directory, Detach how) {
    const std::scoped_lock making(making_);
    std::unique_lock lock(mutex_);
    const auto at = std::find_if(rows_.begin(), rows_.end(), [&](const Row& row) {
        return row.mount && !row.ended && row.mount->directory() == directory &&
               row.mount->in_sight();
    });
    if (at == rows_.end()) {
        return caller_error(Code::not_found, "this node has nothing mounted on " + directory);
    }
    const MountedSwarm was{at->mount->swarm(), at->mount->directory()};
    const std::uint64_t number = at->number;
    at->detached = true;
    // Without the lock: the kernel asks the mount while it unmounts. The reaper may remove the row
    // meanwhile, so only copies are used.
    lock.unlock();
    const auto detached = detach(was.directory, how);
    lock.lock();
    const auto gone = [this, number] {
        return std::none_of(rows_.begin(), rows_.end(),
                            [number](const Row& row) { return row.number == number; });
    };
    if (!detached.ok()) {
        for (Row& row : rows_) {
            row.detached = row.detached && row.number != number;
        }
        return detached.error();
    }
    if (how == Detach::when_unused) {
        // A mount namespace that copied ours may keep it alive; it is unmounted here all the same.
        changed_.wait_for(lock, kEndPatience, [&] { return stopping_ || gone(); });
    }
    return was;
}

std::vector<MountedSwarm> MountTable::list() const {
    const std::scoped_lock lock(mutex_);
    std::vector<MountedSwarm> mounts;
    for (const Row& row : rows_) {
        if (row.mount && !row.detached && !row.ended && row.mount->in_sight()) {
            mounts.push_back({row.mount->swarm(), row.mount->directory()});
        }
    }
    return mounts;
}

bool MountTable::wait_until_told(std::chrono::milliseconds patience) {
    const std::scoped_lock making(making_);  // keeps mounts from coming; ended ones answer at once
    const std::scoped_lock lock(mutex_);
    for (Row& row : rows_) {
        if (row.mount && !row.mount->notifier().wait_until_told(patience)) {
            return false;
        }
    }
    return true;
}

// Requires, for the two: mutex_ is held.
bool MountTable::written_beside(const Row& row) const {
    return std::any_of(rows_.begin(), rows_.end(), [&](const Row& other) {
        return &other != &row && other.volume == row.volume && other.writes;
    });
}

void MountTable::note_writers() {
    for (Row& row : rows_) {
        if (row.mount) {
            row.mount->file_system().set_written_elsewhere(written_beside(row));
        }
    }
}

void MountTable::tell_siblings(const Row* from, const std::vector<node::Change>& changes) {
    const std::scoped_lock lock(mutex_);
    if (rows_.size() < 2 || !from->mount) {
        return;
    }
    for (Row& row : rows_) {
        if (&row != from && row.mount && row.mount->volume() == from->mount->volume()) {
            row.mount->file_system().on_changes(changes);
        }
    }
}

void MountTable::reap() {
    std::unique_lock lock(mutex_);
    for (;;) {
        const auto over = [](const Row& row) { return row.ended && row.mount; };
        changed_.wait(lock,
                      [&] { return stopping_ || std::any_of(rows_.begin(), rows_.end(), over); });
        if (stopping_) {
            return;
        }
        const auto at = std::find_if(rows_.begin(), rows_.end(), over);
        std::unique_ptr<Mount> mount = std::move(at->mount);
        const bool by_us = at->detached;
        lock.unlock();
        if (!by_us) {
            log_info("fs", mount->directory() + " was unmounted");
        }
        mount->stop();
        mount.reset();
        lock.lock();
        rows_.erase(at);
        note_writers();
        changed_.notify_all();
    }
}

void MountTable::stop() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (reaper_.joinable()) {
        reaper_.join();
    }
    const std::scoped_lock making(making_);
    std::vector<std::unique_ptr<Mount>> mounts;
    {
        const std::scoped_lock lock(mutex_);
        // The latest first: it may cover an earlier one.
        for (auto row = rows_.rbegin(); row != rows_.rend(); ++row) {
            mounts.push_back(std::move(row->mount));
        }
    }
    for (const auto& mount : mounts) {
        if (mount) {
            mount->stop();
        }
    }
    mounts.clear();
    const std::scoped_lock lock(mutex_);
    rows_.clear();
}

}  // namespace swarmfs::fs
