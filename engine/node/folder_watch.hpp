#pragma once
// Notices that something below watched folders has changed (inotify). It says that, not what: the
// scan finds out. Watches every directory below, and new ones once they have been scanned.
// Thread: any, except wait, which is one thread's.

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "engine/core/result.hpp"

namespace swarmfs::node {

class FolderWatch {
public:
    // Errors: io when the kernel has no watches to give.
    static Result<std::unique_ptr<FolderWatch>> open();
    ~FolderWatch();
    FolderWatch(const FolderWatch&) = delete;
    FolderWatch& operator=(const FolderWatch&) = delete;

    // Directory `path` belongs to the share rooted at `source`. Watching it twice is no error.
    // Errors: too_large when the user's watches are used up (fs.inotify.max_user_watches).
    Result<> add(const std::string& source, const std::string& path);

    // Waits for changes, then until there has been quiet for `quiet`, at most ten times that.
    // Returns: the sources that changed; none after `limit`, or when stopped.
    std::set<std::string> wait(std::chrono::milliseconds quiet, std::chrono::milliseconds limit);
    // Ends wait, now and in future.
    void stop();

private:
    FolderWatch(int notify, int wake) : notify_(notify), wake_(wake) {}
    void read_events(std::set<std::string>& changed);
    bool wait_for_events(std::chrono::milliseconds limit) const;

    const int notify_;
    const int wake_;
    std::mutex mutex_;
    std::map<int, std::string> source_of_;  // by watch; guarded by mutex_
};

}  // namespace swarmfs::node
