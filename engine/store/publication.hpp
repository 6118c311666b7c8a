#pragma once
// How a staged file becomes a content: which leaves changed, what must be known of the base to name
// the result, and what is taken over from it. Internal to ContentStore.
//
//   base      |----------|----------|----------|----      leaves of the version before
//   staged          xxxxxxxxxx                            what was written
//   changed   [==========][=========]                     leaves to be hashed; their base parts are
//                                                         needed, the others' hashes are the base's
//
// Of a large file that changed little, the unchanged leaves stay where they are: the new content lies
// over the base (layered_file.hpp), and costs its change. A base that lies over another one itself and
// has little of its own is taken in, so that few lie one over the other, and what is copied for that
// stays in proportion. Otherwise the unchanged leaves are copied.

#include <memory>
#include <set>

#include "engine/store/extents.hpp"
#include "engine/store/new_content.hpp"
#include "engine/store/staged_file.hpp"
#include "engine/store/store_shared.hpp"
#include "engine/store/stored_content.hpp"

namespace swarmfs::store {

class Publication {
public:
    Publication(StoreShared& shared, StagedFile& staged, std::shared_ptr<StoredContent> base,
                GiveUp give_up);

    std::vector<Range> missing();
    Result<NewContent> prepare();

private:
    bool changed(std::uint64_t first_leaf, std::uint64_t end_leaf) const;    // all of them
    bool unchanged(std::uint64_t first_leaf, std::uint64_t end_leaf) const;  // all of them
    void find_changed();
    void find_missing_bytes(std::vector<Range>& missing);
    void find_missing_nodes(unsigned level, std::uint64_t index, std::vector<Range>& missing);
    void need_leaf(std::uint64_t leaf, std::vector<Range>& missing);

    Result<> read(std::uint64_t offset, MutableByteSpan out) const;
    Result<NewContent> prepare_content();
    Result<NewContent> prepare_small();
    Result<NewContent> prepare_whole();
    enum class Kept : std::uint8_t { copied, below };  // what of the base did not change
    Kept best_way() const;
    Result<> flatten();
    Result<NewContent> prepare_over_base();
    Result<NewContent> make_over_base(Kept kept);
    Result<NewContent> take_over(NewContent fresh, Kept kept);
    Result<> sync_tree(const Path& path);
    void forget_tree(const NewContent& fresh);
    Result<ContentId> write_tree(File& tree, Kept kept);
    Result<> copy_tree(File& tree);
    Result<> read_tree_over(File& tree);
    Result<> copy_unchanged(bool all);
    void note_stored(NewContent& fresh, Kept kept) const;
    Result<> copy_range(File& target, const File* source, std::uint64_t offset,
                        std::uint64_t length);
    Result<> go_on() const { return give_up_ && give_up_() ? Result<>(given_up()) : done(); }

    StoreShared& shared_;
    StagedFile& staged_;
    std::shared_ptr<StoredContent> base_;
    const GiveUp give_up_;
    std::uint64_t size_;
    Extents changed_;                // in leaves
    std::set<std::uint64_t> asked_;  // chunks of the base of which a leaf is asked for
};

}  // namespace swarmfs::store
