#pragma once
// Positions in a directory: a number for "after this name" that means the same to every reader.
//
// The kernel keeps listings. It fills one through one descriptor, serves others from it, and when
// the memory is taken back, asks through a third for "what follows position N". So a position
// cannot count entries or live in a descriptor; it must be found in the name itself:
//
//   0 is the beginning ("."), 1 follows ".", 2 follows "..",
//   and 3 + (SipHash-2-4(salt, name) mod 2^62) follows `name`.
//
//   1. The salt is secret: whoever knew it could choose names whose positions are equal, and a
//      listing would never end.
//   2. A position whose name was removed since (rm -r removes while it reads) is found among the
//      last kRemovedMax names removed.
//
// Thread: any.

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/node/volume.hpp"

namespace swarmfs::fs {

class NamePositions {
public:
    static constexpr std::uint64_t kBeginning = 0;
    static constexpr std::uint64_t kAfterDot = 1;
    static constexpr std::uint64_t kFirstName = 2;
    // A reader asks at most one buffer of names (about a thousand) behind what it removes.
    static constexpr std::size_t kRemovedMax = 16'384;

    using Salt = std::array<std::uint64_t, 2>;
    explicit NamePositions(Salt salt) : salt_(salt) {}

    std::uint64_t after(std::string_view name) const;

    void removed(node::Inode directory, std::string_view name);
    // Returns: the name this position follows, if it was removed lately.
    std::optional<std::string> removed_name(node::Inode directory, std::uint64_t position) const;

private:
    struct Key {
        node::Inode directory;
        std::uint64_t position;
        bool operator==(const Key&) const = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const { return key.directory ^ key.position; }
    };

    const Salt salt_;
    mutable std::mutex mutex_;
    std::unordered_map<Key, std::string, KeyHash> removed_;  // guarded by mutex_
    std::deque<Key> oldest_first_;                           // guarded by mutex_
};

}  // namespace swarmfs::fs
