#include "fs/open_files.hpp"

namespace swarmfs::fs {

Opening OpenFiles::begin(node::Inode inode, bool direct) {
    InodeShard& in = inode_shard(inode);
    const std::scoped_lock lock(in.mutex);
    Users& users = in.users[inode];
    Opening opening;
    opening.number = users.last = ++openings_;
    opening.only = users.all == 0;
    opening.direct = direct || users.direct > 0;
    ++users.all;
    users.direct += opening.direct ? 1 : 0;
    return opening;
}

void OpenFiles::end(node::Inode inode, bool direct) {
    InodeShard& in = inode_shard(inode);
    const std::scoped_lock lock(in.mutex);
    const auto found = in.users.find(inode);
    found->second.direct -= direct ? 1 : 0;
    if (--found->second.all == 0) {
        in.users.erase(found);
    }
}

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
    end(file.inode, file.direct);
    return file;
}

std::vector<OpenHandle> OpenFiles::remove_all() {
    std::vector<OpenHandle> handles;
    for (Shard& in : shards_) {
        const std::scoped_lock lock(in.mutex);
        for (const auto& [number, file] : in.files) {
            handles.push_back(OpenHandle::from(number));
            end(file.inode, file.direct);
        }
        in.files.clear();
    }
    return handles;
}

}  // namespace swarmfs::fs
