#include "engine/store/journal.hpp"

#include "engine/store/journal_files.hpp"

namespace swarmfs::store {
namespace {

// Retired files kept for use again: one is filled while the other is written to the tables.
constexpr std::size_t kSparesMax = 2;

}  // namespace

Result<std::unique_ptr<Journal>> Journal::start(Disk& disk, const Path& folder,
                                                const Recovery& recovery, std::uint32_t opening,
                                                std::uint64_t segment_bytes) {
    std::unique_ptr<Journal> journal(new Journal(disk, folder, opening, segment_bytes));
    journal->last_sequence_ = recovery.last_sequence;
    journal->synced_sequence_ = recovery.last_sequence;
    journal->applied_ = recovery.last_sequence;
    journal->next_file_ = recovery.next_file;
    for (const Path& file : recovery.aside) {
        SWARM_CHECK(disk.rename(file, aside_path(disk, file)));
    }
    for (const Path& file : recovery.files) {
        if (journal->spare_.size() == kSparesMax) {
            SWARM_CHECK(disk.remove(file));
            continue;
        }
        auto segment = std::make_shared<Segment>();
        segment->path = file;
        SWARM_TRY(segment->file, disk.open(file, Open::write));
        // One that was emptied to make room takes it back, if there is any.
        if (auto reserved = segment->file->allocate(0, segment_bytes);
            !reserved && reserved.error().code != Code::no_space) {
            return std::move(reserved).error();
        }
        journal->spare_.push_back(std::move(segment));
    }
    SWARM_TRY(journal->current_, journal->next_segment());
    if (journal->spare_.empty()) {
        // Reserved now: when the disk is full, the journal must still take what makes room on it.
        auto spare = journal->create_segment();
        if (spare) {
            journal->spare_.push_back(*std::move(spare));
        } else if (spare.error().code != Code::no_space) {
            return std::move(spare).error();
        }
    }
    return journal;
}

Result<> Journal::write_header(Segment& segment) {
    segment.use = {opening_, last_sequence_ + 1, applied_};
    segment.end = kSegmentHeaderBytes;
    segment.synced = false;
    Bytes header = encode_segment_header(segment.use);
    header.resize(header.size() + kSegmentEndBytes);
    return segment.file->write_at(0, header);
}

Result<std::shared_ptr<Journal::Segment>> Journal::next_segment() {
    if (!spare_.empty()) {
        auto segment = spare_.back();
        SWARM_CHECK(write_header(*segment));
        spare_.pop_back();
        return segment;
    }
    return create_segment();
}

Result<std::shared_ptr<Journal::Segment>> Journal::create_segment() {
    auto segment = std::make_shared<Segment>();
    segment->path = segment_path(folder_, next_file_);
    SWARM_TRY(segment->file, disk_.open(segment->path, Open::create_new));
    ++next_file_;
    // Rule 4 is a kindness, not a need: without room ahead the journal grows as it is written.
    auto reserved = segment->file->allocate(0, segment_bytes_);
    Result<> ready = reserved || reserved.error().code == Code::no_space ? write_header(*segment)
                                                                         : std::move(reserved);
    if (ready) {
        ready = disk_.sync_folder(folder_);
    }
    if (!ready) {
        [[maybe_unused]] const auto removed = disk_.remove(segment->path);
        return std::move(ready).error();
    }
    return segment;
}

Result<std::uint64_t> Journal::append(ByteSpan body) {
    const std::lock_guard lock(mutex_);
    if (broken_) {
        return *broken_;
    }
    const std::uint64_t sequence = last_sequence_ + 1;
    const Bytes record = encode_record(current_->use, sequence, body);
    auto written = current_->file->write_at(current_->end, record);
    if (!written) {
        begun_ = true;
        [[maybe_unused]] const auto taken_back = take_back();
        if (written.error().code != Code::no_space) {
            broken_ = written.error();
        }
        return std::move(written).error();
    }
    begun_ = false;
    last_sequence_ = sequence;
    current_->end += record.size() - kSegmentEndBytes;
    current_->synced = false;
    return sequence;
}

Result<> Journal::take_back() {
    if (!begun_) {
        return done();
    }
    auto written = current_->file->write_at(current_->end, Bytes(kSegmentEndBytes));
    if (!written && written.error().code != Code::no_space) {
        broken_ = written.error();
    }
    begun_ = !written;
    return written;
}

Result<> Journal::sync_to(std::uint64_t sequence) {
    std::unique_lock lock(sync_mutex_);
    while (synced_sequence_ < sequence) {
        if (sync_failure_) {
            return *sync_failure_;
        }
        if (syncing_) {
            sync_changed_.wait(lock);
            continue;
        }
        syncing_ = true;
        lock.unlock();

        std::vector<std::shared_ptr<Segment>> waiting;
        std::uint64_t reached = 0;
        {
            const std::lock_guard segments(mutex_);
            reached = last_sequence_;
            waiting = closed_;
            waiting.push_back(current_);
            std::erase_if(waiting, [](const auto& segment) { return segment->synced; });
            for (const auto& segment : waiting) {
                segment->synced = true;
            }
        }
        Result<> synced = done();
        for (const auto& segment : waiting) {
            if (synced) {
                synced = segment->file->sync();
            }
        }
        if (!synced) {
            const std::lock_guard segments(mutex_);
            broken_ = synced.error();
        }

        lock.lock();
        syncing_ = false;
        if (synced) {
            synced_sequence_ = std::max(synced_sequence_, reached);
        } else {
            sync_failure_ = std::move(synced).error();
        }
        sync_changed_.notify_all();
    }
    return done();
}

Result<std::shared_ptr<Journal::Segment>> Journal::close_segment() {
    const std::lock_guard lock(mutex_);
    if (broken_) {
        return *broken_;
    }
    SWARM_CHECK(take_back());
    SWARM_TRY(auto next, next_segment());
    auto ended = std::exchange(current_, std::move(next));
    closed_.push_back(ended);
    return ended;
}

void Journal::retire(std::shared_ptr<Segment> segment, std::uint64_t last_sequence) {
    {
        const std::lock_guard lock(mutex_);
        applied_ = last_sequence;
        std::erase(closed_, segment);
        if (spare_.size() < kSparesMax) {
            spare_.push_back(std::move(segment));
        } else {
            [[maybe_unused]] const auto removed = disk_.remove(segment->path);
        }
    }
    const std::lock_guard lock(sync_mutex_);
    synced_sequence_ = std::max(synced_sequence_, last_sequence);
    sync_changed_.notify_all();
}

std::uint64_t Journal::last_sequence() const {
    const std::lock_guard lock(mutex_);
    return last_sequence_;
}

std::uint64_t Journal::current_bytes() const {
    const std::lock_guard lock(mutex_);
    return current_->end - kSegmentHeaderBytes;
}

}  // namespace swarmfs::store
