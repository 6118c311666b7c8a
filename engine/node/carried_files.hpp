#pragma once
// What programs had open, through mounts that outlive a run of the node, when that run ended: kept for
// the next one until the kernel says that nobody has it open, or the mounts are gone. Thread: any.

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "engine/node/open_file.hpp"

namespace swarmfs::node {

class CarriedFiles {
public:
    // A mount of the last run may go on.
    void expect(std::uint64_t mount) {
        const std::scoped_lock lock(mutex_);
        mounts_.insert(mount);
    }
    bool any_mount() const {
        const std::scoped_lock lock(mutex_);
        return !mounts_.empty();
    }
    // Requires: the caller has counted a use of it.
    void add(const std::shared_ptr<OpenFile>& file) {
        const std::scoped_lock lock(mutex_);
        files_[file->inode()] = file;
    }
    // Returns: null where it is not carried; else the use is the caller's.
    std::shared_ptr<OpenFile> take(store::Inode inode) {
        const std::scoped_lock lock(mutex_);
        const auto node = files_.extract(inode);
        return node.empty() ? nullptr : node.mapped();
    }
    // Returns: those that are carried for nobody any more.
    std::vector<std::shared_ptr<OpenFile>> end(std::uint64_t mount) {
        const std::scoped_lock lock(mutex_);
        std::vector<std::shared_ptr<OpenFile>> left;
        if (mounts_.erase(mount) == 0 || !mounts_.empty()) {
            return left;
        }
        for (auto& [inode, file] : files_) {
            left.push_back(std::move(file));
        }
        files_.clear();
        return left;
    }

private:
    mutable std::mutex mutex_;
    std::set<std::uint64_t> mounts_;                           // guarded by mutex_
    std::map<store::Inode, std::shared_ptr<OpenFile>> files_;  // guarded by mutex_
};

}  // namespace swarmfs::node
