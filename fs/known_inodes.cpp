#include "fs/known_inodes.hpp"

#include <algorithm>
#include <utility>

namespace swarmfs::fs {

using node::Inode;
namespace {

constexpr std::uint64_t kBlock = 512;

std::uint64_t blocks_of(std::uint64_t bytes) {
    return (bytes + kBlock - 1) / kBlock;
}

}  // namespace

std::uint64_t shown_blocks(const node::Attributes& attributes) {
    const std::uint64_t least = attributes.size == 0 ? 0 : 1;
    return std::max(blocks_of(attributes.stored_bytes), least);
}

bool lacks_blocks(const node::Attributes& attributes) {
    return attributes.kind == node::FileKind::file &&
           shown_blocks(attributes) < blocks_of(attributes.size);
}

void KnownInodes::add(const node::Attributes& told) {
    Shard& in = shard(told.inode);
    const std::scoped_lock lock(in.mutex);
    Known& known = in.known[told.inode];
    ++known.count;
    known.directory = told.kind == node::FileKind::directory;
    known.lacking = lacks_blocks(told);
}

void KnownInodes::tell(const node::Attributes& told) {
    Shard& in = shard(told.inode);
    const std::scoped_lock lock(in.mutex);
    if (const auto found = in.known.find(told.inode); found != in.known.end()) {
        found->second.lacking = lacks_blocks(told);
    }
}

bool KnownInodes::tell_all_here(Inode inode) {
    Shard& in = shard(inode);
    const std::scoped_lock lock(in.mutex);
    const auto found = in.known.find(inode);
    return found != in.known.end() && std::exchange(found->second.lacking, false);
}

bool KnownInodes::lacking(Inode inode) const {
    const Shard& in = shard(inode);
    const std::scoped_lock lock(in.mutex);
    const auto found = in.known.find(inode);
    return found != in.known.end() && found->second.lacking;
}

void KnownInodes::forget(Inode inode, std::uint64_t count) {
    Shard& in = shard(inode);
    const std::scoped_lock lock(in.mutex);
    const auto found = in.known.find(inode);
    if (found == in.known.end()) {
        return;
    }
    if (found->second.count <= count) {
        in.known.erase(found);
    } else {
        found->second.count -= count;
    }
}

bool KnownInodes::contains(Inode inode) const {
    return assumed_ || counts(inode);
}

bool KnownInodes::counts(Inode inode) const {
    if (inode == node::kRootInode) {
        return true;
    }
    const Shard& in = shard(inode);
    const std::scoped_lock lock(in.mutex);
    const auto found = in.known.find(inode);
    return found != in.known.end() && found->second.count > 0;
}

void KnownInodes::suspect(Inode inode) {
    Shard& in = shard(inode);
    const std::scoped_lock lock(in.mutex);
    if (assumed_) {
        in.known[inode].suspect = true;
    } else if (const auto found = in.known.find(inode); found != in.known.end()) {
        found->second.suspect = true;
    }
}

bool KnownInodes::take_suspect(Inode inode) {
    Shard& in = shard(inode);
    const std::scoped_lock lock(in.mutex);
    const auto found = in.known.find(inode);
    if (found == in.known.end() || !std::exchange(found->second.suspect, false)) {
        return false;
    }
    found->second.pages_put = false;  // the kernel drops them now
    return true;
}

void KnownInodes::note_pages_put(Inode inode) {
    Shard& in = shard(inode);
    const std::scoped_lock lock(in.mutex);
    if (const auto found = in.known.find(inode); found != in.known.end()) {
        found->second.pages_put = true;
    }
}

bool KnownInodes::pages_put(Inode inode) const {
    const Shard& in = shard(inode);
    const std::scoped_lock lock(in.mutex);
    const auto found = in.known.find(inode);
    return found != in.known.end() && found->second.pages_put;
}

std::vector<Inode> KnownInodes::all() const {
    std::vector<Inode> inodes{node::kRootInode};
    for (const Shard& in : shards_) {
        const std::scoped_lock lock(in.mutex);
        for (const auto& [inode, known] : in.known) {
            inodes.push_back(inode);
        }
    }
    return inodes;
}

std::vector<Inode> KnownInodes::directories() const {
    std::vector<Inode> inodes{node::kRootInode};
    for (const Shard& in : shards_) {
        const std::scoped_lock lock(in.mutex);
        for (const auto& [inode, known] : in.known) {
            if (known.directory && inode != node::kRootInode) {
                inodes.push_back(inode);
            }
        }
    }
    return inodes;
}

std::size_t KnownInodes::size() const {
    std::size_t count = 0;
    for (const Shard& in : shards_) {
        const std::scoped_lock lock(in.mutex);
        count += in.known.size();
    }
    return count;
}

}  // namespace swarmfs::fs
