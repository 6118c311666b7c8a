#pragma once
// Whose key it is: the first byte of every key in a node's Database. A new owner takes a new byte;
// a byte is never given to another, because old homes have keys under it.
//
// Tables of different swarms stand apart under the first eight bytes of the swarm's key: two owners
// with the same eight bytes would take 2^32 swarms on one node to meet.

#include <cstdint>
#include <functional>

#include "engine/core/ids.hpp"
#include "engine/core/key_value.hpp"

namespace swarmfs::store {

enum class KeySpace : std::uint8_t {
    database = 0x00,        // the journal's mark
    small_contents = 0x01,  // kept aside, in an LMDB file of their own
    contents = 0x10,        // one record per content
    leaf_masks = 0x11,      // which leaves are stored
    staging = 0x20,         // files being written
    staging_log = 0x21,     // in which start of the machine its log was written
    namespace_ = 0x30,      // inodes and names
    catalog = 0x40,         // replicas of swarms' catalogs
    node = 0x50,            // the node's own: shares, pins, settings that change
    requests = 0x60,        // what requests of mounts have done
    orphans = 0x61,         // files without a name that are open
};

inline constexpr std::uint8_t kAsideKey = static_cast<std::uint8_t>(KeySpace::small_contents);

// Of a key that begins with its space and its swarm.
inline constexpr std::size_t kSwarmPrefixBytes = 1 + 8;

// A key, or what keys begin with.
Bytes key_of(KeySpace space);
Bytes key_of(KeySpace space, char table);
Bytes key_of(KeySpace space, const SwarmId& swarm);
Bytes key_of(KeySpace space, char table, const SwarmId& swarm);

bool is_in(ByteSpan key, KeySpace space);

// Visits key_of(space, swarm) of every swarm that has rows there.   Cost: a look-up a swarm.
void for_each_swarm(const KeyValueReader& rows, KeySpace space,
                    const std::function<void(const Bytes& prefix)>& visit);

}  // namespace swarmfs::store
