#pragma once
// Nodes of one content's tree that were seen to lead to its root since the start. A node that is
// here is a fact about the content, whatever happens to its tree file. Pure. Thread: one at a time.

#include <map>
#include <optional>
#include <utility>

#include "engine/content/proof.hpp"
#include "engine/content/tree_nodes.hpp"

namespace swarmfs::store {

// What is known of the tree above one chunk, and leads to its root: what a proof need not repeat.
struct KnownTree {
    content::KnownNode ancestor;                 // the lowest known one; the root at worst
    std::optional<content::ChunkHashes> proven;  // the leaves' own hashes, when they are known
};

class TrustedNodes {
public:
    // Nodes kept of one content: those of a few ways to the root and all that stands beside them,
    // which is what a reader in order asks for again, in less than 32 KiB.
    static constexpr std::size_t kNodesMax = 256;

    std::optional<Hash256> find(unsigned level, std::uint64_t index) const {
        const auto found = nodes_.find({level, index});
        return found == nodes_.end() ? std::nullopt : std::optional(found->second);
    }
    void add(const content::TreeNode& node) {
        if (nodes_.size() >= kNodesMax) {
            nodes_.clear();  // what is asked for again is proven again
        }
        nodes_.insert_or_assign({node.level, node.index}, node.hash);
    }

private:
    std::map<std::pair<unsigned, std::uint64_t>, Hash256> nodes_;
};

}  // namespace swarmfs::store
