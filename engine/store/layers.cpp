#include "engine/store/layers.hpp"

namespace swarmfs::store {
namespace {

// Bytes of values in one page, so that a scan over large values stays small in memory.
constexpr std::size_t kPageBytesMax = 256 * 1024;

Bytes successor(ByteSpan key) {
    Bytes next = to_bytes(key);
    next.push_back(0);
    return next;
}

}  // namespace

void add_to_slice(Slice& slice, const Changes& layer, ByteSpan prefix, ByteSpan from,
                  std::size_t limit) {
    std::size_t copied = 0;
    for (auto at = layer.lower_bound(from); at != layer.end() && begins_with(at->first, prefix);
         ++at) {
        if (slice.end && !KeyOrder{}(at->first, *slice.end)) {
            break;
        }
        if (copied++ == limit) {
            slice.end = at->first;
            break;
        }
        slice.changes.emplace(at->first, at->second);
    }
    if (slice.end) {
        slice.changes.erase(slice.changes.lower_bound(*slice.end), slice.changes.end());
    }
}

Page read_page(const Slice& slice, const KeyValueReader& below, ByteSpan prefix, ByteSpan from,
               std::size_t limit) {
    Page page;
    page.next = slice.end;
    std::size_t bytes = 0;
    auto at = slice.changes.begin();
    const auto show = [&](ByteSpan key, ByteSpan value) {
        page.entries.emplace_back(to_bytes(key), to_bytes(value));
        bytes += key.size() + value.size();
    };
    const auto show_change = [&] {
        if (at->second) {
            show(at->first, *at->second);
        }
        ++at;
    };
    bool full = false;
    below.scan(prefix, from, [&](ByteSpan key, ByteSpan value) {
        if (slice.end && !KeyOrder{}(key, *slice.end)) {
            return false;
        }
        while (at != slice.changes.end() && KeyOrder{}(at->first, key)) {
            show_change();
        }
        if (at != slice.changes.end() && !KeyOrder{}(key, at->first)) {
            show_change();
        } else {
            show(key, value);
        }
        full = page.entries.size() >= limit || bytes >= kPageBytesMax;
        if (full) {
            page.next = successor(key);
        }
        return !full;
    });
    while (!full && at != slice.changes.end()) {
        show_change();
    }
    return page;
}

Page overlay(Page page, const Changes& changes, ByteSpan prefix, ByteSpan from) {
    Page shown;
    shown.next = page.next;
    auto below = page.entries.begin();
    for (auto at = changes.lower_bound(from); at != changes.end() && begins_with(at->first, prefix);
         ++at) {
        if (page.next && !KeyOrder{}(at->first, *page.next)) {
            break;
        }
        for (; below != page.entries.end() && KeyOrder{}(below->first, at->first); ++below) {
            shown.entries.push_back(std::move(*below));
        }
        if (below != page.entries.end() && below->first == at->first) {
            ++below;
        }
        if (at->second) {
            shown.entries.emplace_back(at->first, *at->second);
        }
    }
    std::move(below, page.entries.end(), std::back_inserter(shown.entries));
    return shown;
}

}  // namespace swarmfs::store
