#pragma once
// What the contents of a home share about eviction: a clock of uses, what must stay for now, and how
// much came in that could go again.
//
//   1. The clock counts uses, not time: a chunk that was used later has a higher stamp. Reading one
//      more costs an addition, and no chunk waits for a clock to tick before it counts as older.
//   2. While somebody holds a content, nothing of it is evicted. A hold is of a content's name, so it
//      can be taken of one that is not in memory, and before anything of it is stored.
//   3. What is taken in counts as cache unless it is owned or held at that moment.
// Thread: any.

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/core/ids.hpp"
#include "engine/core/units.hpp"

namespace swarmfs::store {

class CacheBooks;

// Ends with its life. Outlives the store, if need be.
class Hold {
public:
    Hold() = default;
    Hold(Hold&&) noexcept = default;
    Hold& operator=(Hold&& other) noexcept;
    ~Hold() { release(); }

private:
    friend class CacheBooks;
    Hold(std::shared_ptr<CacheBooks> books, const ContentId& content)
        : books_(std::move(books)), content_(content) {}
    void release();

    std::shared_ptr<CacheBooks> books_;
    ContentId content_;
};

class CacheBooks final : public std::enable_shared_from_this<CacheBooks> {
public:
    // A stamp later than all before it. Never 0: that is "not since the start".
    std::uint64_t next_use() { return uses_.fetch_add(1, std::memory_order_relaxed) + 1; }

    Hold hold(const ContentId& content);
    bool held(const ContentId& content) const;
    // How many contents have been let go of by their last holder since the start.
    std::uint64_t holds_ended() const { return ended_.load(std::memory_order_relaxed); }

    // Bytes of leaves were stored of a content that is not owned.
    void took_in(const ContentId& content, std::uint64_t bytes);
    // All of rule 3 since the start; never less than before.
    std::uint64_t taken_in() const { return taken_in_.load(std::memory_order_relaxed); }

private:
    friend class Hold;
    void release(const ContentId& content);

    std::atomic<std::uint64_t> uses_ = 0;
    std::atomic<std::uint64_t> taken_in_ = 0;
    std::atomic<std::uint64_t> ended_ = 0;
    mutable std::mutex mutex_;
    std::map<ContentId, std::size_t> holds_;  // guarded by mutex_
};

// When each chunk of one content was last used. Thread: one at a time.
class UseStamps {
public:
    explicit UseStamps(std::uint64_t size) : chunks_(chunk_count(size)) {}

    // Of the chunks [first, last]. Requires: the content has them.
    void note(ChunkIndex first, ChunkIndex last, std::uint64_t stamp) {
        for (std::uint64_t chunk = first.value; chunk <= last.value; ++chunk) {
            std::vector<std::uint64_t>& page = pages_[chunk / kPageChunks];
            if (page.empty()) {
                page.resize(std::min(kPageChunks, chunks_ - chunk / kPageChunks * kPageChunks));
            }
            page[chunk % kPageChunks] = stamp;
        }
    }
    // Returns: 0 for one that was not used since the start.
    std::uint64_t of(ChunkIndex chunk) const {
        const auto page = pages_.find(chunk.value / kPageChunks);
        return page == pages_.end() ? 0 : page->second[chunk.value % kPageChunks];
    }

private:
    static constexpr std::uint64_t kPageChunks = 1024;  // 8 KiB of memory for 256 MiB in use
    std::uint64_t chunks_;
    std::map<std::uint64_t, std::vector<std::uint64_t>> pages_;
};

}  // namespace swarmfs::store
