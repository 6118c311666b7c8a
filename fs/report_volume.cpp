#include "fs/report_volume.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace swarmfs::fs {
namespace {

using node::Access;
using node::Attributes;
using node::FileHandle;
using node::Inode;
using node::ReadTicket;

// Beyond every number a volume counts up to.
constexpr Inode kFolderInode = Inode{1} << 63;
constexpr FileHandle kFirstHandle = FileHandle{1} << 44;  // of the 45 bits an OpenHandle has

bool is_ours(Inode inode) {
    return inode >= kFolderInode;
}
bool is_report(FileHandle handle) {
    return handle >= kFirstHandle;
}

bool is_folder_name(Inode parent, std::string_view name) {
    return parent == node::kRootInode && name == kReportFolder;
}

Error not_yours() {
    return caller_error(Code::permission, "/.swarmfs belongs to the file system itself");
}
Error no_such_name() {
    return caller_error(Code::not_found, "there is no such report");
}

// What is open. Shared with openings under way, which may outlive the mount.
class OpenReports {
public:
    Result<FileHandle> add(std::string text) {
        const std::lock_guard lock(mutex_);
        if (texts_.size() >= kOpenReportsMax) {
            return caller_error(Code::busy, "too many reports are open; close some");
        }
        texts_.emplace(next_, std::make_shared<const std::string>(std::move(text)));
        return next_++;
    }
    std::shared_ptr<const std::string> find(FileHandle handle) const {
        const std::lock_guard lock(mutex_);
        const auto found = texts_.find(handle);
        return found == texts_.end() ? nullptr : found->second;
    }
    void remove(FileHandle handle) {
        const std::lock_guard lock(mutex_);
        texts_.erase(handle);
    }

private:
    mutable std::mutex mutex_;
    FileHandle next_ = kFirstHandle;                                  // guarded by mutex_
    std::map<FileHandle, std::shared_ptr<const std::string>> texts_;  // guarded by mutex_
};

// Those of the reports: none, and none can be set.
class ReportAttributes final : public node::ExtendedAttributes {
public:
    explicit ReportAttributes(node::ExtendedAttributes& under) : under_(under) {}

    std::uint64_t get(Inode inode, std::string_view name, node::AttributeDone done) override {
        if (!is_ours(inode)) {
            return under_.get(inode, name, std::move(done));
        }
        done(std::optional<Bytes>());
        return 0;
    }
    Result<std::vector<std::string>> names(Inode inode) override {
        return is_ours(inode) ? std::vector<std::string>() : under_.names(inode);
    }
    Result<bool> set(Inode inode, std::string_view name, ByteSpan value,
                     node::AttributeRule rule) override {
        return is_ours(inode) ? not_yours() : under_.set(inode, name, value, rule);
    }
    Result<bool> remove(Inode inode, std::string_view name) override {
        return is_ours(inode) ? not_yours() : under_.remove(inode, name);
    }

private:
    node::ExtendedAttributes& under_;
};

class ReportVolume final : public node::Volume {
public:
    ReportVolume(std::shared_ptr<node::Volume> under, node::Reports& reports, std::int64_t now_ns)
        : under_(std::move(under)),
          reports_(reports),
          names_(reports.names()),
          now_ns_(now_ns),
          attributes_(under_->extended_attributes()) {}

    std::string name() const override { return under_->name(); }
    bool read_only() const override { return under_->read_only(); }
    node::Space space() const override { return under_->space(); }

    // ---- names ----
    Result<Attributes> lookup(Inode parent, std::string_view name) override {
        if (is_folder_name(parent, name)) {
            return shown(kFolderInode);
        }
        if (!is_ours(parent)) {
            return under_->lookup(parent, name);
        }
        const auto found = std::find(names_.begin(), names_.end(), name);
        return parent == kFolderInode && found != names_.end()
                   ? shown(kFolderInode + 1 + static_cast<Inode>(found - names_.begin()))
                   : Result<Attributes>(no_such_name());
    }
    Result<Attributes> attributes(Inode inode) override {
        if (!is_ours(inode)) {
            return under_->attributes(inode);
        }
        return inode <= kFolderInode + names_.size() ? shown(inode)
                                                     : Result<Attributes>(no_such_name());
    }
    Result<std::vector<node::DirectoryEntry>> list(Inode directory, std::string_view after,
                                                   std::size_t count) override;
    Result<std::string> read_link(Inode inode) override { return under_->read_link(inode); }
    Result<Attributes> make_directory(Inode parent, std::string_view name,
                                      std::uint32_t mode) override {
        SWARM_CHECK(vacant(parent, name));
        return under_->make_directory(parent, name, mode);
    }
    Result<Attributes> make_symlink(Inode parent, std::string_view name,
                                    std::string_view target) override {
        SWARM_CHECK(vacant(parent, name));
        return under_->make_symlink(parent, name, target);
    }
    Result<> remove_file(Inode parent, std::string_view name) override {
        SWARM_CHECK(not_ours(parent, name));
        return under_->remove_file(parent, name);
    }
    Result<> remove_directory(Inode parent, std::string_view name) override {
        SWARM_CHECK(not_ours(parent, name));
        return under_->remove_directory(parent, name);
    }
    Result<> rename(Inode parent, std::string_view name, Inode new_parent,
                    std::string_view new_name, node::RenameRule rule) override {
        SWARM_CHECK(not_ours(parent, name));
        SWARM_CHECK(not_ours(new_parent, new_name));
        return under_->rename(parent, name, new_parent, new_name, rule);
    }
    Result<Attributes> set_attributes(Inode inode, const node::AttributeChanges& changes) override {
        return is_ours(inode) ? not_yours() : under_->set_attributes(inode, changes);
    }
    node::ExtendedAttributes& extended_attributes() override { return attributes_; }

    // ---- files ----
    Result<node::Created> create(Inode parent, std::string_view name, std::uint32_t mode) override {
        SWARM_CHECK(vacant(parent, name));
        return under_->create(parent, name, mode);
    }
    Result<FileHandle> open(Inode inode, Access access) override {
        return is_ours(inode) ? not_yours() : under_->open(inode, access);
    }
    // Reports are opened like what has to be confirmed: the answer comes from a worker.
    bool needs_confirming(Inode inode) const override {
        return is_ours(inode) || under_->needs_confirming(inode);
    }
    ReadTicket open_confirmed(Inode inode, Access access, Duration deadline,
                              node::OpenDone done) override;
    ReadTicket read(FileHandle handle, std::uint64_t offset, std::size_t length, Duration deadline,
                    node::ReadDone done) override;
    void cancel_read(ReadTicket ticket) override { under_->cancel_read(ticket); }
    Result<std::size_t> write(FileHandle handle, std::uint64_t offset, ByteSpan bytes) override {
        return is_report(handle) ? not_yours() : under_->write(handle, offset, bytes);
    }
    Result<> allocate(FileHandle handle, std::uint64_t offset, std::uint64_t length,
                      const node::Allocation& wanted) override {
        return is_report(handle) ? not_yours() : under_->allocate(handle, offset, length, wanted);
    }
    Result<std::uint64_t> seek(FileHandle handle, std::uint64_t offset,
                               node::SeekFor what) override {
        return under_->seek(handle, offset, what);
    }
    Result<std::uint64_t> copy_range(FileHandle from, std::uint64_t from_offset, FileHandle to,
                                     std::uint64_t to_offset, std::uint64_t length) override {
        if (is_report(from) || is_report(to)) {
            return caller_error(Code::unsupported, "a report is read and written");
        }
        return under_->copy_range(from, from_offset, to, to_offset, length);
    }
    Result<> close_write(FileHandle handle) override { return under_->close_write(handle); }
    Result<> sync(FileHandle handle) override {
        return is_report(handle) ? done() : under_->sync(handle);
    }
    std::optional<Inode> done_before(const node::RequestMark& request) override {
        return under_->done_before(request);
    }
    void expect_mount(std::uint64_t mount) override { under_->expect_mount(mount); }
    void mount_ended(std::uint64_t mount) override { under_->mount_ended(mount); }
    void forgotten(Inode inode) override { under_->forgotten(inode); }
    void release(FileHandle handle) override {
        if (is_report(handle)) {
            open_->remove(handle);
        } else {
            under_->release(handle);
        }
    }

    std::uint64_t add_change_listener(ChangeListener listener) override {
        return under_->add_change_listener(std::move(listener));
    }
    void remove_change_listener(std::uint64_t number) override {
        under_->remove_change_listener(number);
    }

private:
    Attributes shown(Inode inode) const {
        Attributes attributes;
        attributes.inode = inode;
        attributes.kind = inode == kFolderInode ? node::FileKind::directory : node::FileKind::file;
        attributes.mode = inode == kFolderInode ? 0555 : 0444;
        attributes.mtime_ns = attributes.ctime_ns = now_ns_;
        attributes.links = inode == kFolderInode ? 2 : 1;
        attributes.live = inode != kFolderInode;
        return attributes;
    }
    // The kernel looks a name up before it makes it, and so finds ours by itself, nearly always.
    static Result<> vacant(Inode parent, std::string_view name) {
        if (is_folder_name(parent, name)) {
            return caller_error(Code::exists, "/.swarmfs belongs to the file system itself");
        }
        return not_ours(parent, name);
    }
    static Result<> not_ours(Inode parent, std::string_view name) {
        return is_ours(parent) || is_folder_name(parent, name) ? Result<>(not_yours()) : done();
    }

    const std::shared_ptr<node::Volume> under_;
    node::Reports& reports_;
    const std::vector<std::string> names_;
    const std::int64_t now_ns_;
    ReportAttributes attributes_;
    const std::shared_ptr<OpenReports> open_ = std::make_shared<OpenReports>();
};

// Whoever shares a file under our name takes one place in a page, no more.
Result<std::vector<node::DirectoryEntry>> ReportVolume::list(Inode directory,
                                                             std::string_view after,
                                                             std::size_t count) {
    if (directory != kFolderInode) {
        SWARM_TRY(auto entries, under_->list(directory, after, count));
        if (directory == node::kRootInode) {
            const auto ours = std::find_if(
                entries.begin(), entries.end(),
                [](const node::DirectoryEntry& entry) { return entry.name == kReportFolder; });
            if (ours != entries.end()) {
                entries.erase(ours);
                // A short page means the end of the directory: it is filled up.
                const std::string last =
                    entries.empty() ? std::string(kReportFolder)
                                    : std::max(entries.back().name, std::string(kReportFolder));
                SWARM_TRY(auto more, under_->list(directory, last, 1));
                std::move(more.begin(), more.end(), std::back_inserter(entries));
            }
        }
        return entries;
    }
    std::vector<node::DirectoryEntry> entries;
    for (auto at = std::upper_bound(names_.begin(), names_.end(), after);
         at != names_.end() && entries.size() < count; ++at) {
        entries.push_back({*at, shown(kFolderInode + 1 + static_cast<Inode>(at - names_.begin()))});
    }
    return entries;
}

ReadTicket ReportVolume::open_confirmed(Inode inode, Access access, Duration deadline,
                                        node::OpenDone done) {
    if (!is_ours(inode)) {
        return under_->open_confirmed(inode, access, deadline, std::move(done));
    }
    const Inode number = inode - kFolderInode;
    if (access != Access::read || number == 0 || number > names_.size()) {
        done(not_yours());
        return 0;
    }
    reports_.report(
        names_[number - 1], [open = open_, done = std::move(done)](Result<std::string> text) {
            done(text.ok() ? open->add(*std::move(text)) : Result<FileHandle>(text.error()));
        });
    return 0;
}

ReadTicket ReportVolume::read(FileHandle handle, std::uint64_t offset, std::size_t length,
                              Duration deadline, node::ReadDone done) {
    if (!is_report(handle)) {
        return under_->read(handle, offset, length, deadline, std::move(done));
    }
    const auto text = open_->find(handle);
    if (!text) {
        done(caller_error(Code::invalid, "no such handle"));
        return 0;
    }
    const std::size_t from = std::min<std::uint64_t>(offset, text->size());
    done(as_bytes(std::string_view(*text).substr(from, length)));
    return 0;
}

}  // namespace

std::shared_ptr<node::Volume> with_reports(std::shared_ptr<node::Volume> volume,
                                           std::int64_t now_ns) {
    node::Reports* const reports = volume->reports();
    return reports == nullptr ? volume : std::make_shared<ReportVolume>(volume, *reports, now_ns);
}

}  // namespace swarmfs::fs
