#pragma once
// How far ahead of its readers a content is fetched.
// Rules:
//   1. Readers are told apart by where they read: up to 4 runs, the least recently used gives way.
//      A read belongs to the nearest run that expects it: up to 1 MiB behind or 16 MiB ahead of
//      where the run goes on; of two as near, to the one read last.   Why: kernel readahead mixes
//      handles, so handles tell nothing.
//   2. It continues the run when it begins at most 256 KiB behind or ahead.   Why: readahead
//      arrives out of order, from several threads.
//   3. The first read of a run fetches what it touches, nothing more: it may be random. The second
//      that continues it starts the window at 1 MiB + 128 KiB (the kernel reads 128 KiB past a
//      1 MiB read, and would wait a second round trip).
//   4. The window doubles, up to 64 MiB, only when the reader had to wait, and only once for each
//      window's worth read.   Why: growth must answer the path, not how many reads wait at once.
//   5. It is filled up when less than half of it lies ahead of the reader.
//   6. All windows share one budget; a window that it refuses to grow is halved.
//   7. A read that begins in the last 32 KiB also fetches the last 256 KiB.   Why: zip, mp4 and
//      parquet keep their directories there.
// Pure; one thread. Cost: O(1) a read.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/core/clock.hpp"

namespace swarmfs::swarm {

// Bytes of windows of all contents together.
class WindowBudget {
public:
    explicit WindowBudget(std::uint64_t max) : max_(max) {}
    // Returns: false, and nothing is taken, when it would be exceeded.
    bool take(std::uint64_t bytes);
    void give(std::uint64_t bytes) { used_ -= bytes; }
    std::uint64_t used() const { return used_; }

private:
    const std::uint64_t max_;
    std::uint64_t used_ = 0;
};

struct ByteRange {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;  // begin < end
    auto operator<=>(const ByteRange&) const = default;
};

class ReadWindow {
public:
    // Chosen by us: see the rules.
    static constexpr std::size_t kRunsMax = 4;
    static constexpr std::uint64_t kFirstWindow = (1024 + 128) * 1024;
    static constexpr std::uint64_t kWindowMax = 64ULL << 20;
    static constexpr std::uint64_t kBehindMax = 1ULL << 20;
    static constexpr std::uint64_t kAheadMax = 16ULL << 20;
    static constexpr std::uint64_t kDisorderMax = 256 * 1024;
    static constexpr std::uint64_t kTailTrigger = 32 * 1024;
    static constexpr std::uint64_t kTailBytes = 256 * 1024;

    // `budget` must outlive the window.
    ReadWindow(std::uint64_t content_size, WindowBudget& budget)
        : size_(content_size), budget_(budget) {}
    ~ReadWindow() { end(); }
    ReadWindow(const ReadWindow&) = delete;
    ReadWindow& operator=(const ReadWindow&) = delete;

    struct Plan {
        std::vector<ByteRange> fetch;      // wanted from now on, nearest to the reader first
        std::optional<ByteRange> abandon;  // of a run that gave way: not wanted any more
    };
    // Requires: offset + length <= content_size, length > 0. `waited`: not all of it was stored.
    Plan on_read(std::uint64_t offset, std::uint64_t length, bool waited, TimePoint now);

    // Nobody reads any more. Returns: what is not wanted any more.
    std::vector<ByteRange> end();

    std::size_t runs() const;
    std::uint64_t window_bytes() const;  // of all runs

private:
    struct Run {
        bool used = false;
        std::uint64_t next = 0;       // where the reader is expected to go on
        std::uint64_t window = 0;     // 0: not a stream yet
        std::uint64_t ahead_end = 0;  // fetched or being fetched up to here
        std::uint64_t grow_from = 0;  // rule 4: waiting before here is no reason to grow
        TimePoint last_read{};
    };

    Run* run_for(std::uint64_t offset);
    Run& fresh_run(Plan& plan);
    void resize(Run& run, std::uint64_t window);
    void advance(Run& run, bool continues, bool waited, Plan& plan);

    const std::uint64_t size_;
    WindowBudget& budget_;
    std::array<Run, kRunsMax> runs_{};
    bool tail_fetched_ = false;
};

}  // namespace swarmfs::swarm
