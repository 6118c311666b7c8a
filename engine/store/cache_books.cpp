#include "engine/store/cache_books.hpp"

#include <utility>

namespace swarmfs::store {

Hold& Hold::operator=(Hold&& other) noexcept {
    if (this != &other) {
        release();
        books_ = std::move(other.books_);
        content_ = other.content_;
    }
    return *this;
}

void Hold::release() {
    if (const auto books = std::exchange(books_, nullptr)) {
        books->release(content_);
    }
}

Hold CacheBooks::hold(const ContentId& content) {
    const std::lock_guard lock(mutex_);
    ++holds_[content];
    return Hold(shared_from_this(), content);
}

bool CacheBooks::held(const ContentId& content) const {
    const std::lock_guard lock(mutex_);
    return holds_.contains(content);
}

void CacheBooks::release(const ContentId& content) {
    const std::lock_guard lock(mutex_);
    const auto found = holds_.find(content);
    if (--found->second == 0) {
        holds_.erase(found);
        ended_.fetch_add(1, std::memory_order_relaxed);
    }
}

void CacheBooks::took_in(const ContentId& content, std::uint64_t bytes) {
    if (!held(content)) {
        taken_in_.fetch_add(bytes, std::memory_order_relaxed);
    }
}

}  // namespace swarmfs::store
