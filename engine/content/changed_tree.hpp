#pragma once
// The tree of a new version, from the old version's tree and the leaves that changed.
//
// Rules:
//   1. A node under which nothing changed, and which covers the same leaves in both trees, is the
//      old node: it is read, not computed, and not written. Every other real node is computed and
//      written. So the cost is (changed leaves x depth), whatever the size.
//   2. A leaf beyond the old end that is not given is a hole: 16 KiB of zero bytes.
//   3. A leaf whose length differs between the versions (the old last one when the file grew, the
//      new last one when it ends inside a leaf) must be given, like any other that changed.
//   4. Only the uncles of what changed are read, so a receiver that holds proofs of the changed
//      chunks alone can name the new version of a file it does not have.
// Pure; any thread.

#include <map>

#include "engine/content/tree_nodes.hpp"
#include "engine/content/tree_shape.hpp"
#include "engine/core/units.hpp"

namespace swarmfs::content {

using ChangedLeaves = std::map<LeafIndex, Hash256>;

// Writes the nodes that differ from the old tree, and those that the old tree does not have, at
// their places in the new tree; each level's in ascending order.
// Requires: both sizes <= kContentBytesMax.
// Errors: invalid when rule 3 is broken or a leaf beyond the new end is given; unavailable when
// `old` does not know a node that is needed; what source and sink say.
Result<ContentId> change_tree(const NodeSource& old, std::uint64_t old_size, std::uint64_t new_size,
                              const ChangedLeaves& changed, NodeSink& sink);

}  // namespace swarmfs::content
