#include "fs/file_system.hpp"

#include <algorithm>

namespace swarmfs::fs {

using node::Attributes;
using node::Change;
using node::Inode;

namespace {

constexpr Duration kNotAtAll{0};

}  // namespace

FileSystem::FileSystem(std::shared_ptr<node::Volume> volume, FileSystemOptions options,
                       const Clock& clock, NoticeSink& notices, KernelPages& pages, OwnChanges own)
    : volume_(std::move(volume)),
      options_(options),
      clock_(clock),
      notices_(notices),
      pages_(pages),
      own_(std::move(own)),
      positions_(options.position_salt),
      next_stream_((std::uint64_t{options.run} << kRunShift) + 1) {
    if (options_.run > 0) {
        known_.assume_all();
    }
    listener_ = volume_->add_change_listener(
        [this](const std::vector<Change>& changes) { on_changes(changes); });
}

FileSystem::~FileSystem() {
    volume_->remove_change_listener(listener_);
    release_all();
}

// ---- answers ----

FileStatus FileSystem::status_of(const Attributes& attributes) const {
    FileStatus status{attributes, options_.uid, options_.gid, options_.cache_time};
    status.attributes.mode = attributes.mode & kModeBits & ~options_.umask;
    return status;
}

Duration FileSystem::keep_since(std::uint64_t changes_before) const {
    return changes_.load() == changes_before ? options_.cache_time : kNotAtAll;
}

NameStatus FileSystem::counted(const Attributes& attributes, std::uint64_t changes_before) {
    known_.add(attributes);
    NameStatus name{status_of(attributes), keep_since(changes_before)};
    name.status->keep = name.keep;
    return name;
}

std::optional<Inode> FileSystem::done_before() const {
    const node::RequestMark* const request = node::Working::current();
    return request != nullptr && request->again ? volume_->done_before(*request) : std::nullopt;
}

Result<NameStatus> FileSystem::made_before(Inode inode) {
    const std::uint64_t before = changes_.load();
    SWARM_TRY(const Attributes made, volume_->attributes(inode));
    return counted(made, before);
}

// ---- names ----

Result<NameStatus> FileSystem::lookup(Inode parent, std::string_view name) {
    const std::uint64_t before = changes_.load();
    const auto attributes = volume_->lookup(parent, name);
    if (attributes.ok()) {
        return counted(*attributes, before);
    }
    const Code code = attributes.error().code;
    // A name that cannot exist does not exist; creating it is what gets the reason.
    if (code == Code::not_found || code == Code::invalid) {
        return NameStatus{std::nullopt, keep_since(before)};
    }
    return attributes.error();
}

void FileSystem::forget(Inode inode, std::uint64_t count) {
    known_.forget(inode, count);
    if (known_.assumed() && !known_.counts(inode)) {
        volume_->forgotten(inode);
    }
}

bool FileSystem::is_directory(Inode parent, std::string_view name) {
    const auto attributes = volume_->lookup(parent, name);
    return attributes.ok() && attributes->kind == node::FileKind::directory;
}

Result<NameStatus> FileSystem::make_directory(Inode parent, std::string_view name,
                                              std::uint32_t mode) {
    if (const auto made = done_before()) {
        return made_before(*made);
    }
    const std::uint64_t before = changes_.load();
    SWARM_TRY(const Attributes made, volume_->make_directory(parent, name, stored_mode(mode)));
    tell_own({{parent, std::string(name), made.inode}});
    return counted(made, before);
}

Result<NameStatus> FileSystem::make_symlink(Inode parent, std::string_view name,
                                            std::string_view target) {
    if (const auto made = done_before()) {
        return made_before(*made);
    }
    const std::uint64_t before = changes_.load();
    SWARM_TRY(const Attributes made, volume_->make_symlink(parent, name, target));
    tell_own({{parent, std::string(name), made.inode}});
    return counted(made, before);
}

Result<NameStatus> FileSystem::make_file(Inode parent, std::string_view name, std::uint32_t mode) {
    if (const auto made = done_before()) {
        return made_before(*made);
    }
    const std::uint64_t before = changes_.load();
    SWARM_TRY(const node::Created made, volume_->create(parent, name, stored_mode(mode)));
    volume_->release(made.handle);
    tell_own({{parent, std::string(name), made.attributes.inode}});
    return counted(made.attributes, before);
}

Result<> FileSystem::remove_file(Inode parent, std::string_view name) {
    if (done_before()) {
        return done();
    }
    SWARM_CHECK(volume_->remove_file(parent, name));
    positions_.removed(parent, name);
    tell_own({{parent, std::string(name), 0}});
    return done();
}

Result<> FileSystem::remove_directory(Inode parent, std::string_view name) {
    if (done_before()) {
        return done();
    }
    note_last(parent, name);
    SWARM_CHECK(volume_->remove_directory(parent, name));
    positions_.removed(parent, name);
    tell_own({{parent, std::string(name), 0}});
    return done();
}

Result<> FileSystem::rename(Inode parent, std::string_view name, Inode new_parent,
                            std::string_view new_name, node::RenameRule rule) {
    if (done_before()) {
        return done();
    }
    note_last(new_parent, new_name);
    SWARM_CHECK(volume_->rename(parent, name, new_parent, new_name, rule));
    positions_.removed(parent, name);
    tell_own({{parent, std::string(name), 0}, {new_parent, std::string(new_name), 0}});
    return done();
}

// ---- inodes ----

Result<FileStatus> FileSystem::status(Inode inode) {
    const std::uint64_t before = changes_.load();
    const auto found = volume_->attributes(inode);
    if (!found.ok()) {
        if (const auto gone = removed_directory(inode)) {
            return status_of(*gone);
        }
        return found.error();
    }
    const Attributes& attributes = *found;
    known_.tell(attributes);
    FileStatus status = status_of(attributes);
    status.keep = keep_since(before);
    return status;
}

Result<FileStatus> FileSystem::change_status(Inode inode, const StatusChange& change) {
    const bool foreign =
        (change.uid && *change.uid != options_.uid) || (change.gid && *change.gid != options_.gid);
    if (foreign) {
        return caller_error(Code::permission, "every file belongs to the mount's owner");
    }
    node::AttributeChanges wanted;
    if (change.mode) {
        wanted.mode = stored_mode(*change.mode);
    }
    wanted.size = change.size;
    wanted.mtime_ns = change.mtime_ns;
    if (change.mtime_now) {
        wanted.mtime_ns = static_cast<std::int64_t>(clock_.wall_ms()) * 1'000'000;
    }
    // Times of access are not kept, so setting only them changes nothing.
    if (!wanted.mode && !wanted.size && !wanted.mtime_ns) {
        return status(inode);
    }
    const std::uint64_t before = changes_.load();
    const auto resizing = wanted.size ? std::optional(files_.begin(inode, false)) : std::nullopt;
    const auto changed = volume_->set_attributes(inode, wanted);
    if (resizing) {
        files_.end(inode, resizing->direct);
    }
    SWARM_TRY(const Attributes attributes, changed);
    tell_own({{0, "", inode, wanted.size.has_value()}});
    known_.tell(attributes);
    FileStatus status = status_of(attributes);
    status.keep = keep_since(before);
    return status;
}

// ---- changes ----

void FileSystem::on_changes(const std::vector<Change>& changes) {
    changes_.fetch_add(1);  // before any look at known_: see rule 2
    std::vector<Notice> notices;
    std::vector<Inode> listings;
    std::vector<Inode> inodes;
    for (const Change& change : changes) {
        if (!change.name.empty() && known_.contains(change.parent)) {
            positions_.removed(change.parent, change.name);  // perhaps; it does no harm if not
            notices.push_back({NoticeKind::entry, change.parent, change.name});
            listings.push_back(change.parent);
        }
        if (change.inode != 0 && known_.contains(change.inode)) {
            if (change.content) {
                known_.suspect(change.inode);
            }
            inodes.push_back(change.inode);
        }
    }
    // Names first: forgetting a name waits, in the kernel, for listings of its directory that are
    // under way, so that the listing forgotten after it is the last one with the old names.
    const auto append = [&notices](std::vector<Inode>& of, NoticeKind kind) {
        std::sort(of.begin(), of.end());
        of.erase(std::unique(of.begin(), of.end()), of.end());
        for (const Inode inode : of) {
            notices.push_back({kind, inode, ""});
        }
    };
    append(listings, NoticeKind::listing);
    append(inodes, NoticeKind::attributes);
    if (!notices.empty()) {
        notices_.post(std::move(notices));
    }
}

void FileSystem::tell_own(std::vector<Change> changes) {
    if (own_) {
        own_(changes);
    }
}

}  // namespace swarmfs::fs
