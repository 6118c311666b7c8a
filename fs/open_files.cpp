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
    const std::scoped_lock lock(in.mutex);
    const auto found = in.files.find(handle.number());
    if (found == in.files.end()) {
        return std::nullopt;
    }
    const OpenFile file = found->second;
    in.files.erase(found);
    return file;
}

std::vector<OpenHandle> OpenFiles::remove_all() {
    std::vector<OpenHandle> handles;
    for (Shard& in : shards_) {
        const std::scoped_lock lock(in.mutex);
        for (const auto& [number, file] : in.files) {
            handles.push_back(OpenHandle::from(number));
        }
        in.files.clear();
    }
    return handles;
}

}  // namespace swarmfs::fs
