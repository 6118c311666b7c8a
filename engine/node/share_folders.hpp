#pragma once
// Folders and files of this machine, published where they are.
//
// Rules:
//   1. One way: what changes in the folder is published; edits made through a mount live in the
//      store and leave the folder alone. They stand until the file says something new in the
//      folder, too, and then both are kept: a new time or mode alone undoes nothing.
//   2. A remembered folder is scanned at start and watched (inotify); what inotify misses, a rescan
//      every kRescanEvery finds.
//   3. A file is hashed when its device, inode, size or time differ from what was noted; one that
//      changes while it is hashed is left for the next round.
//   4. What vanished from the folder is deleted in the swarm, as long as it still is there what was
//      published from here. What cannot be read has not vanished, nor has what lies below an empty
//      directory that is on another file system than before: its disk is not mounted.
//   5. Only regular files, directories and symbolic links are published; what else is met is said.
//      Mounts of the swarm itself are passed over. What was named itself is an error instead: nobody
//      must take it for shared.
// Thread: `share` on its caller's; the watching has a thread of its own.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/node/membership.hpp"

namespace swarmfs::node {

class Member;
class FolderWatch;

struct ShareReport {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::uint64_t unchanged = 0;
    std::uint64_t removed = 0;
    bool watched = false;
    struct Skipped {
        std::string path;
        std::string reason;
    };
    std::vector<Skipped> skipped;
};

class ShareFolders {
public:
    // `mounts` says where the swarm is mounted: those directories are not shared into it.
    using Mounts = std::function<std::vector<std::string>()>;
    ShareFolders(std::shared_ptr<Member> member, std::string home, Mounts mounts);
    ~ShareFolders();

    void start();
    // Ends the scans under way; later ones are refused.
    void stop();

    // Called now and then with what was done so far and the file at hand; false stops the scan.
    using Progress = std::function<bool(const ShareReport&, const std::string& path)>;

    // Publishes a file or folder. Errors: not_found, permission, invalid (no file or directory, or
    // inside the home), try_again (changing), no_space, cancelled (by `progress` or stop()), and
    // the Tree's.
    Result<ShareReport> share(const SharedFolder& folder, bool remember, const Progress& progress);

private:
    void watch_loop();
    bool scan_noting_errors(const SharedFolder& folder);

    const std::shared_ptr<Member> kept_;
    Member& member_;
    const std::string home_;
    const Mounts mounts_;
    std::unique_ptr<FolderWatch> watch_;
    std::thread thread_;
    std::atomic<bool> stopping_ = false;
    std::mutex scan_mutex_;  // one scan at a time
};

}  // namespace swarmfs::node
