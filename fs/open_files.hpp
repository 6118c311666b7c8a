#pragma once
// Which files are open through a mount, so that an abrupt end of the mount can release them.
// Reads and writes do not come here: the number the kernel carries is the volume's own handle and
// one bit that says whether it may write. Thread: any.

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "engine/node/volume.hpp"

namespace swarmfs::fs {

// What the kernel keeps for an open file: (volume handle << 1) | may write.
class OpenHandle {
public:
    OpenHandle(node::FileHandle handle, bool writable)
        : number_((handle << 1) | (writable ? 1U : 0U)) {}
    static OpenHandle from(std::uint64_t number) { return OpenHandle(number); }

    std::uint64_t number() const { return number_; }
    node::FileHandle volume_handle() const { return number_ >> 1; }
    bool writable() const { return (number_ & 1U) != 0; }

private:
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

class OpenFiles {
public:
    void add(OpenHandle handle, OpenFile file);
    // Returns: nothing when the handle is not open.
    std::optional<OpenFile> find(OpenHandle handle) const;
    std::optional<OpenFile> remove(OpenHandle handle);
    std::vector<OpenHandle> remove_all();

    // Counts one handle that goes past the kernel's pages, until it is removed, where that is
    // `wanted` or where another one of the file does: what such a handle writes does not reach the
    // pages.   Returns: whether it does.
    bool begin_direct(node::Inode inode, bool wanted);

private:
    void end_direct(node::Inode inode);

    struct Shard {
        mutable std::mutex mutex;
        std::unordered_map<std::uint64_t, OpenFile> files;  // guarded by mutex
    };
    static constexpr std::size_t kShards = 16;
    Shard& shard(OpenHandle handle) { return shards_[handle.volume_handle() % kShards]; }
    const Shard& shard(OpenHandle handle) const {
        return shards_[handle.volume_handle() % kShards];
    }

    std::array<Shard, kShards> shards_;
    std::atomic<std::size_t> direct_count_ = 0;
    std::mutex direct_mutex_;
    std::unordered_map<node::Inode, std::size_t> direct_;  // handles; guarded by direct_mutex_
};

}  // namespace swarmfs::fs
