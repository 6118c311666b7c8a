#pragma once
// Files without a name here that somebody has open through a mount, in the Database: a row each, made
// in the batch that takes the name and erased when nobody has the file open any more. A later run of
// the node that goes on with the mount finds in it what the file was.
//
//   orphans space, swarm, inode u64  ->  removed here u8, record of namespace_rows.hpp
//
// Thread: any; the writer's as the batch's.

#include <map>

#include "engine/core/key_value.hpp"
#include "engine/store/changes.hpp"
#include "engine/store/namespace_rows.hpp"

namespace swarmfs::node {

struct Orphan {
    store::InodeRecord record;
    // Else another member replaced or removed it: what is written to it here is published beside.
    bool removed_here = false;
};

// No effect where the batch has it as removed here already.
void put_orphan(KeyValueWriter& batch, const SwarmId& swarm, const Orphan& orphan);
store::Changes without_orphan(const SwarmId& swarm, store::Inode inode);
std::map<store::Inode, Orphan> orphans_of(const KeyValueReader& rows, const SwarmId& swarm);

}  // namespace swarmfs::node
