#pragma once
// Puts and erases by key, in key order: what a batch gathers, a journal record carries and a
// memtable holds until LMDB has it.

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "engine/core/bytes.hpp"

namespace swarmfs::store {

struct KeyOrder {
    using is_transparent = void;
    template <class First, class Second>
    bool operator()(const First& first, const Second& second) const {
        // Not std::lexicographical_compare: it goes byte by byte, and this is asked often.
        const std::size_t both = std::min(first.size(), second.size());
        const int order = both == 0 ? 0 : std::memcmp(first.data(), second.data(), both);
        return order != 0 ? order < 0 : first.size() < second.size();
    }
};

// An absent value is an erase: it hides what lies below.
using Changes = std::map<Bytes, std::optional<Bytes>, KeyOrder>;

inline bool begins_with(ByteSpan bytes, ByteSpan prefix) {
    return bytes.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

// Where a scan of `prefix` from `from` begins.
inline ByteSpan later_of(ByteSpan prefix, ByteSpan from) {
    return KeyOrder{}(prefix, from) ? from : prefix;
}

}  // namespace swarmfs::store
