#pragma once
// What a fuzz target checks besides "does not crash".

#include <cstdlib>

namespace swarmfs::fuzz {

inline void must(bool truth) {
    if (!truth) {
        std::abort();
    }
}

}  // namespace swarmfs::fuzz
