#pragma once
// Which files a program will read next, when it reads small files in the order of their names, as
// tar, grep -r, find -exec and cat do: so that they are fetched before they are asked for.
// Rules:
//   1. A run is one program on its way through a tree: files in byte order of names, a directory's
//      own where its name stands, then what follows it in its parent. That is the order of a listing
//      here, and so of programs that recurse while they list.
//   2. The first cold read fetches nothing else: it may be random. One of the 4 files that follow a
//      cold read starts a run, at 16 files.   Why 4: programs with a few threads read out of order.
//      Why no more: two random reads in one directory are rarely so near each other.
//   3. What a run expected moves it on, stored or not. What was passed over still belongs to it
//      for 64 files. When 32 more of these were left out than read, the run ends: the program
//      picks.
//   4. The window doubles, up to 2,048 files, only when the program had to wait for a file the run
//      expected, and only once for each window's worth read.   Why 2,048: 15,000 files a second over
//      50 ms are 750 under way, in the lesser part of the window.
//   5. It is filled up in quarters: fewer files at a time wake threads for little, more come late.
//   6. A run that never left its directory fetches at most 16 files of others.   Why: `cat *` ends
//      with the directory, and nothing tells it from the beginning of tar.
//   7. Only files of at most 256 KiB are fetched, of a run at most 32 MiB, and of all runs together
//      4,096 files and 64 MiB; but each run may have its first 16.   Larger files have windows of
//      their own (swarm/read_window.hpp). Empty and stored ones need nothing.
//   8. Up to 8 runs; the one that was not read longest gives way, and so does one without a read
//      for 30 seconds. What it asked for is abandoned.
// Pure; one thread at a time. Cost: O(runs) a read, and one look at each name on the way.

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/core/clock.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/units.hpp"

namespace swarmfs::node {

struct Sibling {
    enum class Kind : std::uint8_t { file, directory, other };
    std::uint64_t inode = 0;
    std::string name;
    Kind kind = Kind::file;
    ContentId content;             // of a file
    std::optional<NodeId> author;  // who probably has it
};

// The names, as they are now.
class Siblings {
public:
    struct Place {
        std::uint64_t directory = 0;  // inode
        std::string name;
    };
    virtual ~Siblings() = default;
    // Up to `count` children after the name `after` ("" from the start), in byte order.
    virtual std::vector<Sibling> list(std::uint64_t directory, std::string_view after,
                                      std::size_t count) = 0;
    // Where a directory stands. Returns: nothing for the root, and for what has gone.
    virtual std::optional<Place> place_of(std::uint64_t directory) = 0;
    // All of it is on this node's disk.
    virtual bool stored(const ContentId& content) = 0;
};

// A way through the tree, in the order of rule 1. What changes on the way may be missed.
class SiblingWalk {
public:
    explicit SiblingWalk(Siblings::Place after);
    // The directory of what next() returned last.
    std::uint64_t directory() const { return directory_; }
    // Returns: the next file that is not empty; nothing at the end, or when `looks`, the entries
    // that may still be looked at, has come to 0.
    std::optional<Sibling> next(Siblings& siblings, std::size_t& looks);

private:
    struct Level {
        std::uint64_t directory = 0;
        std::string after;
        std::deque<Sibling> page;
        bool last_page = false;
    };
    bool climb(Siblings& siblings);

    std::vector<Level> levels_;  // the innermost last; empty at the end
    std::uint64_t directory_ = 0;
};

class SiblingWindow {
public:
    // Chosen by us: see the rules.
    static constexpr std::size_t kRunsMax = 8;
    static constexpr std::size_t kNear = 4;
    static constexpr std::size_t kFirstWindow = 16;
    static constexpr std::size_t kWindowMax = 2048;
    static constexpr std::size_t kPassedMax = 64;
    static constexpr std::size_t kPassedOverMax = 32;
    static constexpr std::uint64_t kFileBytesMax = kChunkBytes;
    static constexpr std::uint64_t kRunBytesMax = 32ULL << 20;
    static constexpr std::size_t kAllFilesMax = 4096;
    static constexpr std::uint64_t kAllBytesMax = 64ULL << 20;
    static constexpr Duration kIdleMax = std::chrono::seconds(30);
    // Names looked at for one read: a million empty files must not hold it up.
    static constexpr std::size_t kNearLooks = 32;
    static constexpr std::size_t kLooks = 2048;

    explicit SiblingWindow(Siblings& siblings) : siblings_(siblings) {}

    struct Read {
        Siblings::Place place;
        std::uint64_t inode = 0;
        std::uint64_t bytes = 0;  // of the whole file, not 0
        bool waited = false;      // what was read of it was not here
    };
    using Ticket = std::uint64_t;  // never 0, never used again
    struct Fetch {
        Ticket ticket = 0;
        ContentId content;
        std::optional<NodeId> likely;
    };
    struct Plan {
        std::vector<Fetch> fetch;     // in order
        std::vector<Ticket> abandon;  // perhaps complete already
    };
    // A file was read at its beginning.
    Plan on_read(const Read& read, TimePoint now);
    // Nobody reads any more.
    Plan end();

    std::size_t runs() const { return runs_.size(); }
    // Asked for and not read yet, of all runs.
    std::size_t files_ahead() const { return files_ahead_; }
    std::uint64_t bytes_ahead() const { return bytes_ahead_; }
    std::size_t window_max() const;  // of the largest window, in files

private:
    // A cold read that may be the first of a run.
    struct Start {
        Siblings::Place place;
        std::optional<std::vector<std::uint64_t>> near;  // inodes; looked up when first needed
    };
    struct Step {
        std::uint64_t inode = 0;
        std::uint64_t directory = 0;
        Ticket ticket = 0;  // 0: not fetched
        std::uint64_t bytes = 0;
        bool read = false;
    };
    struct Run {
        explicit Run(SiblingWalk way) : walk(std::move(way)) {}
        SiblingWalk walk;
        std::uint64_t directory = 0;  // of the last read
        bool leaves = false;          // it has left a directory (rule 6)
        std::deque<Step> steps;       // passed, then ahead
        std::uint64_t first = 0;      // number of steps.front()
        std::uint64_t next = 0;       // number of the first step ahead
        std::uint64_t grow_from = 0;  // rule 4: waiting before here is no reason to grow
        std::unordered_map<std::uint64_t, std::uint64_t> numbers;  // of steps, by inode
        std::size_t window = kFirstWindow;
        std::size_t files = 0;  // fetched and ahead
        std::uint64_t bytes = 0;
        std::size_t elsewhere = 0;  // fetched outside its directory, while !leaves
        std::size_t passed_over = 0;
        TimePoint last_read{};
    };

    bool starts(Start& start, std::uint64_t inode);
    void begin(const Read& read, bool leaves, TimePoint now, Plan& plan);
    void move_on(std::size_t run, std::uint64_t number, const Read& read, Plan& plan);
    void fill_up(Run& run, Plan& plan);
    bool has_room(const Run& run, std::uint64_t bytes) const;
    void no_longer_ahead(Run& run, const Step& step);
    void end_run(std::size_t run, Plan& plan);

    Siblings& siblings_;
    std::deque<Start> starts_;
    std::vector<Run> runs_;
    std::size_t files_ahead_ = 0;
    std::uint64_t bytes_ahead_ = 0;
    Ticket next_ticket_ = 1;
};

}  // namespace swarmfs::node
