#pragma once
// What a new version shares with an older one that is stored here, found by their hashes and taken
// over: it is not fetched again. Internal to ContentStore.
//
//   root            differs
//   known nodes     same      differs             what fetched leaves proved of the new tree
//                   taken     ├ same   taken
//                             └ not known         a leaf below would tell
//
//   1. Nodes are compared that lead to both roots, and cover the same bytes in both. So nothing is
//      taken for being at the same place.
//   2. The new version then lies over the older one (layered_file.hpp). Where that has little of its
//      own and lies over another itself, that little is copied, as if it had been fetched, so that
//      files that others change again and again do not pile up.
//   3. What cannot be told apart from above is named by a leaf: whoever fetches it learns enough to
//      ask again. A fetched leaf of a gigabyte tells of twelve subtrees.

#include <functional>
#include <memory>
#include <vector>

#include "engine/content/proof.hpp"
#include "engine/store/leaf_masks.hpp"
#include "engine/store/stored_content.hpp"

namespace swarmfs::store {

class Inheritance {
public:
    // Requires: they are two.
    Inheritance(std::shared_ptr<StoredContent> fresh, std::shared_ptr<StoredContent> older)
        : fresh_(std::move(fresh)), older_(std::move(older)) {}

    // Leaves to ask for, no more than `count_max`, and none twice under one chunk.
    std::vector<LeafIndex> find(std::size_t count_max);
    // Takes over what find() found. Returns: the bytes that were not here before.
    // Errors: no_space, io; nothing is lost, and what was copied stays.
    Result<std::uint64_t> take();

private:
    struct Shared {  // a subtree that is the same in both
        content::KnownNode node;
        std::uint64_t index = 0;
    };
    bool covers_the_same(unsigned level, std::uint64_t index) const;
    void look(unsigned level, std::uint64_t index, std::size_t count_max);
    Result<> for_each_shared(const std::function<Result<>(const Shared&, ChunkIndex)>& visit) const;
    Result<> copy_own(const LeafMasks& own);
    Result<> copy_chunk(const Shared& shared, ChunkIndex chunk, std::uint16_t bits);
    Result<> lie_over();

    const std::shared_ptr<StoredContent> fresh_;
    const std::shared_ptr<StoredContent> older_;
    std::shared_ptr<StoredContent>
        below_;                   // that or one below it: what is to lie below the new one
    std::vector<Shared> shared_;  // in order
    std::vector<LeafIndex> unknown_;
};

}  // namespace swarmfs::store
