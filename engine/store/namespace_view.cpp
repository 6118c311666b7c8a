// The namespace following the catalog: paths whose view changed are shown anew.

#include <algorithm>

#include "engine/core/wire.hpp"
#include "engine/store/namespace.hpp"

namespace swarmfs::store {
namespace {

constexpr std::uint16_t kImplicitMode = 0755;

InodeKind kind_of(catalog::EntryKind kind) {
    switch (kind) {
        case catalog::EntryKind::directory: return InodeKind::directory;
        case catalog::EntryKind::symlink: return InodeKind::symlink;
        default: return InodeKind::file;
    }
}

// What the record of an inode takes from the version it shows.
void take_version(InodeRecord& record, const catalog::Version& version) {
    record.kind = kind_of(version.entry.kind);
    record.mode = version.entry.mode;
    record.mtime_ns = version.entry.mtime_ns;
    record.ctime_ns =
        static_cast<std::int64_t>(catalog::wall_ms_of(version.entry.clock)) * 1'000'000;
    record.content = version.entry.content;
    record.target = version.entry.target;
    record.dot = version.dot;
}

bool same_content(const InodeRecord& left, const InodeRecord& right) {
    return left.kind == right.kind && left.content == right.content && left.target == right.target;
}

Bytes u64_row(std::uint64_t value) {
    Bytes row;
    WireWriter(row).u64(value);
    return row;
}

}  // namespace

void Namespace::update(const std::vector<std::string>& touched) {
    std::vector<std::pair<const std::string*, std::optional<catalog::Dot>>> shown;
    std::vector<const std::string*> hidden;
    for (const std::string& path : touched) {
        const catalog::View view = replica_.view(path);
        if (!view.settled) {
            continue;
        }
        if (view.shows == catalog::Shows::implicit_directory) {
            shown.emplace_back(&path, std::nullopt);
        } else if (view.main) {
            shown.emplace_back(&path, view.main->dot);
        } else if (const auto copy = replica_.find(path)) {
            shown.emplace_back(&path, copy->dot);
        } else {
            hidden.push_back(&path);
        }
    }
    // What goes makes room first: a file may take the place of a directory whose children go too.
    // Deepest first, since a directory can only go once its children have.
    std::sort(hidden.begin(), hidden.end(),
              [](const std::string* left, const std::string* right) { return *left > *right; });
    for (const std::string* path : hidden) {
        hide(*path);
    }
    for (const auto& [path, dot] : shown) {
        const auto version = dot ? replica_.version(*dot) : std::nullopt;
        if (version) {
            show(*path, *version);
        } else if (!dot) {
            show_directory(*path);
        }
    }
}

void Namespace::show(const std::string& path, const catalog::Version& version) {
    const auto parent = ensure_parents(path);
    if (!parent.ok()) {
        return;
    }
    InodeRecord fresh;
    take_version(fresh, version);
    fresh.parent = parent->inode;
    fresh.name = std::string(catalog::name_of_path(path));
    const auto inode = child(parent->inode, fresh.name);
    if (!inode) {
        note(insert(fresh));
        return;
    }
    auto existing = find(*inode);
    if (!existing.ok() || existing->dot == fresh.dot) {
        return;
    }
    const bool both_directories =
        existing->kind == InodeKind::directory && fresh.kind == InodeKind::directory;
    if (both_directories || same_content(*existing, fresh)) {
        fresh.inode = existing->inode;
        inodes_.put(fresh);
        note_attributes(fresh.inode);
        return;
    }
    if (existing->kind == InodeKind::directory && has_children(existing->inode)) {
        return;  // files that nobody else knows of yet still live in it
    }
    drop(*existing);
    note(insert(fresh));
}

void Namespace::show_directory(const std::string& path) {
    const auto parent = ensure_parents(path);
    if (!parent.ok()) {
        return;
    }
    const auto inode = child(parent->inode, catalog::name_of_path(path));
    const auto existing =
        inode ? find(*inode) : Result<InodeRecord>(caller_error(Code::not_found, ""));
    if (existing.ok() && existing->kind == InodeKind::directory) {
        show_implicit(*existing);
        return;
    }
    if (existing.ok()) {
        drop(*existing);
    }
    InodeRecord directory;
    directory.kind = InodeKind::directory;
    directory.parent = parent->inode;
    directory.name = std::string(catalog::name_of_path(path));
    directory.mode = kImplicitMode;
    directory.mtime_ns = directory.ctime_ns = now_.ns();
    note(insert(directory));
}

// A directory of which no version is left shows nothing of those that were: who never met them shows
// the same.
void Namespace::show_implicit(InodeRecord directory) {
    if (directory.dot) {
        directory.dot.reset();
        directory.mode = kImplicitMode;
        directory.ctime_ns = now_.ns();
        inodes_.put(directory);
        note_attributes(directory.inode);
    }
}

void Namespace::hide(const std::string& path) {
    auto record = resolve(path);
    if (!record.ok() || (record->kind == InodeKind::file && !record->dot)) {
        return;  // nothing is shown, or a file that is not published yet
    }
    if (record->kind == InodeKind::directory && has_children(record->inode)) {
        show_implicit(*record);
        return;
    }
    drop(*record);
    prune(record->parent);
}

// A directory that was there only for what lived in it goes with the last of it.
void Namespace::prune(Inode directory) {
    while (directory != kRootInode) {
        const auto record = find(directory);
        if (!record.ok() || record->dot) {
            return;
        }
        // Whether names are left is asked last: that walks whatever was just erased.
        const auto path = path_of(*record);
        if (!path.ok() || replica_.has_children(*path) || has_children(directory)) {
            return;
        }
        drop(*record);
        directory = record->parent;
    }
}

Result<InodeRecord> Namespace::ensure_parents(std::string_view path) {
    const std::string_view above = catalog::parent_path(path);
    if (above.empty()) {
        return find(kRootInode);
    }
    auto parent = resolve(above);
    if (!parent.ok() || parent->kind != InodeKind::directory) {
        if (const auto version = replica_.find(above);
            version && version->entry.kind == catalog::EntryKind::directory) {
            show(std::string(above), *version);
        } else {
            show_directory(std::string(above));
        }
        parent = resolve(above);
    }
    return parent;
}

InodeRecord Namespace::insert(InodeRecord record) {
    Inode next = kRootInode + 1;
    if (const auto row = rows_.get(next_inode_key())) {
        WireReader in(*row);
        next = in.u64();
    }
    record.inode = next;
    rows_.put(next_inode_key(), u64_row(next + 1));
    rows_.put(name_key(record.parent, record.name), u64_row(record.inode));
    inodes_.put(record);
    return record;
}

void Namespace::drop(const InodeRecord& record) {
    if (child(record.parent, record.name) == record.inode) {
        rows_.erase(name_key(record.parent, record.name));
    }
    inodes_.erase(record.inode);
    rows_.erase(unpublished_key(record.inode));
    forget_annotations(record.inode);
    note(record);
}

void Namespace::note(const InodeRecord& record) {
    changes_.push_back({record.parent, record.name, record.inode, record.content});
}

void Namespace::note_attributes(Inode inode) {
    changes_.push_back({0, "", inode, {}});
}

// Something came or went in it by this node's doing.
void Namespace::touch(Inode directory) {
    if (auto record = find(directory); record.ok()) {
        record->mtime_ns = record->ctime_ns = now_.ns();
        inodes_.put(*record);
        note_attributes(directory);
    }
}

std::vector<NameChange> Namespace::take_changes() {
    return std::exchange(changes_, {});
}

}  // namespace swarmfs::store
