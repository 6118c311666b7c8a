#include "tests/support/fake_volume.hpp"

#include <algorithm>

namespace swarmfs::test {

using node::Attributes;
using node::Change;
using node::FileKind;

namespace {

Error missing(const char* what) {
    return caller_error(Code::not_found, what);
}

std::vector<std::string> parts_of(const std::string& path) {
    std::vector<std::string> parts;
    std::size_t begin = 0;
    while (begin < path.size()) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        if (end > begin) {
            parts.push_back(path.substr(begin, end - begin));
        }
        begin = end + 1;
    }
    return parts;
}

}  // namespace

// ---- nodes ----

FakeVolume::NodePointer FakeVolume::make_node(Inode inode, FileKind kind, std::uint32_t mode) {
    auto node = std::make_shared<Node>();
    node->attributes.inode = inode;
    node->attributes.kind = kind;
    node->attributes.mode = mode;
    node->attributes.links = kind == FileKind::directory ? 2 : 1;
    touch(*node);
    return node;
}

void FakeVolume::touch(Node& node) {
    time_ns_ += 1'000'000;
    node.attributes.mtime_ns = time_ns_;
    node.attributes.ctime_ns = time_ns_;
}

FakeVolume::NodePointer FakeVolume::find(Inode inode) const {
    const auto found = nodes_.find(inode);
    return found == nodes_.end() ? nullptr : found->second;
}

FakeVolume::NodePointer FakeVolume::find_path(const std::string& path) const {
    NodePointer at = find(node::kRootInode);
    for (const std::string& part : parts_of(path)) {
        const auto child = at->children.find(part);
        if (child == at->children.end()) {
            return nullptr;
        }
        at = find(child->second);
    }
    return at;
}

Result<FakeVolume::NodePointer> FakeVolume::directory(Inode inode) const {
    NodePointer node = find(inode);
    if (!node) {
        return missing("no such inode");
    }
    if (node->attributes.kind != FileKind::directory) {
        return caller_error(Code::not_directory, "not a directory");
    }
    return node;
}

Attributes FakeVolume::attributes_of(const Node& node) const {
    Attributes attributes = node.attributes;
    if (attributes.kind == FileKind::file) {
        attributes.size = node.content->size();
        attributes.stored_bytes = node.stored.value_or(attributes.size);
        attributes.links = node.named ? 1 : 0;
    } else if (attributes.kind == FileKind::symlink) {
        attributes.size = node.target.size();
    }
    return attributes;
}

Result<FakeVolume::NodePointer> FakeVolume::add(Inode parent, std::string_view name, FileKind kind,
                                                std::uint32_t mode) {
    if (read_only_) {
        return caller_error(Code::read_only, "this member may only read");
    }
    if (name.size() > 255) {
        return caller_error(Code::name_too_long, "names end at 255 bytes");
    }
    SWARM_TRY(const NodePointer above, directory(parent));
    if (above->children.count(name) != 0) {
        return caller_error(Code::exists, "the name is taken");
    }
    const Inode inode = next_++;
    NodePointer node = make_node(inode, kind, mode);
    nodes_[inode] = node;
    above->children.emplace(name, inode);
    touch(*above);
    return node;
}

void FakeVolume::unname(const NodePointer& node) {
    node->named = false;
    if (node->opened == 0) {
        nodes_.erase(node->attributes.inode);
    }
}

Result<> FakeVolume::begin(const char* call) {
    ++calls_[call];
    const auto failure = failures_.find(call);
    if (failure != failures_.end()) {
        Error error = failure->second;
        failures_.erase(failure);
        return error;
    }
    return done();
}

// ---- names ----

node::Space FakeVolume::space() const {
    const std::scoped_lock lock(mutex_);
    return {std::uint64_t{1} << 40, std::uint64_t{1} << 39, nodes_.size()};
}

Result<Attributes> FakeVolume::lookup(Inode parent, std::string_view name) {
    std::unique_lock lock(mutex_);
    SWARM_CHECK(begin("lookup"));
    SWARM_TRY(const NodePointer above, directory(parent));
    const auto child = above->children.find(name);
    Result<Attributes> answer = child == above->children.end()
                                    ? Result<Attributes>(missing("no such name"))
                                    : Result<Attributes>(attributes_of(*find(child->second)));
    const std::function<void()> act = std::exchange(after_lookup_, nullptr);
    lock.unlock();
    if (act) {
        act();
    }
    return answer;
}

Result<Attributes> FakeVolume::attributes(Inode inode) {
    const std::scoped_lock lock(mutex_);
    SWARM_CHECK(begin("attributes"));
    const NodePointer node = find(inode);
    return node ? Result<Attributes>(attributes_of(*node)) : missing("no such inode");
}

Result<std::vector<node::DirectoryEntry>> FakeVolume::list(Inode inode, std::string_view after,
                                                           std::size_t count) {
    const std::scoped_lock lock(mutex_);
    SWARM_CHECK(begin("list"));
    SWARM_TRY(const NodePointer above, directory(inode));
    std::vector<node::DirectoryEntry> entries;
    auto at = after.empty() ? above->children.begin() : above->children.upper_bound(after);
    for (; at != above->children.end() && entries.size() < count; ++at) {
        entries.push_back({at->first, attributes_of(*find(at->second))});
    }
    return entries;
}

Result<std::string> FakeVolume::read_link(Inode inode) {
    const std::scoped_lock lock(mutex_);
    const NodePointer node = find(inode);
    if (!node || node->attributes.kind != FileKind::symlink) {
        return caller_error(node ? Code::invalid : Code::not_found, "not a symlink");
    }
    return node->target;
}

Result<Attributes> FakeVolume::make_directory(Inode parent, std::string_view name,
                                              std::uint32_t mode) {
    const std::scoped_lock lock(mutex_);
    SWARM_TRY(const NodePointer node, add(parent, name, FileKind::directory, mode));
    return attributes_of(*node);
}

Result<Attributes> FakeVolume::make_symlink(Inode parent, std::string_view name,
                                            std::string_view target) {
    const std::scoped_lock lock(mutex_);
    SWARM_TRY(const NodePointer node, add(parent, name, FileKind::symlink, 0777));
    node->target = target;
    return attributes_of(*node);
}

Result<> FakeVolume::remove_file(Inode parent, std::string_view name) {
    const std::scoped_lock lock(mutex_);
    if (read_only_) {
        return caller_error(Code::read_only, "this member may only read");
    }
    SWARM_TRY(const NodePointer above, directory(parent));
    const auto child = above->children.find(name);
    if (child == above->children.end()) {
        return missing("no such name");
    }
    const NodePointer node = find(child->second);
    if (node->attributes.kind == FileKind::directory) {
        return caller_error(Code::is_directory, "a directory");
    }
    above->children.erase(child);
    touch(*above);
    unname(node);
    return done();
}

Result<> FakeVolume::remove_directory(Inode parent, std::string_view name) {
    const std::scoped_lock lock(mutex_);
    SWARM_TRY(const NodePointer above, directory(parent));
    const auto child = above->children.find(name);
    if (child == above->children.end()) {
        return missing("no such name");
    }
    const NodePointer node = find(child->second);
    if (node->attributes.kind != FileKind::directory) {
        return caller_error(Code::not_directory, "not a directory");
    }
    if (!node->children.empty()) {
        return caller_error(Code::not_empty, "not empty");
    }
    above->children.erase(child);
    touch(*above);
    unname(node);
    return done();
}

Result<> FakeVolume::rename(Inode parent, std::string_view name, Inode new_parent,
                            std::string_view new_name, node::RenameRule rule) {
    const std::scoped_lock lock(mutex_);
    SWARM_TRY(const NodePointer from, directory(parent));
    SWARM_TRY(const NodePointer to, directory(new_parent));
    const auto source = from->children.find(name);
    if (source == from->children.end()) {
        return missing("no such name");
    }
    const Inode moved = source->second;
    const auto target = to->children.find(new_name);
    if (rule == node::RenameRule::exchange) {
        if (target == to->children.end()) {
            return missing("nothing to exchange with");
        }
        std::swap(source->second, target->second);
        return done();
    }
    if (target != to->children.end()) {
        const NodePointer old = find(target->second);
        if (rule == node::RenameRule::keep_existing) {
            return caller_error(Code::exists, "the name is taken");
        }
        if (target->second == moved) {
            return done();
        }
        if (!old->children.empty()) {
            return caller_error(Code::not_empty, "not empty");
        }
        to->children.erase(target);
        unname(old);
    }
    from->children.erase(from->children.find(name));
    to->children.emplace(new_name, moved);
    touch(*from);
    touch(*to);
    return done();
}

Result<Attributes> FakeVolume::set_attributes(Inode inode, const node::AttributeChanges& changes) {
    const std::scoped_lock lock(mutex_);
    SWARM_CHECK(begin("set_attributes"));
    if (read_only_) {
        return caller_error(Code::read_only, "this member may only read");
    }
    const NodePointer node = find(inode);
    if (!node) {
        return missing("no such inode");
    }
    if (changes.size) {
        auto longer = std::make_shared<std::string>(*node->content);
        longer->resize(*changes.size);
        node->content = std::move(longer);
        touch(*node);
    }
    node->attributes.mode = changes.mode.value_or(node->attributes.mode);
    node->attributes.mtime_ns = changes.mtime_ns.value_or(node->attributes.mtime_ns);
    return attributes_of(*node);
}

// ---- other members ----

FakeVolume::NodePointer FakeVolume::parent_of(const std::string& path, std::string& leaf,
                                              std::vector<Change>& changes) {
    std::vector<std::string> parts = parts_of(path);
    leaf = parts.back();
    parts.pop_back();
    NodePointer at = find(node::kRootInode);
    for (const std::string& part : parts) {
        const Inode above = at->attributes.inode;
        if (at->children.count(part) == 0) {
            at = *add(above, part, FileKind::directory, 0755);
            changes.push_back({above, part, at->attributes.inode});
        } else {
            at = find(at->children.find(part)->second);
        }
    }
    return at;
}

FakeVolume::Inode FakeVolume::remote_write(const std::string& path, std::string content) {
    std::vector<Change> changes;
    Inode inode = 0;
    {
        const std::scoped_lock lock(mutex_);
        std::string leaf;
        const NodePointer above = parent_of(path, leaf, changes);
        const auto old = above->children.find(leaf);
        if (old != above->children.end()) {
            unname(find(old->second));
            above->children.erase(old);
        }
        const NodePointer node = *add(above->attributes.inode, leaf, FileKind::file, 0644);
        *node->content = std::move(content);
        inode = node->attributes.inode;
        changes.push_back({above->attributes.inode, leaf, inode});
    }
    tell(changes);
    return inode;
}

void FakeVolume::remote_write_many(const std::string& path, const std::vector<std::string>& names) {
    remote_directory(path);
    std::vector<Change> changes;
    {
        const std::scoped_lock lock(mutex_);
        const Inode above = find_path(path)->attributes.inode;
        for (const std::string& name : names) {
            const NodePointer node = *add(above, name, FileKind::file, 0644);
            *node->content = name;
            changes.push_back({above, name, node->attributes.inode});
        }
    }
    tell(changes);
}

FakeVolume::Inode FakeVolume::remote_directory(const std::string& path) {
    std::vector<Change> changes;
    Inode inode = node::kRootInode;
    {
        const std::scoped_lock lock(mutex_);
        if (!parts_of(path).empty()) {
            std::string leaf;
            inode = parent_of(path + "/.", leaf, changes)->attributes.inode;
        }
    }
    tell(changes);
    return inode;
}

void FakeVolume::remote_remove(const std::string& path) {
    std::vector<Change> changes;
    {
        const std::scoped_lock lock(mutex_);
        std::string leaf;
        const NodePointer above = parent_of(path, leaf, changes);
        const auto child = above->children.find(leaf);
        const NodePointer node = find(child->second);
        above->children.erase(child);
        touch(*above);
        unname(node);
        changes.push_back({above->attributes.inode, leaf, node->attributes.inode});
    }
    tell(changes);
}

void FakeVolume::remote_mode(const std::string& path, std::uint32_t mode) {
    Inode inode = 0;
    {
        const std::scoped_lock lock(mutex_);
        const NodePointer node = find_path(path);
        node->attributes.mode = mode;
        inode = node->attributes.inode;
    }
    tell({{0, "", inode}});
}

void FakeVolume::tell(const std::vector<Change>& changes) {
    const std::scoped_lock lock(listeners_mutex_);
    for (const auto& [number, listener] : listeners_) {
        listener(changes);
    }
}

std::uint64_t FakeVolume::add_change_listener(ChangeListener listener) {
    const std::scoped_lock lock(listeners_mutex_);
    const std::uint64_t number = listeners_.empty() ? 1 : listeners_.rbegin()->first + 1;
    listeners_[number] = std::move(listener);
    return number;
}

void FakeVolume::remove_change_listener(std::uint64_t number) {
    const std::scoped_lock lock(listeners_mutex_);
    listeners_.erase(number);
}

}  // namespace swarmfs::test
