#pragma once
// Which bytes of a file have been written: a set of ranges, merged where they touch. Pure.
// Cost: O(log n) a range added, n being the ranges that stand apart.

#include <cstdint>
#include <map>
#include <vector>

namespace swarmfs::store {

struct Range {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;

    std::uint64_t end() const { return offset + length; }
    bool operator==(const Range&) const = default;
};

class Extents {
public:
    // Requires: offset + length does not overflow.
    void add(std::uint64_t offset, std::uint64_t length);
    // Forgets everything at and beyond `size`.
    void cut(std::uint64_t size);
    // Forgets what lies in the range. Requires: offset + length does not overflow.
    void remove(std::uint64_t offset, std::uint64_t length);
    // The range falls into pieces that are covered or not, in order, without a gap.
    struct Piece {
        Range range;
        bool covered = false;

        bool operator==(const Piece&) const = default;
    };
    std::vector<Piece> pieces(std::uint64_t offset, std::uint64_t length) const;
    std::vector<Range> all() const;
    std::size_t count() const { return ends_.size(); }
    std::uint64_t bytes() const { return bytes_; }  // in all of them

private:
    std::map<std::uint64_t, std::uint64_t> ends_;  // by start; never touching one another
    std::uint64_t bytes_ = 0;
};

}  // namespace swarmfs::store
