// Renaming: inodes move at once, and the catalog is told of every path below them.

#include <set>

#include "engine/core/wire.hpp"
#include "engine/store/namespace.hpp"

namespace swarmfs::store {

// One published inode that comes to stand at another path.
struct Namespace::Moved {
    InodeRecord record;
    std::string from;
    std::string to;
};

Result<> Namespace::check_not_below(Inode directory, const InodeRecord& moved) const {
    for (Inode at = directory; moved.kind == InodeKind::directory && at != kRootInode;) {
        if (at == moved.inode) {
            return caller_error(Code::invalid, "a directory cannot move into itself");
        }
        SWARM_TRY(const InodeRecord above, find(at));
        at = above.parent;
    }
    return done();
}

Result<> Namespace::check_rename(const InodeRecord& source,
                                 const std::optional<InodeRecord>& target, Inode new_parent,
                                 Renaming rule) const {
    if (rule == Renaming::keep_existing && target) {
        return caller_error(Code::exists, "\"" + target->name + "\" exists");
    }
    if (rule == Renaming::exchange && !target) {
        return caller_error(Code::not_found, "there is nothing to exchange with");
    }
    SWARM_CHECK(check_not_below(new_parent, source));
    if (rule == Renaming::exchange) {
        SWARM_CHECK(check_not_below(source.parent, *target));
    }
    if (!target || rule == Renaming::exchange) {
        return done();
    }
    if (target->kind != InodeKind::directory) {
        return source.kind != InodeKind::directory
                   ? done()
                   : Result<>(caller_error(Code::not_directory,
                                           "\"" + target->name + "\" is no directory"));
    }
    if (source.kind != InodeKind::directory) {
        return caller_error(Code::is_directory, "\"" + target->name + "\" is a directory");
    }
    return has_children(target->inode)
               ? Result<>(caller_error(Code::not_empty, "\"" + target->name + "\" is not empty"))
               : done();
}

// Collects the inode and all below it. Files that nobody knows of yet move without a word.
Result<> Namespace::gather(const InodeRecord& record, const std::string& path,
                           const std::string& new_path, std::vector<Moved>& moved) const {
    // An entry goes and one comes for each; a publication holds kPublicationEntriesMax of them.
    if (moved.size() >= catalog::kPublicationEntriesMax / 2) {
        return caller_error(Code::too_large, "the directory is too large to be renamed at once");
    }
    SWARM_CHECK(catalog::check_path(new_path));
    if (record.dot || record.kind == InodeKind::directory) {
        moved.push_back({record, path, new_path});
    }
    if (record.kind != InodeKind::directory) {
        return done();
    }
    constexpr std::size_t kPage = 1024;
    std::string after;
    for (;;) {
        const std::vector<InodeRecord> page = list(record.inode, after, kPage);
        for (const InodeRecord& child_record : page) {
            SWARM_CHECK(gather(child_record, catalog::join_path(path, child_record.name),
                               catalog::join_path(new_path, child_record.name), moved));
        }
        if (page.size() < kPage) {
            return done();
        }
        after = page.back().name;
    }
}

// Gives the record this name, in place of whatever has it.
void Namespace::place(InodeRecord record, Inode parent, std::string_view name) {
    if (record.parent == parent && record.name == name && child(parent, name) == record.inode) {
        inodes_.put(record);
        note_attributes(record.inode);
        return;
    }
    if (child(record.parent, record.name) == record.inode) {
        rows_.erase(name_key(record.parent, record.name));
        note(record);
    }
    if (const auto other = child(parent, name); other && *other != record.inode) {
        if (auto displaced = find(*other); displaced.ok()) {
            drop(*displaced);
        }
    }
    record.parent = parent;
    record.name = std::string(name);
    Bytes row;
    WireWriter(row).u64(record.inode);
    rows_.put(name_key(parent, name), row);
    inodes_.put(record);
    note(record);
}

Result<> Namespace::rename(Inode parent, std::string_view name, Inode new_parent,
                           std::string_view new_name, Renaming rule) {
    SWARM_CHECK(catalog::check_name(new_name));
    SWARM_TRY(const InodeRecord source, lookup(parent, name));
    SWARM_TRY(const InodeRecord new_directory, find(new_parent));
    if (new_directory.kind != InodeKind::directory) {
        return caller_error(Code::not_directory, "the new parent is no directory");
    }
    std::optional<InodeRecord> target;
    if (const auto inode = child(new_parent, new_name)) {
        SWARM_TRY(target, find(*inode));
    }
    if (target && target->inode == source.inode) {
        return done();
    }
    SWARM_CHECK(check_rename(source, target, new_parent, rule));
    SWARM_TRY(const std::string from, path_of(source));
    SWARM_TRY(const std::string above, path_of(new_directory));
    const std::string to = catalog::join_path(above, new_name);

    std::vector<Moved> moved;
    SWARM_CHECK(gather(source, from, to, moved));
    if (rule == Renaming::exchange) {
        SWARM_CHECK(gather(*target, to, from, moved));
    }
    std::set<std::string> arriving;
    DotSet moving;
    for (const Moved& one : moved) {
        arriving.insert(one.to);
        if (one.record.dot) {
            moving.insert(*one.record.dot);
        }
    }
    // A replaced file that nothing is written over is told of; one that is written over need not.
    if (target && rule == Renaming::replace && target->dot) {
        SWARM_CHECK(arriving.contains(to) ? settle_conflict(*target, to)
                                          : append_removal(*target, to, {}));
        moving.insert(*target->dot);
    }

    if (rule == Renaming::exchange) {
        rows_.erase(name_key(parent, name));
        rows_.erase(name_key(new_parent, new_name));
        note(source);
        note(*target);
        place(*target, parent, name);
    }
    place(source, new_parent, new_name);

    for (const Moved& one : moved) {
        SWARM_TRY(catalog::Entry entry, entry_of(one.record, one.to));
        if (entry.file.is_zero()) {
            entry.file = new_file_id();
        }
        SWARM_TRY(InodeRecord now, find(one.record.inode));
        entry.base = base_over(one.to, moving);
        SWARM_TRY(now.dot, replica_.append_local(entry, now_.wall_ms));
        moving.insert(*now.dot);
        inodes_.put(now);
        if (one.record.dot) {
            SWARM_CHECK(arriving.contains(one.from) ? settle_conflict(one.record, one.from)
                                                    : append_removal(one.record, one.from, moving));
        }
    }
    update(replica_.take_touched());
    touch(parent);
    touch(new_parent);
    prune(parent);
    return done();
}

}  // namespace swarmfs::store
