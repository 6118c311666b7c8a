// Extended attributes of a FileSystem.
#include "fs/file_system.hpp"

namespace swarmfs::fs {

namespace {

constexpr std::string_view kUser = "user.";

// As the volume names it. Requires: keeps_attribute(name).
std::string_view in_volume(std::string_view name) {
    return name.substr(kUser.size());
}

}  // namespace

bool FileSystem::keeps_attribute(std::string_view name) {
    attribute_questions_.fetch_add(1, std::memory_order_relaxed);
    return name.size() > kUser.size() && name.substr(0, kUser.size()) == kUser;
}

node::ReadTicket FileSystem::attribute(node::Inode inode, std::string_view name,
                                       node::AttributeDone done) {
    return volume_->extended_attributes().get(inode, in_volume(name), std::move(done));
}

Result<std::vector<std::string>> FileSystem::attribute_names(node::Inode inode) {
    attribute_questions_.fetch_add(1, std::memory_order_relaxed);
    SWARM_TRY(std::vector<std::string> names, volume_->extended_attributes().names(inode));
    for (std::string& name : names) {
        name.insert(0, kUser);
    }
    return names;
}

Result<bool> FileSystem::set_attribute(node::Inode inode, std::string_view name, ByteSpan value,
                                       node::AttributeRule rule) {
    if (done_before()) {
        return true;
    }
    auto set = volume_->extended_attributes().set(inode, in_volume(name), value, rule);
    attributes_changed(inode, set);
    return set;
}

Result<bool> FileSystem::remove_attribute(node::Inode inode, std::string_view name) {
    if (done_before()) {
        return true;
    }
    auto removed = volume_->extended_attributes().remove(inode, in_volume(name));
    attributes_changed(inode, removed);
    return removed;
}

// The kernel asks for the new ctime by itself; other mounts of the volume have to be told.
void FileSystem::attributes_changed(node::Inode inode, const Result<bool>& changed) {
    if (changed.ok() && *changed) {
        tell_own({{0, "", inode}});
    }
}

}  // namespace swarmfs::fs
