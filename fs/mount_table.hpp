#pragma once
// The mounts of one node: made and taken away by the command line, forgotten when somebody else
// unmounts them, ended when the node stops. Not remembered beyond that: systemd and fstab do that.
//
// When the node ends otherwise (a crash, or an upgrade) its mounts wait for the next run. For that each
// one's descriptor is in the hands of the service manager, and a note in the home (mount_records.hpp).
// Where nobody keeps descriptors, or the next run cannot use them, the mounts end, and it says so.
//
// Several mounts of one swarm hear of each other's changes here, since a volume tells its listeners
// only of what did not come through it; and which of them has another beside it that may write.
// Thread: any.

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/core/dice.hpp"
#include "engine/node/control_methods.hpp"
#include "engine/node/service.hpp"
#include "fs/mount.hpp"
#include "fs/mount_records.hpp"

namespace swarmfs::fs {

struct MountedSwarm {
    std::string swarm;
    std::string directory;
};

using FindVolume = std::function<Result<std::shared_ptr<node::Volume>>(const std::string& name)>;

class MountTable {
public:
    // `home` is the node's; `defaults` holds where a mount's options say nothing.
    MountTable(std::string home, MountOptions defaults, const Clock& clock, Dice& dice);
    ~MountTable();

    // Returns: once the directory is live.
    // Errors: those of prepare_mount_point and Mount::start.
    Result<MountedSwarm> mount(std::shared_ptr<node::Volume> volume, const std::string& directory,
                               const MountOptions& options);
    // Errors: not_found when this node has nothing mounted there; busy.
    Result<MountedSwarm> unmount(const std::string& directory, Detach how);
    std::vector<MountedSwarm> list() const;
    // Returns once every mount's kernel was told all that was posted so far; false when `patience`
    // ran out.
    bool wait_until_told(std::chrono::milliseconds patience);
    const MountOptions& defaults() const { return defaults_; }
    // Tells the volumes which mounts of the last run may go on. Before the node starts.
    void expect(const std::vector<node::KeptDescriptor>& kept, const FindVolume& volume) const;
    // Goes on with them, or ends them. Once, before READY.
    void go_on(std::vector<node::KeptDescriptor> kept, const FindVolume& volume);
    // Ends every mount and refuses new ones.
    void stop();
    // As stop, but leaves those that can go on to the next run.   Returns: what that must be given.
    std::vector<node::KeptDescriptor> pause();

private:
    struct Row {
        std::uint64_t number = 0;
        std::string directory;
        const node::Volume* volume = nullptr;
        bool writes = false;
        std::unique_ptr<Mount> mount;
        bool detached = false;  // out of sight, waiting for its last user
        bool ended = false;     // to be removed by the reaper
    };
    using Rows = std::list<Row>;

    // A row for a mount that is being made. Requires: mutex_ is held.
    Rows::iterator add_row(const std::string& directory, const node::Volume& volume, bool writes);
    Mount::Plan plan_for(Row& row, std::shared_ptr<node::Volume> volume,
                         const MountOptions& options);
    // Returns: where it is mounted, once `mount` is the row's.
    Result<MountedSwarm> settle(Rows::iterator at, Result<std::unique_ptr<Mount>> mount);
    Result<MountedSwarm> go_on_with(MountRecord record, int descriptor,
                                    std::shared_ptr<node::Volume> volume);
    void end(const MountRecord& record, bool was_kept) const;
    void remember(const Mount& mount) const;
    void forget(const Mount& mount) const;
    std::vector<std::unique_ptr<Mount>> take_all();
    bool written_beside(const Row& row) const;
    void note_writers();
    void tell_siblings(const Row* from, const std::vector<node::Change>& changes);
    void reap();

    const std::string home_;
    const MountOptions defaults_;
    const Clock& clock_;
    Dice& dice_;  // guarded by making_
    const MountRecords records_;

    // Held while a mount is made or taken away: these calls come from people, one after another.
    std::mutex making_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    Rows rows_;               // guarded by mutex_
    std::uint64_t next_ = 1;  // guarded by mutex_
    bool stopping_ = false;   // guarded by mutex_
    std::thread reaper_;
};

// The control methods `mount` and `unmount` (docs/control.md). `volume` finds a swarm by name.
node::ControlMethods mount_methods(MountTable& table, FindVolume volume);

}  // namespace swarmfs::fs
