#pragma once
// What one content knows for eviction (content_eviction.hpp), and how a reader sees that what it read
// was taken away meanwhile.

#include <atomic>
#include <set>

#include "engine/store/cache_books.hpp"

namespace swarmfs::store {

struct CacheMarks {
    explicit CacheMarks(std::uint64_t size) : uses(size) {}

    // Changed under the content's mutex, before any byte goes; read without it after bytes were read.
    std::atomic<std::uint64_t> evictions = 0;
    UseStamps uses;                    // under the content's mutex
    std::set<std::uint64_t> given_up;  // chunks whose bytes are to go; likewise
};

// When a reader found that what it wants is stored.
struct Sight {
    std::uint64_t generation = 0;  // of the files
    std::uint64_t evictions = 0;   // another number after reading: the bytes may lie in a hole
};

}  // namespace swarmfs::store
