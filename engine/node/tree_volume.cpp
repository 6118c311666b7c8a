// Names and attributes. The files' half is tree_volume_files.cpp.

#include "engine/node/tree_volume.hpp"

#include <algorithm>

#include "engine/node/disk_room.hpp"
#include "engine/node/done_requests.hpp"

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
    const Room room = room_at(parts_.home);
    space.total_bytes = room.total_bytes;
    space.free_bytes = room.free_bytes;
    space.files = parts_.tree.view().names.sums().files;
    return space;
}

// What a record looks like from outside, open files as they are being written included. A file that
// is published between the two looks, at its record and at what is staged, is looked at again.
Attributes TreeVolume::shown(store::InodeRecord record, std::uint64_t published) const {
    for (;;) {
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
        if (record.content.size > 0) {
            if (auto stored = parts_.contents.open(record.content); stored.ok()) {
                attributes.stored_bytes = (*stored)->stored_bytes();
            }
        }
        const auto file = opened(record.inode);
        if (const auto written = file ? file->written() : std::nullopt) {
            attributes.size = written->size;
            attributes.mtime_ns = written->mtime_ns;
            attributes.ctime_ns = std::max(attributes.ctime_ns, written->mtime_ns);
            attributes.stored_bytes =
                std::min(written->size, attributes.stored_bytes + written->staged_bytes);
        }
        const std::uint64_t now = parts_.publisher.published_count();
        if (now == published) {
            return attributes;
        }
        published = now;
        if (auto again = parts_.tree.view().names.find(record.inode); again.ok()) {
            record = *std::move(again);
        }
    }
}

Result<Attributes> TreeVolume::lookup(Inode parent, std::string_view name) {
    const std::uint64_t published = parts_.publisher.published_count();
    SWARM_TRY(const auto record, parts_.tree.view().names.lookup(parent, name));
    return shown(record, published);
}

Result<Attributes> TreeVolume::attributes(Inode inode) {
    const std::uint64_t published = parts_.publisher.published_count();
    auto record = parts_.tree.view().names.find(inode);
    if (record.ok()) {
        return shown(*record, published);
    }
    // Without a name, but open: it lives until its last handle goes.
    if (const auto file = opened(inode)) {
        std::unique_lock lock(file->mutex());
        const store::InodeRecord last = file->record;
        lock.unlock();
        Attributes attributes = shown(last, published);
        attributes.links = 0;
        return attributes;
    }
    return record.error();
}

Result<std::vector<DirectoryEntry>> TreeVolume::list(Inode directory, std::string_view after,
                                                     std::size_t count) {
    const std::uint64_t published = parts_.publisher.published_count();
    const TreeView view = parts_.tree.view();
    SWARM_TRY(const auto record, view.names.find(directory));
    if (record.kind != store::InodeKind::directory) {
        return caller_error(Code::not_directory, "it is no directory");
    }
    std::vector<DirectoryEntry> entries;
    for (store::InodeRecord& child : view.names.list(directory, after, count)) {
        std::string name = child.name;
        entries.push_back({std::move(name), shown(std::move(child), published)});
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

Result<> TreeVolume::change(const std::vector<Name>& asked, const Tree::Act& act,
                            const store::InodeRecord* made) {
    std::vector<store::NameChange> changes;
    const auto act_and_take = [&](store::Namespace& names, KeyValueWriter& batch) -> Result<> {
        SWARM_CHECK(act(names, batch));
        note_done(batch, made == nullptr ? 0 : made->inode);
        changes = names.take_changes();
        return done();
    };
    SWARM_CHECK(parts_.tree.change(act_and_take, Tree::Origin::volume));
    std::set<store::Inode> known;  // whose attributes the kernel asks for anew by itself
    const auto is_asked = [&](const store::NameChange& one) {
        return std::any_of(asked.begin(), asked.end(), [&](const Name& name) {
            return name.parent == one.parent && name.name == one.name;
        });
    };
    for (const Name& name : asked) {
        known.insert(name.parent);
    }
    for (const store::NameChange& one : changes) {
        if (is_asked(one)) {
            known.insert(one.inode);
        }
    }
    std::erase_if(changes, [&](const store::NameChange& one) {
        return one.name.empty() ? known.contains(one.inode) : is_asked(one);
    });
    if (!changes.empty()) {
        parts_.tree.tell(changes);
    }
    return done();
}

Result<Attributes> TreeVolume::make_directory(Inode parent, std::string_view name,
                                              std::uint32_t mode) {
    store::InodeRecord made;
    const auto make = [&](store::Namespace& names, KeyValueWriter&) -> Result<> {
        SWARM_TRY(made, names.make_directory(parent, name, static_cast<std::uint16_t>(mode)));
        return done();
    };
    SWARM_CHECK(change({{parent, name}}, make, &made));
    return shown(made, parts_.publisher.published_count());
}

Result<Attributes> TreeVolume::make_symlink(Inode parent, std::string_view name,
                                            std::string_view target) {
    store::InodeRecord made;
    const auto make = [&](store::Namespace& names, KeyValueWriter&) -> Result<> {
        SWARM_TRY(made, names.make_symlink(parent, name, target));
        return done();
    };
    SWARM_CHECK(change({{parent, name}}, make, &made));
    return shown(made, parts_.publisher.published_count());
}

// One file whose name goes by this node's doing, and what is written to it then is nobody's. It is
// marked inside the batch, so that a publication is either before the removal or does not happen,
// and settled after the commit.
class TreeVolume::Removal {
public:
    explicit Removal(TreeVolume& volume) : volume_(volume) {}
    ~Removal() { settle(Named::yes); }
    Removal(const Removal&) = delete;
    Removal& operator=(const Removal&) = delete;

    // Requires: within the batch, which may be tried again. What is staged goes with the name: it
    // does not come back after a crash.
    void begin(const store::InodeRecord& record, KeyValueWriter& batch) {
        settle(Named::yes);
        const store::Inode inode = inode_ = record.inode;
        content_ = record.content;
        std::shared_ptr<OpenFile> file;
        {
            const std::lock_guard lock(volume_.files_mutex_);
            volume_.going_.insert(inode);
            const auto found = volume_.files_.find(inode);
            file = found == volume_.files_.end() ? nullptr : found->second;
            if (file) {
                file->named = Named::going;
            }
        }
        if (file) {
            file->orphaned = true;
            put_orphan(batch, volume_.parts_.tree.swarm(), {record, true});
        }
        if (const auto written = file ? file->written() : std::nullopt) {
            batch.erase(store::staging_key(written->staging_number));
        }
    }
    void committed() {
        if (const auto file = settle(Named::no)) {
            {
                const std::lock_guard lock(file->mutex());
                volume_.parts_.publisher.forget_row(*file);  // kept while the name was going
            }
            volume_.close_if_idle(file);  // one that waited to be published is nobody's now
        } else if (content_.size > 0) {
            volume_.parts_.swarm.end_reading(content_, swarm::ReadAgain::never);
        }
    }

private:
    std::shared_ptr<OpenFile> settle(Named named) {
        if (inode_ == 0) {
            return nullptr;
        }
        const std::lock_guard lock(volume_.files_mutex_);
        volume_.going_.erase(inode_);
        const auto found = volume_.files_.find(inode_);
        inode_ = 0;
        if (found == volume_.files_.end()) {
            return nullptr;
        }
        found->second->named = named;
        return found->second;
    }

    TreeVolume& volume_;
    store::Inode inode_ = 0;
    ContentId content_;
};

Result<> TreeVolume::remove_file(Inode parent, std::string_view name) {
    Removal removal(*this);
    const auto remove = [&](store::Namespace& names, KeyValueWriter& batch) -> Result<> {
        SWARM_TRY(const auto record, names.lookup(parent, name));
        SWARM_CHECK(names.remove_file(parent, name));
        removal.begin(record, batch);
        return done();
    };
    SWARM_CHECK(change({{parent, name}}, remove));
    removal.committed();
    return done();
}

Result<> TreeVolume::remove_directory(Inode parent, std::string_view name) {
    return change({{parent, name}}, [&](store::Namespace& names, KeyValueWriter&) {
        return names.remove_directory(parent, name);
    });
}

Result<> TreeVolume::rename(Inode parent, std::string_view name, Inode new_parent,
                            std::string_view new_name, RenameRule rule) {
    Removal replaced(*this);
    const auto move = [&](store::Namespace& names, KeyValueWriter& batch) -> Result<> {
        const auto source = names.lookup(parent, name);
        const auto target = names.lookup(new_parent, new_name);
        SWARM_CHECK(names.rename(parent, name, new_parent, new_name, rule_of(rule)));
        if (rule == RenameRule::replace && source.ok() && target.ok() &&
            source->inode != target->inode) {
            replaced.begin(*target, batch);
        }
        return done();
    };
    SWARM_CHECK(change({{parent, name}, {new_parent, new_name}}, move));
    replaced.committed();
    return done();
}

std::int64_t TreeVolume::now_ns() const {
    return static_cast<std::int64_t>(parts_.clock.wall_ms()) * 1'000'000;
}

Result<Attributes> TreeVolume::set_attributes(Inode inode, const AttributeChanges& changes) {
    const auto found = parts_.tree.view().names.find(inode);
    if (!found.ok()) {
        if (const auto file = use_if_open(inode)) {
            const Use nameless(*this, file);
            return set_nameless(file, changes);
        }
        return found.error();
    }
    std::optional<std::int64_t> mtime_ns = changes.mtime_ns;
    if (changes.size) {
        if (read_only()) {
            return caller_error(Code::read_only, "this node may only read in this swarm");
        }
        SWARM_TRY(auto file, use(inode));
        const Use cut(*this, std::move(file));
        SWARM_CHECK(resize(cut.file(), *changes.size));
        if (!cut->written() && !mtime_ns) {
            mtime_ns = now_ns();  // the length is what it was: a change all the same
        }
    }
    const auto file = use_if_open(inode);
    const auto used = file ? std::make_unique<Use>(*this, file) : nullptr;
    if (file && mtime_ns) {
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
                const auto set = names.set_attributes(inode, mode, mtime_ns);
                return set.ok() ? done() : Result<>(set.error());
            },
            Tree::Origin::volume));
        if (file) {
            take_record(*file);
        }
    }
    return attributes(inode);
}

// Of an open file whose inode has no name any more: nobody else will ever see it.
Result<Attributes> TreeVolume::set_nameless(const std::shared_ptr<OpenFile>& file,
                                            const AttributeChanges& changes) {
    if (read_only()) {
        return caller_error(Code::read_only, "this node may only read in this swarm");
    }
    if (changes.size) {
        SWARM_CHECK(resize(file, *changes.size));
    }
    {
        const std::lock_guard lock(file->mutex());
        store::InodeRecord& record = file->record;
        if (changes.mode) {
            record.mode = static_cast<std::uint16_t>(*changes.mode & 01777);
        }
        if (changes.mtime_ns && file->staged) {
            file->staged->set_mtime(*changes.mtime_ns);
            file->staged_changed();
        } else if (changes.mtime_ns || (changes.size && !file->staged)) {
            record.mtime_ns = changes.mtime_ns.value_or(now_ns());
        }
        record.ctime_ns = now_ns();
    }
    return attributes(file->inode());
}

// Changed attributes of an open file. Reading them anew, under the mutex, keeps the last of several
// changes, whoever comes here last.
void TreeVolume::take_record(OpenFile& file) {
    const std::lock_guard lock(file.mutex());
    if (const auto now = parts_.tree.view().names.find(file.inode()); now.ok()) {
        file.record.mode = now->mode;
        file.record.dot = now->dot;
        file.record.mtime_ns = now->mtime_ns;
        file.record.ctime_ns = now->ctime_ns;
    }
}

FileAttributes::Parts TreeVolume::attribute_parts() {
    return {parts_.tree,
            parts_.contents,
            parts_.swarm,
            parts_.jobs,
            failures_,
            [this](Inode inode) { return attributes(inode); },
            [this](Inode inode) { return opened(inode); },
            [this](Inode inode) {
                if (const auto file = opened(inode)) {
                    take_record(*file);
                }
            },
            parts_.wishes};
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
