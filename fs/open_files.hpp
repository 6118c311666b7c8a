#pragma once
// Which files are open through a mount, so that an abrupt end of the mount can release them.
// Reads and writes do not come here: the number the kernel carries is the volume's own handle and
// one bit that says whether it may write. Thread: any.

#include <array>
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
    std::uint64_t stored_bytes = 0;  // when it was opened
    bool wholly_stored = false;
};

class OpenFiles {
public:
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

    std::array<Shard, kShards> shards_;
};

}  // namespace swarmfs::fs
