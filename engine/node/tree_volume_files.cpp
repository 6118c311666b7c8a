// Open files: reading, writing, and letting go.

#include <algorithm>

#include "engine/core/log.hpp"
#include "engine/node/tree_volume.hpp"

namespace swarmfs::node {
namespace {

// A read whose leaves arrive and are lost again (eviction, bit rot) is asked for anew, not for
// ever.
constexpr unsigned kReadTriesMax = 4;

// One buffer a thread for reads: they are answered within the call.
MutableByteSpan read_buffer(std::size_t length) {
    thread_local Bytes buffer;
    if (buffer.size() < length) {
        buffer.resize(length);
    }
    return MutableByteSpan(buffer).first(length);
}

Error bad_handle() {
    return caller_error(Code::invalid, "the file is not open");
}

}  // namespace

std::shared_ptr<OpenFile> TreeVolume::opened(store::Inode inode) const {
    const std::lock_guard lock(files_mutex_);
    const auto found = files_.find(inode);
    return found == files_.end() ? nullptr : found->second;
}

std::optional<std::set<NodeId>> TreeVolume::authors_of_opened(const ContentId& content) const {
    std::optional<std::set<NodeId>> authors;
    const std::lock_guard lock(files_mutex_);
    for (const auto& [inode, file] : files_) {
        if (file->opened_content() != content) {
            continue;
        }
        if (file->written()) {
            return std::set<NodeId>();
        }
        authors = authors.value_or(std::set<NodeId>());
        if (const auto& author = file->opened_author()) {
            authors->insert(*author);
        }
    }
    return authors;
}

// Where the file is not open yet, its record is read once more under the mutex: what was published
// or removed before the last user let go of it is seen.
Result<std::shared_ptr<OpenFile>> TreeVolume::use(store::Inode inode) {
    for (;;) {
        if (auto file = use_if_open(inode)) {
            return file;
        }
        SWARM_TRY(const auto record, parts_.tree.view().names.find(inode));
        if (record.kind != store::InodeKind::file) {
            return caller_error(Code::is_directory, "it is no file");
        }
        std::shared_ptr<store::StoredContent> stored;
        if (record.content.size > 0) {
            SWARM_TRY(stored, parts_.contents.open(record.content));
        }
        const std::lock_guard lock(files_mutex_);
        SWARM_TRY(const auto now, parts_.tree.view().names.find(inode));
        if (files_.contains(inode) || now.content != record.content) {
            continue;
        }
        auto file = std::make_shared<OpenFile>(now, std::move(stored));
        file->named = going_.contains(inode) ? Named::going : Named::yes;
        file->uses = 1;
        files_.emplace(inode, file);
        return file;
    }
}

std::shared_ptr<OpenFile> TreeVolume::use_if_open(store::Inode inode) {
    const std::lock_guard lock(files_mutex_);
    const auto found = files_.find(inode);
    if (found == files_.end()) {
        return nullptr;
    }
    ++found->second->uses;
    return found->second;
}

void TreeVolume::unuse(const std::shared_ptr<OpenFile>& file) {
    {
        const std::lock_guard lock(files_mutex_);
        --file->uses;
    }
    close_if_idle(file);
}

// Takes over one use of the file.
FileHandle TreeVolume::add_handle(std::shared_ptr<OpenFile> file, bool writes) {
    // Who writes to a file that was carried for its writers publishes it when he goes.
    if (writes && file->named == Named::yes && !file->orphaned) {
        if (const auto carried = carried_.take(file->inode())) {
            const std::lock_guard lock(files_mutex_);
            --carried->uses;
        }
    }
    const std::lock_guard lock(files_mutex_);
    file->writers += writes ? 1 : 0;
    handles_.emplace(next_handle_, Handle{std::move(file), writes});
    return next_handle_++;
}

Result<TreeVolume::Handle> TreeVolume::handle_of(FileHandle handle) const {
    const std::lock_guard lock(files_mutex_);
    const auto found = handles_.find(handle);
    return found == handles_.end() ? Result<Handle>(bad_handle()) : Result<Handle>(found->second);
}

Result<Created> TreeVolume::create(Inode parent, std::string_view name, std::uint32_t mode) {
    store::InodeRecord record;
    const auto make = [&](store::Namespace& names, KeyValueWriter&) -> Result<> {
        SWARM_TRY(record, names.create_file(parent, name, static_cast<std::uint16_t>(mode)));
        return done();
    };
    SWARM_CHECK(change({{parent, name}}, make, &record));
    SWARM_TRY(auto file, use(record.inode));
    const FileHandle handle = add_handle(std::move(file), true);
    return Created{shown(record, parts_.publisher.published_count()), handle};
}

Result<FileHandle> TreeVolume::open(Inode inode, Access access) {
    const bool writes = access != Access::read;
    if (writes && read_only()) {
        return caller_error(Code::read_only, "this node may only read in this swarm");
    }
    SWARM_TRY(auto file, use(inode));
    return add_handle(std::move(file), writes);
}

ReadTicket TreeVolume::open_confirmed(Inode inode, Access access, Duration deadline,
                                      OpenDone done) {
    const std::uint32_t quorum = quorum_.of(inode);
    auto handle = open(inode, access);
    if (!handle.ok() || quorum == 1) {
        done(std::move(handle));
        return 0;
    }
    return quorum_.confirm(handle_of(*handle)->file, quorum, deadline,
                           [this, handle = *handle, done = std::move(done)](Result<> confirmed) {
                               if (confirmed.ok()) {
                                   done(handle);
                                   return;
                               }
                               release(handle);
                               done(std::move(confirmed).error());
                           });
}

ReadTicket TreeVolume::read(FileHandle handle, std::uint64_t offset, std::size_t length,
                            Duration deadline, ReadDone done) {
    const auto found = handle_of(handle);
    if (!found.ok()) {
        done(found.error());
        return 0;
    }
    OpenFile& file = *found->file;
    const MutableByteSpan buffer = read_buffer(length);
    auto outcome = file.read(offset, buffer);
    if (!outcome.ok()) {
        note_outcome(file, outcome.error());
        done(outcome.error());
        return 0;
    }
    if (!outcome->missing) {
        const ByteSpan bytes = buffer.first(outcome->bytes);
        note_read(file, offset, bytes.size());
        note_outcome(file, bytes);
        done(bytes);
        if (offset == 0) {
            siblings_.note_read(file, false);
        }
        return 0;
    }
    PendingRead pending;
    pending.file = found->file;
    pending.offset = offset;
    pending.length = length;
    pending.deadline =
        deadline == Duration::zero() ? TimePoint::max() : parts_.clock.now() + deadline;
    pending.done = std::move(done);
    {
        const std::lock_guard lock(file.mutex());
        if (file.record.dot) {
            pending.likely = file.record.dot->author.node;
        }
    }
    ReadTicket ticket = 0;
    {
        const std::lock_guard lock(reads_mutex_);
        ticket = next_ticket_++;
        reads_.emplace(ticket, std::move(pending));
    }
    fetch(ticket, *outcome->missing);
    // Only now: what a program waits for goes first.
    if (offset == 0) {
        siblings_.note_read(file, true);
    }
    return ticket;
}

// Reads from disk keep a stream's window going as long as the content is not all here.
void TreeVolume::note_read(OpenFile& file, std::uint64_t offset, std::size_t length) {
    std::shared_ptr<store::StoredContent> content;
    {
        const std::lock_guard lock(file.mutex());
        content = file.staged ? nullptr : file.stored;
    }
    if (content && length > 0 && !content->complete()) {
        parts_.swarm.note_read(content->id(), offset, length);
    }
}

// A program that reads gets an errno; why it failed is seen in `swarmfs status`.
void TreeVolume::note_outcome(OpenFile& file, const Result<ByteSpan>& outcome) {
    const bool failed = !outcome.ok() && outcome.error().code != Code::cancelled;
    if (!failed && !parts_.problems.any() && !failures_.any()) {
        return;
    }
    std::string name;
    {
        const std::lock_guard lock(file.mutex());
        name = file.record.name;
    }
    if (failed) {
        failures_.failed(file.inode(), outcome.error().message);
        parts_.problems.failed(Doing::reading, name,
                               "a read of \"" + name + "\" failed: " + outcome.error().message);
    } else if (outcome.ok()) {
        failures_.worked(file.inode());
        parts_.problems.worked(Doing::reading, name);
    }
}

void TreeVolume::fetch(ReadTicket ticket, const Missing& missing) {
    const std::lock_guard lock(reads_mutex_);
    const auto found = reads_.find(ticket);
    if (found == reads_.end()) {
        return;
    }
    PendingRead& pending = found->second;
    swarm::ReadRequest request;
    request.content = missing.content;
    request.offset = missing.range.offset;
    request.length = missing.range.length;
    request.deadline = pending.deadline;
    request.likely = pending.likely;
    // The callback runs on the engine thread and waits for this mutex: it finds `asked` set.
    pending.asked = parts_.swarm.read(std::move(request), [this, ticket](const Result<>& fetched) {
        if (is_full(fetched)) {
            parts_.jobs.post(Lane::small, [this, ticket, fetched] {
                parts_.make_room() ? try_again(ticket) : answer(ticket, fetched.error());
            });
            return;
        }
        if (!fetched.ok()) {
            answer(ticket, fetched.error());
            return;
        }
        parts_.jobs.post(Lane::reads, [this, ticket] { try_again(ticket); });
    });
    if (pending.cancelled) {
        parts_.swarm.cancel_read(pending.asked);
    }
}

void TreeVolume::try_again(ReadTicket ticket) {
    std::shared_ptr<OpenFile> file;
    std::uint64_t offset = 0;
    std::size_t length = 0;
    unsigned tries = 0;
    {
        const std::lock_guard lock(reads_mutex_);
        const auto found = reads_.find(ticket);
        if (found == reads_.end()) {
            return;
        }
        file = found->second.file;
        offset = found->second.offset;
        length = found->second.length;
        tries = ++found->second.tries;
    }
    const MutableByteSpan buffer = read_buffer(length);
    auto outcome = file->read(offset, buffer);
    if (!outcome.ok()) {
        answer(ticket, outcome.error());
    } else if (!outcome->missing) {
        answer(ticket, ByteSpan(buffer.first(outcome->bytes)));
    } else if (tries < kReadTriesMax) {
        fetch(ticket, *outcome->missing);
    } else {
        answer(ticket, disk_error(Code::io, "what was fetched does not stay on the disk"));
    }
}

void TreeVolume::answer(ReadTicket ticket, Result<ByteSpan> result) {
    ReadDone done;
    std::shared_ptr<OpenFile> file;
    {
        const std::lock_guard lock(reads_mutex_);
        const auto found = reads_.find(ticket);
        if (found == reads_.end()) {
            return;
        }
        done = std::move(found->second.done);
        file = std::move(found->second.file);
        reads_.erase(found);
    }
    note_outcome(*file, result);
    done(std::move(result));
}

void TreeVolume::cancel_read(ReadTicket ticket) {
    if ((ticket & OpenQuorum::kTicketBit) != 0) {
        quorum_.cancel(ticket);
        return;
    }
    if ((ticket & FileHashes::kTicketBit) != 0) {
        attributes_.hashes().cancel(ticket);
        return;
    }
    const std::lock_guard lock(reads_mutex_);
    const auto found = reads_.find(ticket);
    if (found == reads_.end()) {
        return;
    }
    found->second.cancelled = true;
    if (found->second.asked != 0) {
        parts_.swarm.cancel_read(found->second.asked);
    }
}

Result<std::size_t> TreeVolume::write(FileHandle handle, std::uint64_t offset, ByteSpan bytes) {
    SWARM_TRY(const Handle found, handle_of(handle));
    if (!found.writes) {
        return bad_handle();
    }
    OpenFile& file = *found.file;
    std::unique_lock lock(file.mutex());
    file.wait_until_unclaimed(lock);
    const auto stage_and_write = [&]() -> Result<> {
        SWARM_CHECK(parts_.publisher.stage(file));
        return file.staged->write(offset, bytes, now_ns());
    };
    SWARM_CHECK(with_room(stage_and_write));
    file.staged_changed();
    return bytes.size();
}

// Changes a file's length, open or not. One that has that length, and nothing staged, stays as it
// is. Requires: the caller uses the file.
Result<> TreeVolume::resize(const std::shared_ptr<OpenFile>& file, std::uint64_t size) {
    bool publish = false;
    {
        std::unique_lock lock(file->mutex());
        file->wait_until_unclaimed(lock);
        if (!file->staged && file->size() == size) {
            return done();
        }
        SWARM_CHECK(parts_.publisher.stage(*file));
        SWARM_CHECK(file->staged->truncate(size, now_ns()));
        file->staged_changed();
        publish = file->writers == 0 && file->named == Named::yes;
        if (publish) {
            SWARM_CHECK(parts_.publisher.keep_row(*file, store::Durability::process_crash));
        }
    }
    if (publish) {
        parts_.publisher.publish(file);
    }
    return done();
}

Result<> TreeVolume::close_write(FileHandle handle) {
    SWARM_TRY(const Handle found, handle_of(handle));
    const std::lock_guard lock(found.file->mutex());
    return with_room(
        [&] { return parts_.publisher.keep_row(*found.file, store::Durability::process_crash); });
}

// Whoever syncs means the file, not what was written through this one handle.
Result<> TreeVolume::sync(FileHandle handle) {
    SWARM_TRY(const Handle found, handle_of(handle));
    OpenFile& file = *found.file;
    std::unique_lock lock(file.mutex());
    file.claim(lock);
    const std::shared_ptr<store::StoredContent> base = file.stored;
    store::StagedFile* const staged = file.staged.get();
    lock.unlock();
    // What still shows of the base was perhaps published a moment ago, and is in no row yet.
    Result<> synced = base ? base->sync() : done();
    if (synced.ok() && staged != nullptr) {
        synced = staged->sync();
    }
    lock.lock();
    if (synced.ok() && staged != nullptr) {
        synced = parts_.publisher.keep_row(file, store::Durability::power_loss);
    }
    file.unclaim();
    lock.unlock();
    SWARM_CHECK(std::move(synced));
    if (staged == nullptr) {
        return parts_.database.sync();
    }
    if (file.named == Named::yes) {
        parts_.publisher.publish_after_sync(found.file);
    }
    return done();
}

void TreeVolume::release(FileHandle handle) {
    std::shared_ptr<OpenFile> file;
    bool last_writer = false;
    {
        const std::lock_guard lock(files_mutex_);
        const auto found = handles_.find(handle);
        if (found == handles_.end()) {
            return;
        }
        file = found->second.file;
        last_writer = found->second.writes && --file->writers == 0;
        handles_.erase(found);
    }
    if (last_writer && file->named != Named::no) {
        std::unique_lock lock(file->mutex());
        const bool unpublished = file->staged || !file->record.dot;
        if (file->staged) {
            file->staged->note_closed();
        }
        lock.unlock();
        if (unpublished) {
            parts_.publisher.publish(file);
        }
    }
    unuse(file);
}

// Lets go of a file that nobody uses and that has nothing left to publish. Who makes either true
// calls this afterwards.
void TreeVolume::close_if_idle(const std::shared_ptr<OpenFile>& file) {
    {
        const std::lock_guard lock(files_mutex_);
        const auto found = files_.find(file->inode());
        if (found == files_.end() || found->second != file || file->uses > 0 || file->publishing ||
            (file->written() && file->named != Named::no)) {
            return;
        }
        files_.erase(found);
    }
    // Nobody comes to it any more.
    if (file->orphaned) {
        erase_orphan(file->inode());
    }
    const std::lock_guard lock(file->mutex());
    parts_.publisher.discard(*file);
    if (file->stored && (!file->stored->complete() || file->named == Named::no)) {
        parts_.swarm.end_reading(file->stored->id(), file->named == Named::no
                                                         ? swarm::ReadAgain::never
                                                         : swarm::ReadAgain::perhaps);
    }
}

void TreeVolume::published(const std::shared_ptr<OpenFile>& file) {
    quorum_.published(file->inode());
    if (file->written() && file->writers == 0 && file->named == Named::yes) {
        parts_.publisher.publish(file);  // it was written again meanwhile
    } else {
        close_if_idle(file);
    }
}

}  // namespace swarmfs::node
