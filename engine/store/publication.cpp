#include "engine/store/publication.hpp"

#include <algorithm>

#include "engine/content/changed_tree.hpp"
#include "engine/store/layered_file.hpp"

namespace swarmfs::store {
namespace {

constexpr std::uint64_t kHashBytesAtOnce = 1 << 20;
// Of one call that copies inside the kernel, which does not come back before it has: a fraction of
// a second where it moves bytes, and few calls where it shares them.
constexpr std::uint64_t kCopyBytesAtOnce = 256 << 20;
// One part in so many may differ from what lies below: as much is kept twice while versions before it
// are kept for nobody but this one.
constexpr std::uint64_t kLayeredShare = 8;
// A base with no more of its own than this, or than twice what changed, is taken in.
constexpr std::uint64_t kTakenInMin = 256 << 10;

}  // namespace

Publication::Publication(StoreShared& shared, StagedFile& staged,
                         std::shared_ptr<StoredContent> base, GiveUp give_up)
    : shared_(shared),
      staged_(staged),
      base_(std::move(base)),
      give_up_(std::move(give_up)),
      size_(staged.size()) {
    find_changed();
}

void Publication::find_changed() {
    changed_ = {};
    for (const Segment& segment : staged_.segments(0, size_)) {
        if (segment.from != SegmentFrom::base) {
            const std::uint64_t first = leaf_at(segment.range.offset).value;
            changed_.add(first, leaf_at(segment.range.end() - 1).value + 1 - first);
        }
    }
    const std::uint64_t last = size_ == 0 ? 0 : leaf_count(size_) - 1;
    if (size_ > 0 &&
        leaf_bytes(size_, LeafIndex(last)) != leaf_bytes(base_->id().size, LeafIndex(last))) {
        changed_.add(last, 1);
    }
}

bool Publication::changed(std::uint64_t first_leaf, std::uint64_t end_leaf) const {
    const auto pieces = changed_.pieces(first_leaf, end_leaf - first_leaf);
    return std::all_of(pieces.begin(), pieces.end(), [](const auto& p) { return p.covered; });
}

bool Publication::unchanged(std::uint64_t first_leaf, std::uint64_t end_leaf) const {
    const auto pieces = changed_.pieces(first_leaf, end_leaf - first_leaf);
    return std::none_of(pieces.begin(), pieces.end(), [](const auto& p) { return p.covered; });
}

// ---- what is missing ----

std::vector<Range> Publication::missing() {
    std::vector<Range> missing;
    asked_.clear();
    find_missing_bytes(missing);
    if (size_ > 0) {
        find_missing_nodes(content::TreeShape(size_).depth(), 0, missing);
    }
    return missing;
}

// The base's parts of leaves that changed: at most one at either end of each of its segments.
void Publication::find_missing_bytes(std::vector<Range>& missing) {
    for (const Segment& segment : staged_.segments(0, size_)) {
        if (segment.from != SegmentFrom::base) {
            continue;
        }
        const std::uint64_t first = leaf_at(segment.range.offset).value;
        const std::uint64_t last = leaf_at(segment.range.end() - 1).value;
        for (const std::uint64_t leaf : std::set<std::uint64_t>{first, last}) {
            if (changed(leaf, leaf + 1) && !base_->has(leaf * kLeafBytes, 1)) {
                need_leaf(leaf, missing);
            }
        }
    }
}

// Below `index` on `level` of the new tree: every largest node that is the base's must be known.
void Publication::find_missing_nodes(unsigned level, std::uint64_t index,
                                     std::vector<Range>& missing) {
    const std::uint64_t first = index << level;
    const std::uint64_t end = std::min((index + 1) << level, leaf_count(size_));
    const std::uint64_t old_end = std::min((index + 1) << level, leaf_count(base_->id().size));
    if (first >= end || changed(first, end)) {
        return;
    }
    if (unchanged(first, end) && end == old_end) {
        const unsigned top = content::TreeShape(base_->id().size).chunk_level();
        const unsigned up = level < top ? 0 : level - top + 1;
        const std::uint64_t chunk = (chunk_of(LeafIndex(first)).value >> up) << up;
        const auto asked = asked_.lower_bound(chunk);
        const bool will_be_known =
            asked != asked_.end() && *asked < chunk + (std::uint64_t{1} << up);
        if (!will_be_known && !base_->knows_node(level, index)) {
            need_leaf(first, missing);
        }
        return;
    }
    if (level > 0) {
        find_missing_nodes(level - 1, index * 2, missing);
        find_missing_nodes(level - 1, index * 2 + 1, missing);
    }
}

void Publication::need_leaf(std::uint64_t leaf, std::vector<Range>& missing) {
    const Range range{leaf * kLeafBytes, leaf_bytes(base_->id().size, LeafIndex(leaf))};
    if (std::find(missing.begin(), missing.end(), range) == missing.end()) {
        missing.push_back(range);
    }
    asked_.insert(chunk_of(LeafIndex(leaf)).value);
}

// ---- making it ----

Result<NewContent> Publication::prepare() {
    auto fresh = prepare_content();
    if (!fresh || !staged_.sync_promised()) {
        return fresh;
    }
    fresh->sync_promised_ = true;
    // What was filled in lies in the same leaves as what was promised: one is not proven without
    // the other. A tree that leads beyond what is here cannot be made again from the bytes.
    if (!fresh->known_ && size_ > kSmallBytesMax) {
        Result<> synced = staged_.sync();
        if (synced && fresh->base_) {
            synced = fresh->base_->sync();
        }
        if (synced && !fresh->tree_.empty() && (fresh->base_ || !fresh->masks_.complete())) {
            synced = sync_tree(fresh->tree_);
        }
        if (!synced) {
            forget_tree(*fresh);
            return std::move(synced).error();
        }
    }
    return fresh;
}

Result<> Publication::sync_tree(const Path& path) {
    SWARM_TRY(const auto tree, shared_.disk().open(path, Open::write));
    SWARM_CHECK(tree->sync());
    return shared_.disk().sync_folder(path.parent_path());
}

// It will be made again by the next attempt, under another name.
void Publication::forget_tree(const NewContent& fresh) {
    if (!fresh.tree_.empty()) {
        [[maybe_unused]] const auto removed = shared_.disk().remove(fresh.tree_);
    }
}

Result<NewContent> Publication::prepare_content() {
    const bool same = size_ == base_->id().size && changed_.count() == 0;
    if (same || size_ == 0) {
        NewContent fresh(same ? base_->id() : content::kEmptyContent);
        fresh.data_ = staged_.path();
        fresh.known_ = true;
        return fresh;
    }
    if (size_ <= kSmallBytesMax) {
        return prepare_small();
    }
    return changed(0, leaf_count(size_)) ? prepare_whole() : prepare_over_base();
}

Result<> Publication::read(std::uint64_t offset, MutableByteSpan out) const {
    for (const Segment& segment : staged_.segments(offset, out.size())) {
        const auto part = out.subspan(static_cast<std::size_t>(segment.range.offset - offset),
                                      static_cast<std::size_t>(segment.range.length));
        if (segment.from == SegmentFrom::zero) {
            std::fill(part.begin(), part.end(), std::uint8_t{0});
        } else if (segment.from == SegmentFrom::staged) {
            SWARM_CHECK(staged_.read(segment.range.offset, part));
        } else if (auto got = base_->read(segment.range.offset, part); !got) {
            const Code code = got.error().code;
            return code == Code::not_found || code == Code::corrupt
                       ? disk_error(Code::unavailable,
                                    "a part of the version before must be fetched first")
                       : std::move(got).error();
        }
    }
    return done();
}

Result<NewContent> Publication::prepare_small() {
    Bytes bytes(static_cast<std::size_t>(size_));
    SWARM_CHECK(read(0, bytes));
    ContentId id;
    id.size = size_;
    content::hash_leaves(bytes, {&id.root, 1});
    NewContent fresh(id);
    fresh.masks_.add_all();
    fresh.checked_.add_all();
    fresh.small_ = std::move(bytes);
    fresh.data_ = staged_.path();
    return fresh;
}

// Nothing of the base's tree can be used: everything is hashed once, in order.
Result<NewContent> Publication::prepare_whole() {
    const ReadBytes read_bytes = [this](std::uint64_t offset, MutableByteSpan out) {
        return read(offset, out);
    };
    SWARM_TRY(auto fresh, hash_into_new(shared_, size_, read_bytes, give_up_));
    return take_over(std::move(fresh), Kept::copied);
}

Result<NewContent> Publication::prepare_over_base() {
    if (!missing().empty()) {
        return disk_error(Code::unavailable, "a part of the version before must be fetched first");
    }
    SWARM_CHECK(flatten());
    const Kept kept = best_way();
    auto fresh = make_over_base(kept);
    if (fresh && fresh->base_ && lies_over(base_, fresh->id())) {
        forget_tree(*fresh);  // it is what it was before: no content lies over itself
        return make_over_base(Kept::copied);
    }
    return fresh;
}

Publication::Kept Publication::best_way() const {
    const bool little = changed_.bytes() * kLeafBytes <= size_ / kLayeredShare;
    return size_ >= shared_.layered_bytes_min() && little && !base_->in_place() &&
                   base_->id().size > kSmallBytesMax && layers_below(base_) < kLayersMax
               ? Kept::below
               : Kept::copied;
}

// Takes in bases with little of their own: what they have is as if it were written here, over what
// lies below them.
Result<> Publication::flatten() {
    for (auto below = base_->base(); below && base_->complete() && below->complete();
         below = base_->base()) {
        const LeafMasks own = base_->own_leaves();
        const std::uint64_t bound = std::max(2 * changed_.bytes() * kLeafBytes, kTakenInMin);
        if (own.complete() || own.stored_bytes() > bound) {
            return done();
        }
        Result<> taken = done();
        Bytes leaf;
        own.for_each([&](ChunkIndex chunk, std::uint16_t bits) {
            for (unsigned i = 0; i < kLeavesPerChunk && taken; ++i) {
                const std::uint64_t at = (first_leaf(chunk) + i).value * kLeafBytes;
                if ((bits >> i & 1) == 0 || at >= size_) {
                    continue;
                }
                for (const Segment& part : staged_.segments(at, kLeafBytes)) {
                    if (part.from != SegmentFrom::base || !taken) {
                        continue;
                    }
                    leaf.resize(static_cast<std::size_t>(part.range.length));
                    taken = read(part.range.offset, leaf);
                    taken = taken ? staged_.fill(part.range.offset, leaf) : std::move(taken);
                }
            }
        });
        SWARM_CHECK(std::move(taken));
        base_ = std::move(below);
        find_changed();
    }
    return done();
}

Result<NewContent> Publication::make_over_base(Kept kept) {
    const Path path = shared_.incoming_path(".tree");
    SWARM_TRY(const auto tree, shared_.disk().open(path, Open::create_new));
    auto id = write_tree(*tree, kept);
    Result<> noted = id && kept == Kept::below ? write_base_note(*tree, *id, base_->id()) : done();
    if (!id || !noted) {
        [[maybe_unused]] const auto removed = shared_.disk().remove(path);
        return id ? std::move(noted).error() : std::move(id).error();
    }
    NewContent fresh(*id);
    fresh.tree_ = path;
    return take_over(std::move(fresh), kept);
}

Result<NewContent> Publication::take_over(NewContent fresh, Kept kept) {
    if (auto copied = copy_unchanged(kept == Kept::copied); !copied) {
        forget_tree(fresh);
        return std::move(copied).error();
    }
    note_stored(fresh, kept);
    return fresh;
}

// The base's nodes at their new places, unless they stay below, then those that differ over them. Nodes
// the base does not know are copied as the nothing they are; nobody reads them before they are known.
Result<ContentId> Publication::write_tree(File& tree, Kept kept) {
    const content::TreeShape before(base_->id().size);
    const content::TreeShape after(size_);
    TreeFileSink sink(tree, size_);
    if (kept == Kept::below) {
        SWARM_CHECK(tree.truncate(after.node_offset(after.depth(), 0)));
    } else {
        SWARM_CHECK(base_->base() ? read_tree_over(tree) : copy_tree(tree));
    }
    if (before.depth() < after.depth()) {  // the old root is an inner node now
        SWARM_CHECK(sink.write_nodes(before.depth(), 0, {&base_->id().root, 1}));
    }
    content::ChangedLeaves leaves;
    Bytes buffer;
    std::vector<Hash256> hashes;
    for (const Range& run : changed_.all()) {
        const std::uint64_t end = std::min(run.end() * kLeafBytes, size_);
        for (std::uint64_t offset = run.offset * kLeafBytes; offset < end;) {
            SWARM_CHECK(go_on());
            buffer.resize(static_cast<std::size_t>(std::min(kHashBytesAtOnce, end - offset)));
            SWARM_CHECK(read(offset, buffer));
            hashes.resize(leaf_count(buffer.size()));
            content::hash_leaves(buffer, hashes);
            for (std::size_t i = 0; i < hashes.size(); ++i) {
                leaves[leaf_at(offset) + i] = hashes[i];
            }
            offset += buffer.size();
        }
    }
    return content::change_tree(base_->proven_nodes(), before.size(), size_, leaves, sink);
}

Result<> Publication::copy_tree(File& tree) {
    const content::TreeShape before(base_->id().size);
    const content::TreeShape after(size_);
    const auto old_tree = base_->tree_file(Open::read);
    if (!old_tree) {
        return old_tree.error().code == Code::not_found ? done() : Result<>(old_tree.error());
    }
    SWARM_TRY(const FileStatus status, (*old_tree)->status());
    for (unsigned level = 0; level < std::min(before.depth(), after.depth() + 1); ++level) {
        const std::uint64_t from = before.node_offset(level, 0);
        const std::uint64_t bytes =
            std::min(before.nodes(level), after.nodes(level)) * content::kHashBytes;
        if (from < status.size) {
            SWARM_CHECK(tree.copy_from(**old_tree, from, after.node_offset(level, 0),
                                       std::min(bytes, status.size - from)));
        }
    }
    return done();
}

// The same through memory, for a base that lies over another one: its nodes are in several files.
Result<> Publication::read_tree_over(File& tree) {
    constexpr std::uint64_t kNodesAtOnce = 1 << 15;  // 1 MiB
    const content::TreeShape before(base_->id().size);
    const content::TreeShape after(size_);
    std::vector<Hash256> nodes;
    for (unsigned level = 0; level < std::min(before.depth(), after.depth() + 1); ++level) {
        const std::uint64_t end = std::min(before.nodes(level), after.nodes(level));
        for (std::uint64_t at = 0; at < end; at += nodes.size()) {
            SWARM_CHECK(go_on());
            nodes.resize(static_cast<std::size_t>(std::min(kNodesAtOnce, end - at)));
            SWARM_CHECK(base_->read_tree(level, at, nodes));
            SWARM_CHECK(tree.write_at(after.node_offset(level, at), content::bytes_of(nodes)));
        }
    }
    return done();
}

// The staged file becomes the content's: the base's parts of changed leaves are filled in, and, where
// all is to be in it, its stored unchanged leaves copied (shared, where the file system can).
Result<> Publication::copy_unchanged(bool all) {
    SWARM_TRY(const auto target, shared_.disk().open(staged_.path(), Open::write));
    std::shared_ptr<File> source;  // absent: copied through memory, and hashed on the way
    if (!base_->in_place() && !base_->base() && base_->id().size > kSmallBytesMax) {
        if (auto file = base_->data_file(Open::read)) {
            source = *file;
        }
    }
    std::uint64_t begin = 0;  // of what is to be copied, in bytes
    std::uint64_t end = 0;
    const auto copy = [&]() -> Result<> {
        return begin == end ? done() : copy_range(*target, source.get(), begin, end - begin);
    };
    for (const Segment& segment : staged_.segments(0, size_)) {
        if (segment.from != SegmentFrom::base) {
            continue;
        }
        for (std::uint64_t at = segment.range.offset; at < segment.range.end();) {
            const LeafIndex leaf = leaf_at(at);
            std::uint64_t next = std::min((leaf.value + 1) * kLeafBytes, segment.range.end());
            const bool wanted = all || changed(leaf.value, leaf.value + 1);
            if (wanted && base_->has(at, next - at)) {
                if (end != at) {
                    SWARM_CHECK(copy());
                    begin = at;
                }
                end = next;
            } else if (!wanted) {  // on to the segment's last leaf: none before it changed
                next = std::max(next, leaf_at(segment.range.end() - 1).value * kLeafBytes);
            }
            at = next;
        }
    }
    SWARM_CHECK(copy());
    return staged_.make_whole();
}

void Publication::note_stored(NewContent& fresh, Kept kept) const {
    for (ChunkIndex chunk; chunk.value < chunk_count(size_); ++chunk) {
        const std::uint64_t first = first_leaf(chunk).value;
        const std::uint64_t leaves = leaves_in_chunk(size_, chunk);
        std::uint16_t hashed = 0;
        if (!unchanged(first, first + leaves)) {
            for (unsigned leaf = 0; leaf < leaves; ++leaf) {
                const bool is = changed(first + leaf, first + leaf + 1);
                hashed = static_cast<std::uint16_t>(hashed | (is ? 1U << leaf : 0U));
            }
        }
        const bool has_base = chunk.value < chunk_count(base_->id().size);
        const std::uint16_t stored = has_base ? base_->leaf_mask(chunk) : std::uint16_t{0};
        fresh.masks_.add(chunk, static_cast<std::uint16_t>(stored | hashed));
        fresh.checked_.add(chunk, hashed);
        if (kept == Kept::below) {
            fresh.own_.add(chunk, hashed);
        }
    }
    if (kept == Kept::below) {
        fresh.base_ = base_;
    }
    fresh.data_ = staged_.path();
}

Result<> Publication::copy_range(File& target, const File* source, std::uint64_t offset,
                                 std::uint64_t length) {
    while (source != nullptr && length > 0) {
        SWARM_CHECK(go_on());
        SWARM_TRY(const std::uint64_t data, source->next_data(offset));
        if (data > offset) {  // a hole of the base is one of the new version
            const std::uint64_t part = std::min(data - offset, length);
            SWARM_CHECK(staged_.clear({offset, part}));
            offset += part;
            length -= part;
            continue;
        }
        SWARM_TRY(const std::uint64_t hole, source->next_hole(offset));
        const std::uint64_t part = std::min({kCopyBytesAtOnce, length, hole - offset});
        SWARM_CHECK(target.copy_from(*source, offset, offset, part));
        offset += part;
        length -= part;
    }
    Bytes buffer;
    while (length > 0) {
        SWARM_CHECK(go_on());
        buffer.resize(static_cast<std::size_t>(std::min(kHashBytesAtOnce, length)));
        SWARM_CHECK(base_->read(offset, buffer));
        SWARM_CHECK(target.write_at(offset, buffer));
        offset += buffer.size();
        length -= buffer.size();
    }
    return done();
}

}  // namespace swarmfs::store
