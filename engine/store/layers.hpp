#pragma once
// Reading through layers of changes, newest first, down to LMDB: a page at a time, so that no lock
// and no transaction is held while a visitor looks at what was found.

#include <optional>
#include <utility>
#include <vector>

#include "engine/core/key_value.hpp"
#include "engine/store/changes.hpp"

namespace swarmfs::store {

struct Page {
    std::vector<std::pair<Bytes, Bytes>> entries;
    std::optional<Bytes> next;  // where the next page begins; absent at the end
};

// A part of a layer, copied: what it says of keys before `end`, or of all when there is none.
struct Slice {
    Changes changes;
    std::optional<Bytes> end;
};

// Copies at most `limit` changes of `layer` under `prefix` from `from` on into `slice`; what the
// slice says already wins, being newer.
void add_to_slice(Slice& slice, const Changes& layer, ByteSpan prefix, ByteSpan from,
                  std::size_t limit);

// What `slice` over `below` shows, about `limit` entries of it.
Page read_page(const Slice& slice, const KeyValueReader& below, ByteSpan prefix, ByteSpan from,
               std::size_t limit);

// What `changes` over a page read from `from` shows.
Page overlay(Page page, const Changes& changes, ByteSpan prefix, ByteSpan from);

// Visits page after page. `read(from, limit)` returns a Page.
template <class Read>
void visit_pages(ByteSpan prefix, ByteSpan from, const Read& read,
                 const KeyValueReader::Visit& visit) {
    // Small at first, because most scans want the first few; larger later, to repeat less.
    std::size_t limit = 16;
    constexpr std::size_t kLimitMax = 1024;
    std::optional<Bytes> at = to_bytes(later_of(prefix, from));
    while (at) {
        const Page page = read(*at, limit);
        for (const auto& [key, value] : page.entries) {
            if (!visit(key, value)) {
                return;
            }
        }
        at = page.next;
        limit = std::min(limit * 4, kLimitMax);
    }
}

}  // namespace swarmfs::store
