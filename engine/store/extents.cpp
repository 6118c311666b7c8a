#include "engine/store/extents.hpp"

#include <algorithm>

namespace swarmfs::store {

void Extents::add(std::uint64_t offset, std::uint64_t length) {
    if (length == 0) {
        return;
    }
    std::uint64_t start = offset;
    std::uint64_t end = offset + length;
    auto at = ends_.upper_bound(start);
    if (at != ends_.begin() && std::prev(at)->second >= start) {
        --at;
    }
    while (at != ends_.end() && at->first <= end) {
        start = std::min(start, at->first);
        end = std::max(end, at->second);
        bytes_ -= at->second - at->first;
        at = ends_.erase(at);
    }
    ends_.emplace(start, end);
    bytes_ += end - start;
}

void Extents::cut(std::uint64_t size) {
    for (auto at = ends_.lower_bound(size); at != ends_.end();) {
        bytes_ -= at->second - at->first;
        at = ends_.erase(at);
    }
    if (!ends_.empty()) {
        auto& last_end = std::prev(ends_.end())->second;
        bytes_ -= last_end - std::min(last_end, size);
        last_end = std::min(last_end, size);
    }
}

void Extents::remove(std::uint64_t offset, std::uint64_t length) {
    std::vector<Range> kept;  // of extents that reach beyond the range
    const std::uint64_t end = offset + length;
    auto at = ends_.upper_bound(offset);
    if (at != ends_.begin() && std::prev(at)->second > offset) {
        --at;
    }
    while (at != ends_.end() && at->first < end) {
        const auto [from, to] = *at;
        at = ends_.erase(at);
        bytes_ -= to - from;
        if (from < offset) {
            kept.push_back({from, offset - from});
        }
        if (to > end) {
            kept.push_back({end, to - end});
        }
    }
    for (const Range& range : kept) {
        add(range.offset, range.length);
    }
}

std::vector<Extents::Piece> Extents::pieces(std::uint64_t offset, std::uint64_t length) const {
    std::vector<Piece> pieces;
    std::uint64_t at = offset;
    const std::uint64_t end = offset + length;
    auto extent = ends_.upper_bound(offset);
    if (extent != ends_.begin() && std::prev(extent)->second > offset) {
        --extent;
    }
    while (at < end) {
        if (extent == ends_.end() || extent->first >= end) {
            pieces.push_back({{at, end - at}, false});
            break;
        }
        if (extent->first > at) {
            pieces.push_back({{at, extent->first - at}, false});
            at = extent->first;
        }
        const std::uint64_t covered_end = std::min(extent->second, end);
        pieces.push_back({{at, covered_end - at}, true});
        at = covered_end;
        ++extent;
    }
    return pieces;
}

std::vector<Range> Extents::all() const {
    std::vector<Range> ranges;
    for (const auto& [start, end] : ends_) {
        ranges.push_back({start, end - start});
    }
    return ranges;
}

}  // namespace swarmfs::store
