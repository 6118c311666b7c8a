// Changes made on this node: each becomes entries of its own history and is shown at once.

#include <algorithm>

#include "engine/store/namespace.hpp"

namespace swarmfs::store {
namespace {

using catalog::Entry;
using catalog::EntryKind;

std::uint16_t allowed(std::uint16_t mode) {
    constexpr std::uint16_t kSetIds = 06000;
    return static_cast<std::uint16_t>(mode & catalog::kModeMask & ~kSetIds);
}

}  // namespace

EntryKind entry_kind_of(InodeKind kind) {
    switch (kind) {
        case InodeKind::directory: return EntryKind::directory;
        case InodeKind::symlink: return EntryKind::symlink;
        case InodeKind::file: break;
    }
    return EntryKind::file;
}

// Returns: the directory, when `name` may be made in it.
Result<InodeRecord> Namespace::vacant(Inode parent, std::string_view name) const {
    SWARM_CHECK(catalog::check_name(name));
    SWARM_TRY(InodeRecord directory, find(parent));
    if (directory.kind != InodeKind::directory) {
        return caller_error(Code::not_directory, "its parent is no directory");
    }
    if (child(parent, name)) {
        return caller_error(Code::exists, "\"" + std::string(name) + "\" exists");
    }
    return directory;
}

FileId Namespace::new_file_id() {
    FileId id;
    dice_.fill(id.bytes);
    return id;
}

Result<> Namespace::append(const Entry& entry) {
    auto dot = replica_.append_local(entry, now_.wall_ms);
    return dot.ok() ? done() : Result<>(dot.error());
}

// Appends an entry at a path where nothing has to keep its inode, and shows it.
Result<InodeRecord> Namespace::append_and_show(const Entry& entry) {
    SWARM_CHECK(append(entry));
    update(replica_.take_touched());
    return resolve(entry.path);
}

Result<InodeRecord> Namespace::make_directory(Inode parent, std::string_view name,
                                              std::uint16_t mode) {
    SWARM_TRY(const InodeRecord directory, vacant(parent, name));
    SWARM_TRY(const std::string above, path_of(directory));
    Entry entry;
    entry.kind = EntryKind::directory;
    entry.path = catalog::join_path(above, name);
    entry.file = new_file_id();
    entry.mode = allowed(mode);
    entry.mtime_ns = now_.ns();
    touch(parent);
    return append_and_show(entry);
}

Result<InodeRecord> Namespace::make_symlink(Inode parent, std::string_view name,
                                            std::string_view target) {
    SWARM_TRY(const InodeRecord directory, vacant(parent, name));
    SWARM_TRY(const std::string above, path_of(directory));
    Entry entry;
    entry.kind = EntryKind::symlink;
    entry.path = catalog::join_path(above, name);
    entry.file = new_file_id();
    entry.target = std::string(target);
    entry.mode = 0777;
    entry.mtime_ns = now_.ns();
    touch(parent);
    return append_and_show(entry);
}

Result<InodeRecord> Namespace::create_file(Inode parent, std::string_view name,
                                           std::uint16_t mode) {
    SWARM_TRY(const InodeRecord directory, vacant(parent, name));
    SWARM_TRY(const std::string above, path_of(directory));
    SWARM_CHECK(catalog::check_path(catalog::join_path(above, name)));
    InodeRecord record;
    record.parent = parent;
    record.name = std::string(name);
    record.mode = allowed(mode);
    record.mtime_ns = record.ctime_ns = now_.ns();
    record = insert(record);
    rows_.put(unpublished_key(record.inode), {});
    note(record);
    touch(parent);
    return record;
}

// The entry that says of `path` what the record shows; tags and the like come from its version.
Result<Entry> Namespace::entry_of(const InodeRecord& record, const std::string& path) const {
    Entry entry;
    if (record.dot) {
        if (auto version = replica_.version(*record.dot)) {
            entry = std::move(version->entry);
        }
    } else {
        SWARM_TRY(const catalog::Annotations noted, annotations(record, replica_));
        SWARM_CHECK(catalog::annotate(entry, noted));
    }
    entry.kind = entry_kind_of(record.kind);
    entry.base.reset();
    entry.path = path;
    entry.content = record.content;
    entry.target = record.target;
    entry.mode = record.mode;
    entry.mtime_ns = record.mtime_ns;
    return entry;
}

// The path of an open file; when the directory it was opened in is gone, where its version was.
Result<std::string> Namespace::path_to_publish(const InodeRecord& record) const {
    auto path = path_of(record);
    if (path.ok() || !record.dot) {
        return path;
    }
    const auto version = replica_.version(*record.dot);
    return version ? Result<std::string>(version->entry.path) : path;
}

// What an entry at `path` must name as replaced so that it replaces `over` and nothing else that
// is shown. Returns: nothing when that is all there is, the usual case.
std::optional<Namespace::Dots> Namespace::base_over(const std::string& path,
                                                    const DotSet& over) const {
    const catalog::View view = replica_.view(path);
    Dots kept;
    for (const catalog::ConflictCopy& copy : view.beside) {
        kept.push_back(copy.version.dot);
    }
    if (view.main) {
        kept.push_back(view.main->dot);
    }
    std::erase_if(kept, [&](const catalog::Dot& dot) { return over.contains(dot); });
    if (kept.empty()) {
        return std::nullopt;
    }
    Dots base;
    for (const catalog::Version& head : replica_.heads(path).versions) {
        if (std::find(kept.begin(), kept.end(), head.dot) == kept.end()) {
            base.push_back(head.dot);
        }
    }
    std::sort(base.begin(), base.end());
    // What is left out stays a version of the path: shown once more, never lost.
    base.resize(std::min(base.size(), catalog::kBaseDotsMax));
    return base;
}

Result<InodeRecord> Namespace::publish_file(const InodeRecord& opened, const ContentId& content,
                                            std::int64_t mtime_ns) {
    const auto current = find(opened.inode);
    InodeRecord record = current.ok() ? *current : opened;
    SWARM_TRY(const std::string path, path_to_publish(record));
    record.content = content;
    record.mtime_ns = mtime_ns;
    record.ctime_ns = now_.ns();
    SWARM_TRY(Entry entry, entry_of(record, path));
    if (entry.file.is_zero()) {
        entry.file = new_file_id();
    }
    // A version of somebody else that came meanwhile must not vanish.
    DotSet over;
    for (const auto& dot : {opened.dot, record.dot}) {
        if (dot) {
            over.insert(*dot);
        }
    }
    entry.base = base_over(path, over);
    const InodeRecord before = record;
    SWARM_TRY(const catalog::Dot dot, replica_.append_local(entry, now_.wall_ms));
    SWARM_CHECK(settle_conflict(before, path));
    record.dot = dot;
    rows_.erase(unpublished_key(record.inode));
    forget_annotations(record.inode);  // they are in the entry
    SWARM_TRY(const InodeRecord parent, ensure_parents(path));
    // Where it has its name already, that is its own: the usual case.
    std::string name(catalog::name_of_path(path));
    if (child(parent.inode, name) != record.inode) {
        name = name_shown(path, dot, content);
    }
    place(record, parent.inode, name);
    record.parent = parent.inode;
    record.name = name;
    update(replica_.take_touched());
    return record;
}

// The name that a file's version, just appended at `path`, is shown under: that of a copy where a
// directory of others has the path. To place it there would take away what lives in that.
std::string Namespace::name_shown(const std::string& path, const catalog::Dot& dot,
                                  const ContentId& content) const {
    const catalog::View view = replica_.view(path);
    const bool under_directory = view.shows == catalog::Shows::implicit_directory ||
                                 (view.main && view.main->entry.kind == EntryKind::directory);
    if (under_directory) {
        for (const catalog::ConflictCopy& copy : view.beside) {
            const Entry& shown = copy.version.entry;
            const bool twin = shown.kind == EntryKind::file && shown.content == content;
            if (copy.version.dot == dot || twin) {
                return copy.name;
            }
        }
    }
    return std::string(catalog::name_of_path(path));
}

// Where `record` is a conflict copy, whose version belongs to another path, that version is
// replaced there, by a deletion: it shows nothing, and contradicts nobody who goes on with what
// stands beside it.
Result<> Namespace::settle_conflict(const InodeRecord& record, const std::string& path) {
    const auto version = record.dot ? replica_.version(*record.dot) : std::nullopt;
    if (!version || version->entry.path == path) {
        return done();
    }
    Entry settled;
    settled.kind = EntryKind::deleted;
    settled.path = version->entry.path;
    settled.base = {*record.dot};
    return append(settled);
}

// `moving` are versions that find another place by themselves.
Result<> Namespace::append_removal(const InodeRecord& record, const std::string& path,
                                   const DotSet& moving) {
    const auto version = record.dot ? replica_.version(*record.dot) : std::nullopt;
    if (version && version->entry.path != path) {
        return settle_conflict(record, path);
    }
    // Copies that stand beside it in a conflict stay, as files of their own.
    const catalog::View view = replica_.view(path);
    for (const catalog::ConflictCopy& copy : view.beside) {
        if (moving.contains(copy.version.dot)) {
            continue;
        }
        Entry kept = copy.version.entry;
        kept.path = catalog::join_path(catalog::parent_path(path), copy.name);
        kept.base.reset();
        SWARM_CHECK(append(kept));
    }
    Entry removed;
    removed.kind = EntryKind::deleted;
    removed.path = path;
    return append(removed);
}

// Of the versions that are shown at the entry's path.
Namespace::DotSet Namespace::replaced_by(const Entry& entry, const MayReplace& may_replace) const {
    DotSet replaced;
    const auto look_at = [&](const catalog::Version& version) {
        const Entry& shown = version.entry;
        const bool same = shown.kind == entry.kind && shown.content == entry.content &&
                          shown.target == entry.target;
        if (same || may_replace(shown)) {
            replaced.insert(version.dot);
        }
    };
    const catalog::View view = replica_.view(entry.path);
    if (view.main) {
        look_at(*view.main);
    }
    for (const catalog::ConflictCopy& copy : view.beside) {
        look_at(copy.version);
    }
    return replaced;
}

Result<InodeRecord> Namespace::put_path(const Entry& entry, const MayReplace& may_replace) {
    const auto existing = resolve(entry.path);
    if (existing.ok() && existing->dot && entry_kind_of(existing->kind) == entry.kind &&
        existing->content == entry.content && existing->target == entry.target &&
        existing->mode == entry.mode && existing->mtime_ns == entry.mtime_ns) {
        return *existing;
    }
    Entry fresh = entry;
    if (fresh.file.is_zero()) {
        fresh.file = new_file_id();
    }
    if (existing.ok() && existing->dot) {
        fresh.base = base_over(entry.path, replaced_by(entry, may_replace));
        keep_annotations(*existing, fresh);
    }
    return append_and_show(fresh);
}

Result<> Namespace::remove_file(Inode parent, std::string_view name) {
    SWARM_TRY(const InodeRecord record, lookup(parent, name));
    if (record.kind == InodeKind::directory) {
        return caller_error(Code::is_directory, "\"" + record.name + "\" is a directory");
    }
    if (!record.dot) {
        drop(record);
        touch(parent);
        prune(parent);
        return done();
    }
    SWARM_TRY(const std::string path, path_of(record));
    SWARM_CHECK(append_removal(record, path, {}));
    touch(parent);
    update(replica_.take_touched());
    return done();
}

Result<> Namespace::remove_directory(Inode parent, std::string_view name) {
    SWARM_TRY(const InodeRecord record, lookup(parent, name));
    if (record.kind != InodeKind::directory) {
        return caller_error(Code::not_directory, "\"" + record.name + "\" is no directory");
    }
    if (has_children(record.inode)) {
        return caller_error(Code::not_empty, "\"" + record.name + "\" is not empty");
    }
    if (!record.dot) {
        drop(record);
        touch(parent);
        return done();
    }
    SWARM_TRY(const std::string path, path_of(record));
    SWARM_CHECK(append_removal(record, path, {}));
    touch(parent);
    update(replica_.take_touched());
    return done();
}

Result<InodeRecord> Namespace::set_attributes(Inode inode, std::optional<std::uint16_t> mode,
                                              std::optional<std::int64_t> mtime_ns) {
    SWARM_TRY(InodeRecord record, find(inode));
    const InodeRecord before = record;
    record.mode = mode ? allowed(*mode) : record.mode;
    record.mtime_ns = mtime_ns.value_or(record.mtime_ns);
    record.ctime_ns = now_.ns();
    const bool unpublished = record.kind == InodeKind::file && !record.dot;
    if (inode != kRootInode && !unpublished) {
        SWARM_TRY(const std::string path, path_of(record));
        SWARM_TRY(const Entry entry, entry_of(record, path));
        SWARM_TRY(record.dot, append_over(before, path, entry));
    }
    inodes_.put(record);
    note_attributes(record.inode);
    update(replica_.take_touched());
    return record;
}

// An entry that says something else of what `before` shows, and keeps its contents.
Result<catalog::Dot> Namespace::append_over(const InodeRecord& before, const std::string& path,
                                            Entry entry) {
    if (entry.file.is_zero()) {
        entry.file = new_file_id();
    }
    entry.base = base_over(path, before.dot ? DotSet{*before.dot} : DotSet{});
    SWARM_TRY(const catalog::Dot dot, replica_.append_local(entry, now_.wall_ms));
    SWARM_CHECK(settle_conflict(before, path));
    return dot;
}

}  // namespace swarmfs::store
