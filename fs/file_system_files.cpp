// Open files and open directories of a FileSystem.
#include "fs/file_system.hpp"

namespace swarmfs::fs {

using node::Attributes;
using node::Inode;

// ---- files ----

Result<CreatedFile> FileSystem::create(Inode parent, std::string_view name, std::uint32_t mode,
                                       OpenRequest request) {
    if (const auto made = done_before()) {
        SWARM_TRY(const NameStatus name_status, made_before(*made));
        request.truncate = false;
        SWARM_TRY(const Opened handle, open(*made, request));
        return CreatedFile{name_status, handle};
    }
    const std::uint64_t before = changes_.load();
    auto made = volume_->create(parent, name, stored_mode(mode));
    if (made.ok()) {
        tell_own({{parent, std::string(name), made->attributes.inode}});
        request.truncate = false;
        SWARM_TRY(const Opened handle, opened(made->handle, made->attributes, request));
        return CreatedFile{counted(made->attributes, before), handle};
    }
    if (made.error().code != Code::exists || request.exclusive) {
        return made.error();
    }
    // Another member's file took the name after the kernel looked: open(O_CREAT) opens it.
    SWARM_TRY(const Attributes attributes, volume_->lookup(parent, name));
    if (waits_to_open(attributes.inode, request)) {
        return made.error();  // the kernel looks again, and opens what it finds
    }
    SWARM_TRY(const Opened handle, open(attributes.inode, request));
    return CreatedFile{counted(attributes, before), handle};
}

Result<Opened> FileSystem::open(Inode inode, OpenRequest request) {
    const node::Access access = request.truncate && request.access == node::Access::read
                                    ? node::Access::read_write
                                    : request.access;
    SWARM_TRY(const node::FileHandle handle, volume_->open(inode, access));
    request.access = access;
    return finish_open(inode, handle, request);
}

// Who only writes, or cuts the file first, sees nothing of what it was.
bool FileSystem::waits_to_open(Inode inode, const OpenRequest& request) const {
    return request.access != node::Access::write && !request.truncate &&
           volume_->needs_confirming(inode);
}

node::ReadTicket FileSystem::begin_open(Inode inode, const OpenRequest& request,
                                        node::OpenDone done) {
    return volume_->open_confirmed(inode, request.access, options_.read_timeout, std::move(done));
}

Result<Opened> FileSystem::finish_open(Inode inode, node::FileHandle handle, OpenRequest request) {
    const auto attributes = volume_->attributes(inode);
    if (!attributes.ok()) {
        volume_->release(handle);
        return attributes.error();
    }
    return opened(handle, *attributes, request);
}

Result<Opened> FileSystem::opened(node::FileHandle volume_handle, const Attributes& attributes,
                                  OpenRequest request) {
    const Inode inode = attributes.inode;
    const Opening opening = files_.begin(inode, written_elsewhere_ || attributes.live);
    const OpenHandle handle(volume_handle, request.access, opening.direct, options_.run);
    if (request.truncate) {
        node::AttributeChanges empty;
        empty.size = 0;
        const auto truncated = volume_->set_attributes(inode, empty);
        if (!truncated.ok()) {
            files_.end(inode, opening.direct);
            volume_->release(volume_handle);
            return truncated.error();
        }
        tell_own({{0, "", inode, true}});
    }
    OpenFile file;
    file.inode = inode;
    file.blocks = shown_blocks(attributes);
    file.all_here = !lacks_blocks(attributes);
    file.all_told = file.all_here && !known_.lacking(inode);
    file.direct = opening.direct;
    files_.add(handle, file);
    // What is opened directly leaves the pages for the next one to drop.
    const bool keep_pages = opening.direct || !known_.take_suspect(inode);
    const bool small = attributes.size > 0 && attributes.size <= kPutMax;
    if (small && file.all_here && keep_pages && opening.only && !opening.direct &&
        !handle.writable() && !known_.pages_put(inode)) {
        put_pages(handle, inode, opening);
    }
    return Opened{handle, keep_pages, opening.direct};
}

// Rule 6. The bytes are read while others may come and write; if one has, his are not overtaken.
void FileSystem::put_pages(OpenHandle handle, Inode inode, const Opening& opening) {
    const auto bytes = std::make_shared<std::optional<Bytes>>();
    const auto keep = [kept = std::weak_ptr(bytes)](const Result<ByteSpan>& read) {
        if (const auto out = kept.lock(); out && read.ok()) {
            *out = Bytes(read->begin(), read->end());
        }
    };
    const node::ReadTicket ticket =
        volume_->read(handle.volume_handle(), 0, kPutMax + 1, options_.read_timeout, keep);
    if (ticket != 0) {  // it was evicted meanwhile
        volume_->cancel_read(ticket);
        return;
    }
    if (!*bytes || (*bytes)->size() > kPutMax) {
        return;
    }
    files_.while_alone(inode, opening, [&] {
        if (pages_.put(inode, **bytes)) {
            known_.note_pages_put(inode);
        }
    });
}

// Under one lock for all: it happens once for a file that was open when the last run ended.
OpenHandle FileSystem::reopened(OpenHandle handle, Inode inode) {
    const OpenHandle closed(0, handle.access(), handle.direct(), options_.run);
    const std::scoped_lock lock(reopened_mutex_);
    if (const auto found = reopened_.find(handle.number()); found != reopened_.end()) {
        return found->second;
    }
    const auto volume_handle = volume_->open(inode, handle.access());
    if (!volume_handle.ok()) {
        return closed;
    }
    const auto attributes = volume_->attributes(inode);
    if (!attributes.ok()) {
        volume_->release(*volume_handle);
        return closed;
    }
    const OpenHandle now(*volume_handle, handle.access(), handle.direct(), options_.run);
    OpenFile file;
    file.inode = inode;
    file.blocks = shown_blocks(*attributes);
    file.all_here = !lacks_blocks(*attributes);
    file.direct = files_.begin(inode, handle.direct()).direct;
    files_.add(now, file);
    reopened_.emplace(handle.number(), now);
    return now;
}

void FileSystem::release(OpenHandle handle, Inode inode) {
    if (handle.run() == options_.run) {
        release(handle);
        return;
    }
    // A writer is opened for it if need be: what it wrote is published when the last one goes.
    const OpenHandle now = reopened(handle, inode);
    {
        const std::scoped_lock lock(reopened_mutex_);
        reopened_.erase(handle.number());
    }
    release(now);
}

node::ReadTicket FileSystem::read(OpenHandle handle, std::uint64_t offset, std::size_t length,
                                  node::ReadDone done) {
    return volume_->read(handle.volume_handle(), offset, length, options_.read_timeout,
                         std::move(done));
}

Result<std::size_t> FileSystem::write(OpenHandle handle, std::uint64_t offset, ByteSpan bytes) {
    SWARM_TRY(const std::size_t written, volume_->write(handle.volume_handle(), offset, bytes));
    content_changed(handle);
    return written;
}

void FileSystem::content_changed(OpenHandle handle) {
    if (const auto file = files_.find(handle)) {
        if (file->direct) {
            known_.suspect(file->inode);  // it went past pages that an earlier handle may have left
        }
        tell_own({{0, "", file->inode, true}});
    }
}

Result<> FileSystem::allocate(OpenHandle handle, std::uint64_t offset, std::uint64_t length,
                              const node::Allocation& wanted) {
    auto allocated = volume_->allocate(handle.volume_handle(), offset, length, wanted);
    content_changed(handle);  // a failure may come halfway
    return allocated;
}

Result<std::uint64_t> FileSystem::copy_range(OpenHandle from, std::uint64_t from_offset,
                                             OpenHandle to, std::uint64_t to_offset,
                                             std::uint64_t length) {
    SWARM_TRY(const std::uint64_t copied,
              volume_->copy_range(from.volume_handle(), from_offset, to.volume_handle(), to_offset,
                                  length));
    content_changed(to);
    return copied;
}

Result<> FileSystem::flush(OpenHandle handle) {
    if (!handle.writable()) {
        return done();
    }
    SWARM_CHECK(volume_->close_write(handle.volume_handle()));
    if (const auto file = files_.find(handle)) {
        tell_own({{0, "", file->inode}});
    }
    return done();
}

Result<> FileSystem::sync(OpenHandle handle) {
    return volume_->sync(handle.volume_handle());  // `sync FILE` opens it for reading
}

void FileSystem::release(OpenHandle handle) {
    const auto file = files_.remove(handle);
    if (!file) {
        return;
    }
    // Reading may have brought bytes here, or they came ahead of it, and the kernel shows st_blocks
    // from what it keeps. (What publishing settles, the volume tells.) Before the handle goes: who
    // waits for that finds the notice posted.
    bool changed = handle.writable();
    if (!changed && !file->all_told) {
        changed = file->all_here ? known_.tell_all_here(file->inode) : tell_what_came(*file);
    }
    if (changed && known_.contains(file->inode)) {
        notices_.post({{NoticeKind::attributes, file->inode, ""}});
    }
    volume_->release(handle.volume_handle());
}

// Returns: whether there are other blocks than when it was opened, or than the kernel was told of.
bool FileSystem::tell_what_came(const OpenFile& file) {
    const auto now = volume_->attributes(file.inode);
    const bool changed = now.ok() && (shown_blocks(*now) != file.blocks ||
                                      (!lacks_blocks(*now) && known_.lacking(file.inode)));
    if (changed) {
        known_.tell(*now);
    }
    return changed;
}

void FileSystem::release_all() {
    for (const OpenHandle handle : files_.remove_all()) {
        volume_->release(handle.volume_handle());
    }
}

// ---- directories ----

Result<std::uint64_t> FileSystem::open_directory(Inode inode) {
    SWARM_TRY(const Attributes attributes, volume_->attributes(inode));
    if (attributes.kind != node::FileKind::directory) {
        return caller_error(Code::not_directory, "not a directory");
    }
    const std::scoped_lock lock(directories_mutex_);
    const std::uint64_t stream = next_stream_++;
    const auto directory = std::make_shared<OpenDirectory>(inode);
    directory->last = attributes;
    directories_[stream] = directory;
    return stream;
}

// What it is just before this mount takes its name; of one that others removed, what it was at its
// opening has to do.
void FileSystem::note_last(Inode parent, std::string_view name) {
    {
        const std::scoped_lock lock(directories_mutex_);
        if (directories_.empty()) {  // nobody could ask: the usual case
            return;
        }
    }
    const auto directory = volume_->lookup(parent, name);
    const std::scoped_lock lock(directories_mutex_);
    for (const auto& [stream, open] : directories_) {
        if (directory.ok() && open->stream.directory() == directory->inode) {
            open->last = *directory;
        }
    }
}

// Programs ask what they hold a descriptor of, as `rm -r` and shells do, also once it is gone.
std::optional<Attributes> FileSystem::removed_directory(Inode inode) {
    const std::scoped_lock lock(directories_mutex_);
    for (const auto& [stream, directory] : directories_) {
        if (directory->stream.directory() == inode && directory->last) {
            Attributes attributes = *directory->last;
            attributes.links = 0;
            return attributes;
        }
    }
    return std::nullopt;
}

Result<> FileSystem::read_directory(Inode inode, std::uint64_t stream, std::uint64_t position,
                                    std::size_t expected, Lookups lookups, const TakeEntry& take) {
    std::shared_ptr<OpenDirectory> directory;
    {
        const std::scoped_lock lock(directories_mutex_);
        auto found = directories_.find(stream);
        if (found == directories_.end() && (stream >> kRunShift) != options_.run) {
            found = directories_.emplace(stream, std::make_shared<OpenDirectory>(inode)).first;
        }
        if (found == directories_.end()) {
            return caller_error(Code::invalid, "no such directory stream");
        }
        directory = found->second;
    }
    const std::scoped_lock lock(directory->mutex);
    DirectoryStream& entries = directory->stream;
    if (position == NamePositions::kBeginning) {
        SWARM_TRY(const FileStatus self, status(entries.directory()));
        if (!take(".", self, NamePositions::kAfterDot)) {
            return done();
        }
        position = NamePositions::kAfterDot;
    }
    if (position == NamePositions::kAfterDot) {
        if (!take("..", std::nullopt, NamePositions::kFirstName)) {
            return done();
        }
        position = NamePositions::kFirstName;
    }
    const std::uint64_t before = changes_.load();
    return entries.read(*volume_, positions_, position, expected,
                        [&](const node::DirectoryEntry& entry, std::uint64_t next) {
                            FileStatus status = status_of(entry.attributes);
                            if (lookups == Lookups::counted) {
                                known_.add(entry.attributes);
                            }
                            status.keep = keep_since(before);
                            const bool taken = take(entry.name, status, next);
                            if (!taken && lookups == Lookups::counted) {
                                known_.forget(entry.attributes.inode, 1);
                            }
                            return taken;
                        });
}

void FileSystem::close_directory(std::uint64_t stream) {
    const std::scoped_lock lock(directories_mutex_);
    directories_.erase(stream);
}

}  // namespace swarmfs::fs
