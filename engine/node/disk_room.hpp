#pragma once
// How much of a file system is free, and how much is to stay so.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "engine/core/result.hpp"

namespace swarmfs::node {

struct Room {
    std::uint64_t free_bytes = 0;
    std::uint64_t total_bytes = 0;
};
using DiskRoom = std::function<Room()>;

// Zeros where it cannot be told.
Room room_at(const std::string& path);

// Whether what was tried found the disk full.
inline bool is_full(const Result<>& tried) {
    return !tried.ok() && tried.error().code == Code::no_space;
}

// "10 GiB", "500 MiB", "4096", "10 %": bytes, or a part of the whole.
struct MinFree {
    std::uint64_t bytes = 0;
    std::uint32_t percent = 10;

    std::uint64_t of(std::uint64_t total_bytes) const {
        return bytes + total_bytes / 100 * percent;
    }
    bool operator==(const MinFree&) const = default;
};
// "10 GiB", "500 MiB", "4096".   Errors: configuration, saying what would be right.
Result<std::uint64_t> parse_bytes(std::string_view text);
// Errors: configuration, saying what would be right.
Result<MinFree> parse_min_free(std::string_view text);

}  // namespace swarmfs::node
