// Names and attributes. The files' half is tree_volume_files.cpp.

#include "engine/node/tree_volume.hpp"

#include <sys/statvfs.h>

#include <algorithm>

namespace swarmfs::node {
namespace {

FileKind kind_of(store::InodeKind kind) {
    switch (kind) {
        case store::InodeKind::directory: return FileKind::directory;
        case store::InodeKind::symlink: return FileKind::symlink;
        case store::InodeKind::file: break;
    }
    return FileKind::file;
}

store::Renaming rule_of(RenameRule rule) {
    switch (rule) {
        case RenameRule::keep_existing: return store::Renaming::keep_existing;
        case RenameRule::exchange: return store::Renaming::exchange;
        case RenameRule::replace: break;
    }
    return store::Renaming::replace;
}

}  // namespace

bool TreeVolume::read_only() const {
    const auto role = parts_.identity.role();
    return !role.ok() || *role == catalog::Role::read;
}

Space TreeVolume::space() const {
    Space space;
    struct statvfs disk {};
    if (::statvfs(parts_.home.c_str(), &disk) == 0) {
        space.total_bytes = std::uint64_t{disk.f_blocks} * disk.f_frsize;
        space.free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
    }
    space.files = parts_.tree.view().names.sums().files;
    return space;
}

// What a record looks like from outside, open files as they are being written included.
Attributes TreeVolume::shown(const store::InodeRecord& record) const {
    Attributes attributes;
    attributes.inode = record.inode;
    attributes.kind = kind_of(record.kind);
    attributes.mode = record.mode;
    attributes.size =
        record.kind == store::InodeKind::symlink ? record.target.size() : record.content.size;
    attributes.mtime_ns = record.mtime_ns;
    attributes.ctime_ns = record.ctime_ns;
    if (record.kind != store::InodeKind::file) {
        attributes.links = record.kind == store::InodeKind::directory ? 2 : 1;
        return attributes;
    }
    if (const auto file = opened(record.inode)) {
        attributes.size = file->size();
        attributes.mtime_ns = file->mtime_ns();
    }
    if (record.content.size > 0) {
        if (auto stored = parts_.contents.open(record.content); stored.ok()) {
            attributes.stored_bytes = (*stored)->stored_bytes();
        }
    }
    return attributes;
}

Result<Attributes> TreeVolume::lookup(Inode parent, std::string_view name) {
    SWARM_TRY(const auto record, parts_.tree.view().names.lookup(parent, name));
    return shown(record);
}

Result<Attributes> TreeVolume::attributes(Inode inode) {
    auto record = parts_.tree.view().names.find(inode);
    if (record.ok()) {
        return shown(*record);
    }
    // Without a name, but open: it lives until its last handle goes.
    if (const auto file = opened(inode)) {
        const std::lock_guard lock(file->mutex());
        Attributes attributes = shown(file->record);
        attributes.links = 0;
        return attributes;
    }
    return record.error();
}

Result<std::vector<DirectoryEntry>> TreeVolume::list(Inode directory, std::string_view after,
                                                     std::size_t count) {
    const TreeView view = parts_.tree.view();
    SWARM_TRY(const auto record, view.names.find(directory));
    if (record.kind != store::InodeKind::directory) {
        return caller_error(Code::not_directory, "it is no directory");
    }
    std::vector<DirectoryEntry> entries;
    for (const store::InodeRecord& child : view.names.list(directory, after, count)) {
        entries.push_back({child.name, shown(child)});
    }
    return entries;
}

Result<std::string> TreeVolume::read_link(Inode inode) {
    SWARM_TRY(const auto record, parts_.tree.view().names.find(inode));
    if (record.kind != store::InodeKind::symlink) {
        return caller_error(Code::invalid, "it is no symbolic link");
    }
    return record.target;
}

Result<Attributes> TreeVolume::make_directory(Inode parent, std::string_view name,
                                              std::uint32_t mode) {
    store::InodeRecord made;
    SWARM_CHECK(parts_.tree.change(
        [&](store::Namespace& names, KeyValueWriter&) -> Result<> {
            SWARM_TRY(made, names.make_directory(parent, name, static_cast<std::uint16_t>(mode)));
            return done();
        },
        Tree::Origin::volume));
    return shown(made);
}

Result<Attributes> TreeVolume::make_symlink(Inode parent, std::string_view name,
                                            std::string_view target) {
    store::InodeRecord made;
    SWARM_CHECK(parts_.tree.change(
        [&](store::Namespace& names, KeyValueWriter&) -> Result<> {
            SWARM_TRY(made, names.make_symlink(parent, name, target));
            return done();
        },
        Tree::Origin::volume));
    return shown(made);
}

// The inode has lost its name by this node's doing: what is written to it is nobody's any more.
void TreeVolume::unlinked(store::Inode inode) {
    if (const auto file = opened(inode)) {
        {
            const std::lock_guard lock(file->mutex());
            file->unlinked = true;
            parts_.publisher.forget_row(*file);
        }
        close_if_idle(file);  // one that waited to be published is nobody's now
    }
}

Result<> TreeVolume::remove_file(Inode parent, std::string_view name) {
    store::Inode removed = 0;
    SWARM_CHECK(parts_.tree.change(
        [&](store::Namespace& names, KeyValueWriter&) -> Result<> {
            SWARM_TRY(const auto record, names.lookup(parent, name));
            removed = record.inode;
            return names.remove_file(parent, name);
        },
        Tree::Origin::volume));
    unlinked(removed);
    return done();
}

Result<> TreeVolume::remove_directory(Inode parent, std::string_view name) {
    return parts_.tree.change([&](store::Namespace& names,
                                  KeyValueWriter&) { return names.remove_directory(parent, name); },
                              Tree::Origin::volume);
}

Result<> TreeVolume::rename(Inode parent, std::string_view name, Inode new_parent,
                            std::string_view new_name, RenameRule rule) {
    store::Inode replaced = 0;
    SWARM_CHECK(parts_.tree.change(
        [&](store::Namespace& names, KeyValueWriter&) -> Result<> {
            const auto source = names.lookup(parent, name);
            const auto target = names.lookup(new_parent, new_name);
            const bool goes = rule == RenameRule::replace && source.ok() && target.ok() &&
                              source->inode != target->inode;
            replaced = goes ? target->inode : 0;
            return names.rename(parent, name, new_parent, new_name, rule_of(rule));
        },
        Tree::Origin::volume));
    if (replaced != 0) {
        unlinked(replaced);
    }
    return done();
}

Result<Attributes> TreeVolume::set_attributes(Inode inode, const AttributeChanges& changes) {
    SWARM_TRY(store::InodeRecord record, parts_.tree.view().names.find(inode));
    if (changes.size) {
        if (record.kind != store::InodeKind::file) {
            return caller_error(Code::is_directory, "only files can be cut");
        }
        SWARM_CHECK(resize(record, *changes.size));
    }
    std::optional<std::int64_t> mtime_ns = changes.mtime_ns;
    if (const auto file = opened(inode); file && mtime_ns) {
        const std::lock_guard lock(file->mutex());
        if (file->staged) {
            // It is published with the file; an entry of its own would come too early.
            file->staged->set_mtime(*mtime_ns);
            file->staged_changed();
            mtime_ns.reset();
        }
    }
    if (changes.mode || mtime_ns) {
        const auto mode =
            changes.mode ? std::optional(static_cast<std::uint16_t>(*changes.mode)) : std::nullopt;
        SWARM_CHECK(parts_.tree.change(
            [&](store::Namespace& names, KeyValueWriter&) -> Result<> {
                SWARM_TRY(record, names.set_attributes(inode, mode, mtime_ns));
                return done();
            },
            Tree::Origin::volume));
        if (const auto file = opened(inode)) {
            const std::lock_guard lock(file->mutex());
            file->record.mode = record.mode;
            file->record.dot = record.dot;
            if (!file->staged) {
                file->record.mtime_ns = record.mtime_ns;
                file->record_changed();
            }
        }
    }
    return attributes(inode);
}

std::uint64_t TreeVolume::add_change_listener(ChangeListener listener) {
    return parts_.tree.add_listener(
        [listener = std::move(listener)](const std::vector<store::NameChange>& changes) {
            std::vector<Change> shown_changes;
            shown_changes.reserve(changes.size());
            for (const store::NameChange& change : changes) {
                shown_changes.push_back({change.parent, change.name, change.inode});
            }
            listener(shown_changes);
        });
}

void TreeVolume::remove_change_listener(std::uint64_t number) {
    parts_.tree.remove_listener(number);
}

}  // namespace swarmfs::node
