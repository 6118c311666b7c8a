#include "engine/node/open_file.hpp"

#include <algorithm>
#include <cstring>

namespace swarmfs::node {

using store::Segment;
using store::SegmentFrom;

OpenFile::OpenFile(store::InodeRecord opened, std::shared_ptr<store::StoredContent> content)
    : record(std::move(opened)), stored(std::move(content)), inode_(record.inode) {}

std::optional<OpenFile::Written> OpenFile::written() const {
    const std::lock_guard lock(written_mutex_);
    return written_;
}

void OpenFile::staged_changed() {
    changed_since_row = staged != nullptr;
    const std::lock_guard lock(written_mutex_);
    written_.reset();
    if (staged) {
        written_ = Written{staged->row().number, staged->size(), staged->staged_bytes(),
                           staged->row().mtime_ns};
    }
}

void OpenFile::claim(std::unique_lock<std::mutex>& lock) {
    wait_until_unclaimed(lock);
    claimed_ = true;
}

void OpenFile::unclaim() {
    claimed_ = false;
    unclaimed_.notify_all();
}

void OpenFile::wait_until_unclaimed(std::unique_lock<std::mutex>& lock) {
    unclaimed_.wait(lock, [this] { return !claimed_; });
}

Result<OpenFile::ReadOutcome> OpenFile::read(std::uint64_t offset, MutableByteSpan out) {
    std::shared_ptr<store::StoredContent> content;
    {
        const std::lock_guard lock(mutex_);
        if (staged) {
            return read_staged(offset, out);
        }
        content = stored;
    }
    return content ? read_content(*content, offset, out) : ReadOutcome{};
}

Result<OpenFile::ReadOutcome> OpenFile::read_content(store::StoredContent& content,
                                                     std::uint64_t offset,
                                                     MutableByteSpan out) const {
    const std::uint64_t size = content.id().size;
    if (offset >= size) {
        return ReadOutcome{};
    }
    const std::uint64_t length = std::min<std::uint64_t>(out.size(), size - offset);
    auto got = content.read(offset, out.first(length));
    if (got.ok()) {
        return ReadOutcome{*got, std::nullopt};
    }
    // Not here, or found damaged and dropped: either way it can be had from others.
    if (got.error().code == Code::not_found || got.error().code == Code::corrupt) {
        return ReadOutcome{0, Missing{content.id(), {offset, length}}};
    }
    return got.error();
}

Result<OpenFile::ReadOutcome> OpenFile::read_staged(std::uint64_t offset, MutableByteSpan out) {
    ReadOutcome outcome;
    for (const Segment& segment : staged->segments(offset, out.size())) {
        const MutableByteSpan part =
            out.subspan(segment.range.offset - offset, segment.range.length);
        if (segment.from == SegmentFrom::staged) {
            SWARM_CHECK(staged->read(segment.range.offset, part));
        } else if (segment.from == SegmentFrom::zero) {
            std::memset(part.data(), 0, part.size());
        } else {
            SWARM_TRY(const ReadOutcome below, read_content(*stored, segment.range.offset, part));
            if (below.missing) {
                return below;
            }
        }
        outcome.bytes += part.size();
    }
    return outcome;
}

}  // namespace swarmfs::node
