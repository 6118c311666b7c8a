#include "fs/open_files.hpp"

namespace swarmfs::fs {

void OpenFiles::add(OpenHandle handle, OpenFile file) {
    Shard& in = shard(handle);
    const std::scoped_lock lock(in.mutex);
    in.files[handle.number()] = file;
}

std::optional<OpenFile> OpenFiles::find(OpenHandle handle) const {
    const Shard& in = shard(handle);
    const std::scoped_lock lock(in.mutex);
    const auto found = in.files.find(handle.number());
    return found == in.files.end() ? std::nullopt : std::optional(found->second);
}

std::optional<OpenFile> OpenFiles::remove(OpenHandle handle) {
    Shard& in = shard(handle);
    OpenFile file;
    {
        const std::scoped_lock lock(in.mutex);
        const auto found = in.files.find(handle.number());
        if (found == in.files.end()) {
            return std::nullopt;
        }
        file = found->second;
        in.files.erase(found);
    }
    if (file.direct) {
        end_direct(file.inode);
    }
    return file;
}

std::vector<OpenHandle> OpenFiles::remove_all() {
    std::vector<OpenHandle> handles;
    for (Shard& in : shards_) {
        const std::scoped_lock lock(in.mutex);
        for (const auto& [number, file] : in.files) {
            handles.push_back(OpenHandle::from(number));
            if (file.direct) {
                end_direct(file.inode);
            }
        }
        in.files.clear();
    }
    return handles;
}

bool OpenFiles::begin_direct(node::Inode inode, bool wanted) {
    if (!wanted && direct_count_ == 0) {
        return false;
    }
    const std::scoped_lock lock(direct_mutex_);
    if (!wanted && !direct_.contains(inode)) {
        return false;
    }
    ++direct_[inode];
    ++direct_count_;
    return true;
}

void OpenFiles::end_direct(node::Inode inode) {
    const std::scoped_lock lock(direct_mutex_);
    const auto found = direct_.find(inode);
    if (--found->second == 0) {
        direct_.erase(found);
    }
    --direct_count_;
}

}  // namespace swarmfs::fs
