#pragma once
// Whose key it is: the first byte of every key in a node's Database. A new owner takes a new byte;
// a byte is never given to another, because old homes have keys under it.

#include <cstdint>

namespace swarmfs::store {

enum class KeySpace : std::uint8_t {
    database = 0x00,        // the journal's mark
    small_contents = 0x01,  // kept aside, in an LMDB file of their own
    contents = 0x10,        // one record per content
    leaf_masks = 0x11,      // which leaves are stored
    staging = 0x20,         // files being written
    namespace_ = 0x30,      // inodes and names
    catalog = 0x40,         // replicas of swarms' catalogs
    node = 0x50,            // the node's own: shares, pins, settings that change
};

inline constexpr std::uint8_t kAsideKey = static_cast<std::uint8_t>(KeySpace::small_contents);

}  // namespace swarmfs::store
