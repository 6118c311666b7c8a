#pragma once
// One live mount: a volume, the file system over it, the conversation with the kernel, and the
// thread that tells the kernel what changed.
//
//   start      returns once the directory is live
//   go_on      takes up what an earlier run of the node began
//   unmount    from our side; busy while the directory is in use, unless at once
//   (ended)    somebody else unmounted it, or the last user of a detached one left
//   stop       whatever the state; programs still inside get ENOTCONN. Never waits for them.
//   pause      leaves it to a later run: programs inside wait for that.
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
#include "fs/mount_records.hpp"
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
        std::uint64_t number = 0;        // MountRecord::number
    };

    // Errors: permission, unavailable, io.
    static Result<std::unique_ptr<Mount>> start(Plan plan, const Clock& clock);
    // Requires: the record, with this run's number, is saved. `descriptor` is this call's from here on.
    // Errors: those of FuseSession::go_on; not_found when it is mounted no more.
    static Result<std::unique_ptr<Mount>> go_on(Plan plan, const MountRecord& record,
                                                int descriptor, const Clock& clock);
    ~Mount();
    Mount(const Mount&) = delete;
    Mount& operator=(const Mount&) = delete;

    const std::string& directory() const { return directory_; }
    const std::string& swarm() const { return swarm_; }
    std::uint64_t number() const { return number_; }
    // What a later run needs, as of now.
    MountRecord record() const;
    // The kernel's end of it; valid while this lives.
    int descriptor() const { return session_->descriptor(); }
    node::Volume* volume() const { return volume_.get(); }
    FileSystem& file_system() { return *files_; }
    Notifier& notifier() { return notifier_; }
    bool ended() const { return session_->ended(); }
    // Whether this mount is what one finds at its directory: not detached, not mounted over.
    bool in_sight() const;

    // Errors: those of detach; not_found when it is out of sight.
    Result<> unmount(Detach how);
    void stop();
    // Returns: a descriptor for the later run, the caller's.
    // Errors: not_found when it has ended or is out of sight; then it must be stopped.
    Result<int> pause();

private:
    Mount(Plan plan, const Clock& clock);
    void served();
    void detach_at_once();

    const std::string directory_;
    const std::shared_ptr<node::Volume> volume_;
    const std::string swarm_;
    const std::uint64_t number_;
    const MountOptions options_;
    std::shared_ptr<FuseSession> session_;
    Notifier notifier_;
    std::unique_ptr<FileSystem> files_;
    unsigned connection_ = 0;  // fixed by start; 0 where the mount table did not show it
    bool stopped_ = false;
};

}  // namespace swarmfs::fs
