#include "engine/node/open_file.hpp"

#include <algorithm>
#include <cstring>

namespace swarmfs::node {

using store::Segment;
using store::SegmentFrom;

namespace {

Error no_more() {
    return caller_error(Code::not_found, "there is no such byte up to the end of the file");
}

}  // namespace

OpenFile::OpenFile(store::InodeRecord opened, std::shared_ptr<store::StoredContent> content)
    : record(std::move(opened)),
      stored(std::move(content)),
      inode_(record.inode),
      opened_content_(record.content),
      opened_author_(record.dot ? std::optional(record.dot->author.node) : std::nullopt) {}

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

Result<std::uint64_t> OpenFile::seek(std::uint64_t offset, SeekFor what) {
    std::shared_ptr<store::StoredContent> content;
    {
        const std::lock_guard lock(mutex_);
        if (staged) {
            return seek_staged(offset, what);
        }
        content = stored;
    }
    if (!content || offset >= content->id().size) {
        return no_more();
    }
    if (what == SeekFor::hole) {
        return content->next_hole(offset);
    }
    SWARM_TRY(const std::uint64_t found, content->next_data(offset));
    return found < content->id().size ? Result<std::uint64_t>(found) : no_more();
}

// Requires: the mutex is held.
Result<std::uint64_t> OpenFile::seek_staged(std::uint64_t offset, SeekFor what) const {
    const std::uint64_t size = staged->size();
    if (offset >= size) {
        return no_more();
    }
    for (const Segment& segment : staged->segments(offset, size - offset)) {
        SWARM_TRY(const std::uint64_t found, seek_in(segment, what));
        if (found < segment.range.end()) {
            return found;
        }
    }
    return what == SeekFor::hole ? Result<std::uint64_t>(size) : no_more();
}

// Returns: the end of the segment, or more, when there is none in it.
Result<std::uint64_t> OpenFile::seek_in(const Segment& segment, SeekFor what) const {
    const store::Range& range = segment.range;
    switch (segment.from) {
        case SegmentFrom::staged:
            return what == SeekFor::data ? staged->next_data(range) : staged->next_hole(range);
        case SegmentFrom::base:
            return what == SeekFor::data ? stored->next_data(range.offset)
                                         : stored->next_hole(range.offset);
        case SegmentFrom::zero: break;
    }
    return what == SeekFor::data ? range.end() : range.offset;
}

}  // namespace swarmfs::node
