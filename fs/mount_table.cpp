#include "fs/mount_table.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "engine/core/log.hpp"
#include "engine/core/mount_list.hpp"

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
      dice_(dice),
      records_(home_),
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
    Rows::iterator at;
    Mount::Plan plan;
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
        at = add_row(path, *volume, !options.read_only && !volume->read_only());
        plan = plan_for(*at, std::move(volume), options);
    }
    plan.number = dice_.u64();
    auto mount = Mount::start(std::move(plan), clock_);
    if (mount.ok()) {
        remember(**mount);
    }
    return settle(at, std::move(mount));
}

MountTable::Rows::iterator MountTable::add_row(const std::string& directory,
                                               const node::Volume& volume, bool writes) {
    const auto at = rows_.emplace(rows_.end());
    at->number = next_++;
    at->directory = directory;
    at->volume = &volume;
    at->writes = writes;
    note_writers();  // before the first program can write there
    return at;
}

Mount::Plan MountTable::plan_for(Row& row, std::shared_ptr<node::Volume> volume,
                                 const MountOptions& options) {
    Mount::Plan plan;
    plan.directory = row.directory;
    plan.volume = std::move(volume);
    plan.options = options;
    plan.own_changes = [this, row = &row](const std::vector<node::Change>& changes) {
        tell_siblings(row, changes);
    };
    plan.on_end = [this, row = &row] {
        const std::scoped_lock lock(mutex_);
        row->ended = true;
        changed_.notify_all();
    };
    plan.written_elsewhere = written_beside(row);
    return plan;
}

Result<MountedSwarm> MountTable::settle(Rows::iterator at, Result<std::unique_ptr<Mount>> mount) {
    const std::scoped_lock lock(mutex_);
    if (!mount.ok()) {
        rows_.erase(at);
        note_writers();
        return mount.error();
    }
    at->mount = *std::move(mount);
    note_writers();         // one beside it may have ended meanwhile
    changed_.notify_all();  // it may have ended already
    return MountedSwarm{at->mount->swarm(), at->directory};
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
        forget(*mount);
        mount.reset();
        lock.lock();
        rows_.erase(at);
        note_writers();
        changed_.notify_all();
    }
}

// Requires: nobody makes mounts any more.   Returns: the latest first; it may cover an earlier one.
std::vector<std::unique_ptr<Mount>> MountTable::take_all() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (reaper_.joinable()) {
        reaper_.join();
    }
    const std::scoped_lock making(making_);
    const std::scoped_lock lock(mutex_);
    std::vector<std::unique_ptr<Mount>> mounts;
    for (auto row = rows_.rbegin(); row != rows_.rend(); ++row) {
        if (row->mount) {
            mounts.push_back(std::move(row->mount));
        }
    }
    return mounts;
}

void MountTable::stop() {
    for (const auto& mount : take_all()) {
        mount->stop();
        forget(*mount);
    }
    const std::scoped_lock lock(mutex_);
    rows_.clear();
}

// ---- mounts that outlive a run of the node ----

void MountTable::remember(const Mount& mount) const {
    const MountRecord record = mount.record();
    // The note first: a descriptor without one is of no use.
    if (auto saved = records_.save(record); !saved.ok()) {
        log_warning("fs", mount.directory() +
                              " would end with a crash of swarmfsd, since it cannot "
                              "be noted: " +
                              saved.error().message);
        return;
    }
    if (!node::keep_descriptor(mount.descriptor(), record.descriptor_name())) {
        log_debug("fs", "no service manager keeps " + mount.directory() + " through a crash");
    }
}

void MountTable::forget(const Mount& mount) const {
    node::forget_descriptor(mount.record().descriptor_name());
    records_.remove(mount.number());
    mount.volume()->mount_ended(mount.number());
}

// The new run is noted before it answers anything: the numbers it gives out are told by it from those of
// the runs before and after, whenever it dies.
Result<MountedSwarm> MountTable::go_on_with(MountRecord record, int descriptor,
                                            std::shared_ptr<node::Volume> volume) {
    const std::scoped_lock making(making_);
    Result<> noted = caller_error(Code::unsupported, "it has outlived too many runs to count them");
    if (++record.options.files.run != 0) {
        const bool all_answered = std::exchange(record.all_answered, false);
        noted = records_.save(record);
        record.all_answered = all_answered;
    }
    if (!noted.ok()) {
        ::close(descriptor);
        return noted.error();
    }
    // Which also says that this run got so far.
    node::keep_descriptor(descriptor, record.descriptor_name());
    Rows::iterator at;
    Mount::Plan plan;
    {
        const std::scoped_lock lock(mutex_);
        at = add_row(record.directory, *volume, !record.options.read_only && !volume->read_only());
        plan = plan_for(*at, std::move(volume), record.options);
    }
    return settle(at, Mount::go_on(std::move(plan), record, descriptor, clock_));
}

void MountTable::expect(const std::vector<node::KeptDescriptor>& kept,
                        const FindVolume& volume) const {
    for (const MountRecord& record : records_.load()) {
        const bool is_kept = std::any_of(kept.begin(), kept.end(), [&](const auto& one) {
            return one.name == record.descriptor_name();
        });
        if (const auto shown = volume(record.swarm); is_kept && shown.ok()) {
            (*shown)->expect_mount(record.number);
        }
    }
}

void MountTable::go_on(std::vector<node::KeptDescriptor> kept, const FindVolume& volume) {
    for (const MountRecord& record : records_.load()) {
        const auto found = std::find_if(kept.begin(), kept.end(), [&](const auto& one) {
            return one.name == record.descriptor_name();
        });
        const int descriptor = found == kept.end() ? -1 : std::exchange(found->descriptor, -1);
        const bool is_kept = descriptor >= 0;
        auto shown = volume(record.swarm);
        if (is_kept && shown.ok()) {
            const auto gone_on = go_on_with(record, descriptor, *shown);
            if (gone_on.ok()) {
                continue;
            }
            log_warning("fs", record.directory +
                                  " was mounted when the last swarmfsd ended, and "
                                  "cannot go on: " +
                                  gone_on.error().message);
        } else if (is_kept) {
            ::close(descriptor);
        }
        if (shown.ok()) {
            (*shown)->mount_ended(record.number);
        }
        end(record, is_kept);
    }
    for (const node::KeptDescriptor& other : kept) {
        if (other.descriptor >= 0) {
            ::close(other.descriptor);
            node::forget_descriptor(other.name);
        }
    }
}

// Whoever is inside gets ENOTCONN, and the directory is free again. Without its descriptor the note may
// be from before the machine was started, and what is mounted there now another node's.
void MountTable::end(const MountRecord& record, bool was_kept) const {
    node::forget_descriptor(record.descriptor_name());
    records_.remove(record.number);
    const auto mounted = find_mount(record.directory);
    if (!mounted || mounted->type != kSwarmMountType || mounted->minor != record.connection ||
        !(was_kept || is_dead_mount(record.directory))) {
        return;
    }
    log_warning("fs", record.directory + " was left mounted by a swarmfsd that died; detaching it");
    abort_connection(mounted->minor);
    if (const auto detached = detach(record.directory, Detach::at_once); !detached.ok()) {
        log_warning("fs", detached.error().message);
    }
}

std::vector<node::KeptDescriptor> MountTable::pause() {
    std::vector<node::KeptDescriptor> kept;
    for (const auto& mount : take_all()) {
        MountRecord record = mount->record();
        const auto descriptor = mount->pause();
        record.all_answered = true;
        if (descriptor.ok() && records_.save(record).ok()) {
            kept.push_back({*descriptor, record.descriptor_name()});
            continue;
        }
        if (descriptor.ok()) {
            ::close(*descriptor);
        }
        mount->stop();
        forget(*mount);
    }
    const std::scoped_lock lock(mutex_);
    rows_.clear();
    return kept;
}

}  // namespace swarmfs::fs
