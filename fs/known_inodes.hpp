#pragma once
// Which inodes the kernel holds, and how often it was told of each: FUSE's lookup counts.
//
//   1. Every entry in a reply counts one; a forget takes back as many as it says. The root is
//      always known.
//   2. Nothing is kept alive by a count: inodes live in the store. Counts only tell which changes
//      the kernel must hear of, so a table without the counts of an earlier run, whose mount this
//      one goes on with, answers "known" to everything and is right.
//   3. An inode whose content was changed by somebody other than this mount's kernel is suspect:
//      its cached pages must go when it is next opened.
//   4. What the kernel was told of a file may lack blocks that have come since, without anybody
//      reading them here: it keeps how many there are until it is told otherwise.
//
// Bound: the kernel's own inode cache, whose memory pressure drives forgets. Thread: any; a lock
// covers one shard for a few instructions.

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "engine/node/volume.hpp"

namespace swarmfs::fs {

// Blocks of 512 bytes that `stat` shows. A file that is not empty has one at least, wherever its
// bytes are: programs (tar -S, cp --sparse) take one without for a hole and do not read it.
std::uint64_t shown_blocks(const node::Attributes& attributes);
// More will be shown when all of it is here.
bool lacks_blocks(const node::Attributes& attributes);

class KnownInodes {
public:
    // An earlier run told the kernel of inodes that are not counted here.
    void assume_all() { assumed_ = true; }
    bool assumed() const { return assumed_; }

    void add(const node::Attributes& told);
    void forget(node::Inode inode, std::uint64_t count);
    bool contains(node::Inode inode) const;
    // Whether this run has told the kernel of it.
    bool counts(node::Inode inode) const;

    void suspect(node::Inode inode);
    // Returns: whether the inode was suspect; it no longer is.
    bool take_suspect(node::Inode inode);
    // Pages of the file were put into the kernel's cache; or were not, since it was told of.
    void note_pages_put(node::Inode inode);
    bool pages_put(node::Inode inode) const;

    // The kernel is told these attributes; no effect when the inode is not known.
    void tell(const node::Attributes& told);
    // Returns: whether it was told that blocks lack; now it is told that they are here.
    bool tell_all_here(node::Inode inode);
    // It was told that blocks lack.
    bool lacking(node::Inode inode) const;

    std::vector<node::Inode> all() const;
    std::vector<node::Inode> directories() const;
    std::size_t size() const;

private:
    struct Known {
        std::uint64_t count = 0;
        bool directory = false;
        bool suspect = false;
        bool lacking = false;
        bool pages_put = false;
    };
    struct Shard {
        mutable std::mutex mutex;
        std::unordered_map<node::Inode, Known> known;  // guarded by mutex
    };
    static constexpr std::size_t kShards = 64;  // far more than cores: two threads rarely meet

    Shard& shard(node::Inode inode) { return shards_[inode % kShards]; }
    const Shard& shard(node::Inode inode) const { return shards_[inode % kShards]; }

    std::array<Shard, kShards> shards_;
    std::atomic<bool> assumed_ = false;
};

}  // namespace swarmfs::fs
