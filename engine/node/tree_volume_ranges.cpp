// Ranges of open files: room for them, holes in them, and copies that move nothing.

#include <algorithm>

#include "engine/node/tree_volume.hpp"

namespace swarmfs::node {
namespace {

Error not_open_to_write() {
    return caller_error(Code::invalid, "the file is not open to be written");
}

Error to_be_copied() {
    return caller_error(Code::unsupported, "these bytes have to be read and written");
}

}  // namespace

Result<> TreeVolume::allocate(FileHandle handle, std::uint64_t offset, std::uint64_t length,
                              const Allocation& wanted) {
    SWARM_TRY(const Handle found, handle_of(handle));
    if (!found.writes) {
        return not_open_to_write();
    }
    OpenFile& file = *found.file;
    const store::Range range{offset, length};
    const auto keeps =
        wanted.keeps_length ? store::StagedFile::Length::stays : store::StagedFile::Length::grows;
    std::unique_lock lock(file.mutex());
    file.wait_until_unclaimed(lock);
    const auto stage_and_allocate = [&]() -> Result<> {
        SWARM_CHECK(parts_.publisher.stage(file));
        if (wanted.room) {  // first, so that zeros are not there without it
            SWARM_CHECK(file.staged->reserve(range, keeps, now_ns()));
        }
        if (!wanted.zeros) {
            return done();
        }
        SWARM_CHECK(file.staged->zero(range, keeps, now_ns()));
        return wanted.room ? file.staged->reserve(range, keeps, now_ns()) : done();
    };
    auto allocated = with_room(stage_and_allocate);
    if (file.staged) {
        file.staged_changed();
    }
    return allocated;
}

Result<std::uint64_t> TreeVolume::seek(FileHandle handle, std::uint64_t offset, SeekFor what) {
    SWARM_TRY(const Handle found, handle_of(handle));
    return found.file->seek(offset, what);
}

// What `to` shows of the range becomes what the content of `from` has at the same place. What of it
// is not here is fetched before the copy is published, as for every version made here. A file that
// is shared in place is copied: what somebody does to it is not to reach the copy.
Result<std::uint64_t> TreeVolume::copy_range(FileHandle from, std::uint64_t from_offset,
                                             FileHandle to, std::uint64_t to_offset,
                                             std::uint64_t length) {
    SWARM_TRY(const Handle source, handle_of(from));
    SWARM_TRY(const Handle target, handle_of(to));
    if (!target.writes) {
        return not_open_to_write();
    }
    std::shared_ptr<store::StoredContent> content;
    {
        const std::lock_guard lock(source.file->mutex());
        if (source.file->staged) {
            return to_be_copied();
        }
        content = source.file->stored;
    }
    if (!content || from_offset >= content->id().size) {
        return std::uint64_t{0};
    }
    if (source.file == target.file || from_offset != to_offset || content->in_place()) {
        return to_be_copied();
    }
    const store::Range range{from_offset, std::min(length, content->id().size - from_offset)};
    OpenFile& file = *target.file;
    std::unique_lock lock(file.mutex());
    file.wait_until_unclaimed(lock);
    if (length == 0 || (!file.staged && (file.size() > 0 || from_offset > 0))) {
        return to_be_copied();
    }
    bool referred = false;
    const auto stage_and_refer = [&]() -> Result<> {
        SWARM_CHECK(parts_.publisher.stage(file));
        referred = file.staged->refer(content->id(), range, now_ns());
        return done();
    };
    SWARM_CHECK(with_room(stage_and_refer));
    if (!referred) {
        return to_be_copied();
    }
    file.stored = std::move(content);
    file.staged_changed();
    return range.length;
}

}  // namespace swarmfs::node
