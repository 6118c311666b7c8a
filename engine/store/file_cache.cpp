#include "engine/store/file_cache.hpp"

#include <algorithm>

namespace swarmfs::store {

FileSlot::~FileSlot() {
    cache_.remove(*this);
}

std::shared_ptr<File> FileSlot::current(std::uint64_t& generation) {
    const std::lock_guard lock(mutex_);
    generation = generation_;
    if (file_) {
        used_ = true;
    }
    return file_;
}

std::shared_ptr<File> FileSlot::keep(std::shared_ptr<File> file, std::uint64_t generation) {
    {
        const std::lock_guard lock(mutex_);
        if (generation != generation_) {
            return nullptr;
        }
        if (file_) {
            return file_;  // another thread was first
        }
        file_ = file;
        used_ = true;
    }
    cache_.add(*this);
    return file;
}

std::shared_ptr<File> FileSlot::give_up() {
    const std::lock_guard lock(mutex_);
    return std::exchange(file_, nullptr);
}

void FileSlot::forget() {
    cache_.remove(*this);
    std::shared_ptr<File> closed;  // outside the lock
    const std::lock_guard lock(mutex_);
    ++generation_;
    closed.swap(file_);
}

void FileCache::add(FileSlot& slot) {
    std::vector<std::shared_ptr<File>> closed;  // outside the lock
    const std::lock_guard lock(mutex_);
    if (std::find(open_.begin(), open_.end(), &slot) == open_.end()) {
        open_.push_back(&slot);
    }
    // Two rounds at most: the first clears the marks.
    for (std::size_t steps = 2 * open_.size(); steps > 0 && open_.size() > files_max_; --steps) {
        hand_ = hand_ >= open_.size() ? 0 : hand_;
        FileSlot* candidate = open_[hand_];
        if (candidate == &slot || candidate->used_.exchange(false)) {
            ++hand_;
            continue;
        }
        closed.push_back(candidate->give_up());
        open_[hand_] = open_.back();
        open_.pop_back();
    }
}

void FileCache::remove(FileSlot& slot) {
    const std::lock_guard lock(mutex_);
    std::erase(open_, &slot);
}

}  // namespace swarmfs::store
