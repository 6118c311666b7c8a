#pragma once
// The mounts of one node: made and taken away by the command line, forgotten when somebody else
// unmounts them, ended when the node stops. Not remembered beyond that: systemd and fstab do that.
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
#include "fs/mount.hpp"

namespace swarmfs::fs {

struct MountedSwarm {
    std::string swarm;
    std::string directory;
};

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
    // Ends every mount and refuses new ones.
    void stop();

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

    bool written_beside(const Row& row) const;
    void note_writers();
    void tell_siblings(const Row* from, const std::vector<node::Change>& changes);
    void reap();

    const std::string home_;
    const MountOptions defaults_;
    const Clock& clock_;

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
using FindVolume = std::function<Result<std::shared_ptr<node::Volume>>(const std::string& name)>;
node::ControlMethods mount_methods(MountTable& table, FindVolume volume);

}  // namespace swarmfs::fs
