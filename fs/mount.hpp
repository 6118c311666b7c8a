#pragma once
// One live mount: a volume, the file system over it, the conversation with the kernel, and the
// thread that tells the kernel what changed.
//
//   start      returns once the directory is live
//   unmount    from our side; busy while the directory is in use, unless at once
//   (ended)    somebody else unmounted it, or the last user of a detached one left
//   stop       whatever the state; programs still inside get ENOTCONN. Never waits for them.
//
// Thread: one at a time, but `ended` from any.

#include <functional>
#include <memory>
#include <string>

#include "engine/core/clock.hpp"
#include "engine/node/volume.hpp"
#include "fs/file_system.hpp"
#include "fs/fuse_session.hpp"
#include "fs/mount_options.hpp"
#include "fs/mount_point.hpp"
#include "fs/notifier.hpp"

namespace swarmfs::fs {

class Mount {
public:
    struct Plan {
        std::string directory;  // as prepare_mount_point returned it
        std::shared_ptr<node::Volume> volume;
        MountOptions options;
        FileSystem::OwnChanges own_changes;
        bool written_elsewhere = false;  // FileSystem::set_written_elsewhere
        std::function<void()> on_end;    // from a thread of the mount's own; must not block
    };

    // Errors: permission, unavailable, io.
    static Result<std::unique_ptr<Mount>> start(Plan plan, const Clock& clock);
    ~Mount();
    Mount(const Mount&) = delete;
    Mount& operator=(const Mount&) = delete;

    const std::string& directory() const { return directory_; }
    const std::string& swarm() const { return swarm_; }
    const node::Volume* volume() const { return volume_.get(); }
    FileSystem& file_system() { return *files_; }
    Notifier& notifier() { return notifier_; }
    bool ended() const { return session_->ended(); }
    // Whether this mount is what one finds at its directory: not detached, not mounted over.
    bool in_sight() const;

    // Errors: those of detach; not_found when it is out of sight.
    Result<> unmount(Detach how);
    void stop();

private:
    Mount(Plan plan, const Clock& clock);
    void detach_at_once();

    const std::string directory_;
    const std::shared_ptr<node::Volume> volume_;
    const std::string swarm_;
    std::shared_ptr<FuseSession> session_;
    Notifier notifier_;
    std::unique_ptr<FileSystem> files_;
    unsigned connection_ = 0;  // fixed by start; 0 where the mount table did not show it
    bool stopped_ = false;
};

}  // namespace swarmfs::fs
