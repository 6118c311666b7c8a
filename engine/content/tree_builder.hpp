#pragma once
// From bytes to leaf hashes, and from leaf hashes to a content's name.

#include <span>
#include <vector>

#include "engine/content/hash_tree.hpp"
#include "engine/core/bytes.hpp"
#include "engine/core/units.hpp"
#include "engine/crypto/hash.hpp"

namespace swarmfs::content {

// Hashes bytes that begin at a leaf's boundary: one hash for each 16 KiB, the last one for the
// rest. The one place where whole leaves are hashed. Requires: out.size() ==
// leaf_count(bytes.size()). Thread: any.
void hash_leaves(ByteSpan bytes, std::span<Hash256> out);

// The tree of bytes that come in order, in pieces of any length. Keeps 32 bytes a leaf; take_leaves
// spills them. A writer that knows the leaves of a part already (a new version that costs its
// change, a file written out of order) gives hashes in place of bytes. Thread: one at a time.
class TreeBuilder {
public:
    // Requires: size() + bytes.size() <= kContentBytesMax.
    void append(ByteSpan bytes);
    // A whole leaf whose bytes were hashed before. Requires: at_leaf_boundary().
    void append_leaf(const Hash256& leaf);
    // Puts another hash in place of a whole leaf's. Requires: the leaf is complete, not taken.
    void replace_leaf(LeafIndex leaf, const Hash256& hash);

    std::uint64_t size() const { return size_; }
    bool at_leaf_boundary() const { return size_ % kLeafBytes == 0; }

    // Hands over the hashes of the leaves that are complete and forgets them. The first one is
    // number taken_leaves() as it was before the call.
    std::vector<Hash256> take_leaves();
    std::uint64_t taken_leaves() const { return taken_; }

    // Closes the last leaf. Afterwards only take_leaves() or finish() may follow.
    void close();
    // Returns: the tree of everything appended. Requires: no leaves were taken. Starts anew.
    HashTree finish();

private:
    std::vector<Hash256> leaves_;
    std::uint64_t taken_ = 0;
    std::uint64_t size_ = 0;
    crypto::Sha256 partial_;  // the bytes since the last leaf's boundary
    bool closed_ = false;
};

}  // namespace swarmfs::content
