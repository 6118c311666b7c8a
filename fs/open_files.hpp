#pragma once
// Which files are open through a mount, so that an abrupt end of the mount can release them.
// Reads and writes do not come here: the number the kernel carries is the volume's own handle, with
// what a later run of the node needs to open the file anew. Thread: any.

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "engine/node/volume.hpp"

namespace swarmfs::fs {

// What the kernel keeps for an open file, from the top:
// run of the mount (16 bits), volume handle (45), direct, may write, may read.
class OpenHandle {
public:
    // Requires: handle <= kVolumeHandleMax.
    OpenHandle(node::FileHandle handle, node::Access access, bool direct = false,
               std::uint16_t run = 0)
        : number_((std::uint64_t{run} << kRunShift) | (handle << kHandleShift) |
                  (direct ? kDirect : 0) | (access == node::Access::read ? 0 : kWrites) |
                  (access == node::Access::write ? 0 : kReads)) {}
    static OpenHandle from(std::uint64_t number) { return OpenHandle(number); }

    static constexpr node::FileHandle kVolumeHandleMax = (node::FileHandle{1} << 45) - 1;

    std::uint64_t number() const { return number_; }
    node::FileHandle volume_handle() const { return (number_ >> kHandleShift) & kVolumeHandleMax; }
    bool writable() const { return (number_ & kWrites) != 0; }
    bool direct() const { return (number_ & kDirect) != 0; }
    // In which run of the mount it was opened (FileSystemOptions::run).
    std::uint16_t run() const { return static_cast<std::uint16_t>(number_ >> kRunShift); }
    node::Access access() const {
        return !writable()               ? node::Access::read
               : (number_ & kReads) != 0 ? node::Access::read_write
                                         : node::Access::write;
    }

private:
    static constexpr std::uint64_t kReads = 1;
    static constexpr std::uint64_t kWrites = 2;
    static constexpr std::uint64_t kDirect = 4;
    static constexpr unsigned kHandleShift = 3;
    static constexpr unsigned kRunShift = 48;

    explicit OpenHandle(std::uint64_t number) : number_(number) {}
    std::uint64_t number_;
};

struct OpenFile {
    node::Inode inode = 0;
    std::uint64_t blocks = 0;  // shown when it was opened
    bool all_here = false;     // there will be no more of them
    bool all_told = false;     // and the kernel had been told of as many
    bool direct = false;
};

// An inode is being opened, or its size changed.
struct Opening {
    std::uint64_t number = 0;  // of all, in the order they began
    bool only = false;         // nobody else has the inode open
    bool direct = false;       // goes past the kernel's pages
};

class OpenFiles {
public:
    // Counts one user of the inode until end() or the removal of its OpenFile. It goes past the
    // kernel's pages where that is `direct`, or where another one does: what such a handle writes
    // does not reach the pages. To be called before what is read or changed through it.
    Opening begin(node::Inode inode, bool direct);
    void end(node::Inode inode, bool direct);
    // Runs `act` unless somebody else has begun with the inode since; nobody does while it runs.
    // It must be quick: others wait who open other files.
    template <class Act>
    void while_alone(node::Inode inode, const Opening& opening, const Act& act) {
        InodeShard& in = inode_shard(inode);
        const std::scoped_lock lock(in.mutex);
        const auto found = in.users.find(inode);
        if (found != in.users.end() && found->second.last == opening.number) {
            act();
        }
    }

    // Requires: it has begun.
    void add(OpenHandle handle, OpenFile file);
    // Returns: nothing when the handle is not open.
    std::optional<OpenFile> find(OpenHandle handle) const;
    std::optional<OpenFile> remove(OpenHandle handle);
    std::vector<OpenHandle> remove_all();

private:
    struct Shard {
        mutable std::mutex mutex;
        std::unordered_map<std::uint64_t, OpenFile> files;  // guarded by mutex
    };
    static constexpr std::size_t kShards = 16;
    Shard& shard(OpenHandle handle) { return shards_[handle.volume_handle() % kShards]; }
    const Shard& shard(OpenHandle handle) const {
        return shards_[handle.volume_handle() % kShards];
    }

    struct Users {
        std::size_t all = 0;
        std::size_t direct = 0;  // of them
        std::uint64_t last = 0;  // number of the latest Opening
    };
    struct InodeShard {
        std::mutex mutex;
        std::unordered_map<node::Inode, Users> users;  // guarded by mutex
    };
    InodeShard& inode_shard(node::Inode inode) { return inode_shards_[inode % kShards]; }

    std::array<Shard, kShards> shards_;
    std::array<InodeShard, kShards> inode_shards_;
    std::atomic<std::uint64_t> openings_ = 0;
};

}  // namespace swarmfs::fs
