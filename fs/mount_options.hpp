#pragma once
// What may stand behind -o, wherever a mount is asked for: `swarmfs mount`, mount(8), /etc/fstab.
//
//   ro                    nothing can be changed through this mount
//   allow_other           other users see it, too (needs root, or user_allow_other in fuse.conf)
//   default_permissions   the kernel checks modes; always on, taken for compatibility
//   uid=N gid=N           the owner every file shows; else who runs the daemon
//   umask=OCTAL           permission bits taken away from every file
//   read_timeout=TIME     how long a read waits without progress: 30, 30s, 500ms, 2m; 0 for ever
//   entry_timeout=TIME    how long the kernel keeps names and attributes: an hour, since it is told of
//                         every change; 0 asks each time
//   nonempty              mount over a directory that is not empty
//   rw, defaults, auto, noauto, user, nofail, _netdev, x-*, nosuid, nodev, …   mount(8)'s own
//
// Anything else is an error that names it: a misspelt option must not be ignored.

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/result.hpp"
#include "fs/file_system.hpp"

namespace swarmfs::fs {

struct MountOptions {
    FileSystemOptions files;
    bool read_only = false;
    bool allow_other = false;
    bool nonempty = false;
};

// `given`: {"ro": true, "uid": "1000", …}. `defaults` is what holds where nothing is said.
// Errors: invalid, naming the option.
Result<MountOptions> parse_mount_options(const nlohmann::json& given, MountOptions defaults);

}  // namespace swarmfs::fs
