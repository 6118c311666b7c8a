#include "engine/store/inheritance.hpp"

#include <algorithm>

#include "engine/store/layered_file.hpp"
#include "engine/store/store_shared.hpp"

namespace swarmfs::store {
namespace {

// An older version with no more of its own than this, or than twice what the new one has, is not kept
// for the sake of that. So each has more than twice what lies over it, and few lie over another.
constexpr std::uint64_t kCopiedMin = 1 << 20;

}  // namespace

std::vector<LeafIndex> Inheritance::find(std::size_t count_max) {
    shared_.clear();
    unknown_.clear();
    const bool in_files = fresh_->id().size > kSmallBytesMax && older_->id().size > kSmallBytesMax;
    if (in_files && !fresh_->complete() && !fresh_->in_place() && !older_->in_place()) {
        look(fresh_->shape_.depth(), 0, count_max);
    }
    return unknown_;
}

// Rule 1. As many leaves below it in both, and the last of them of one length.
bool Inheritance::covers_the_same(unsigned level, std::uint64_t index) const {
    const auto end_in = [&](const content::TreeShape& shape) {
        return std::min((index + 1) << level, shape.leaves());
    };
    const std::uint64_t end = end_in(fresh_->shape_);
    return end == end_in(older_->shape_) && index << level < end &&
           leaf_bytes(fresh_->id().size, LeafIndex(end - 1)) ==
               leaf_bytes(older_->id().size, LeafIndex(end - 1));
}

// Requires: the node is real, and known of the new tree.
void Inheritance::look(unsigned level, std::uint64_t index, std::size_t count_max) {
    const unsigned top = fresh_->shape_.chunk_level();
    const auto node = fresh_->trusted_node(level, index);
    if (!node || level < top) {
        return;
    }
    if (covers_the_same(level, index) && older_->knows_node(level, index)) {
        const auto old = older_->trusted_node(level, index);
        if (old && *old == *node) {
            shared_.push_back({{level, *node}, index});
            return;
        }
    }
    if (level == top) {
        return;  // it differs: a chunk is fetched as a whole
    }
    if (fresh_->knows_node(level - 1, index * 2)) {
        look(level - 1, index * 2, count_max);
        if (fresh_->shape_.is_real(level - 1, index * 2 + 1)) {
            look(level - 1, index * 2 + 1, count_max);
        }
        return;
    }
    if (unknown_.size() < count_max) {
        const std::uint64_t end = std::min((index + 1) << level, fresh_->shape_.leaves());
        unknown_.push_back(LeafIndex(((index << level) + end - 1) / 2));
    }
}

Result<std::uint64_t> Inheritance::take() {
    if (shared_.empty()) {
        return std::uint64_t{0};
    }
    const std::uint64_t before = fresh_->stored_bytes();
    below_ = older_;
    const auto settled = fresh_->base();  // what it lies over since an earlier look
    for (auto under = below_->base(); under && below_ != settled; under = below_->base()) {
        const LeafMasks own = below_->own_leaves();
        const std::uint64_t bound = std::max(kCopiedMin, 2 * fresh_->stored_bytes());
        if (own.complete() || (!settled && own.stored_bytes() > bound)) {
            break;
        }
        SWARM_CHECK(copy_own(own));
        below_ = std::move(under);
    }
    if (settled ? below_ == settled
                : layers_below(below_) < kLayersMax && !lies_over(below_, fresh_->id())) {
        SWARM_CHECK(lie_over());
    }
    return fresh_->stored_bytes() - before;
}

Result<> Inheritance::for_each_shared(
    const std::function<Result<>(const Shared&, ChunkIndex)>& visit) const {
    for (const Shared& shared : shared_) {
        const unsigned up = shared.node.level - fresh_->shape_.chunk_level();
        const ChunkIndex end(std::min((shared.index + 1) << up, fresh_->shape_.chunks()));
        for (ChunkIndex chunk(shared.index << up); chunk < end; ++chunk) {
            SWARM_CHECK(visit(shared, chunk));
        }
    }
    return done();
}

Result<> Inheritance::copy_own(const LeafMasks& own) {
    return for_each_shared([&](const Shared& shared, ChunkIndex chunk) {
        const auto bits = static_cast<std::uint16_t>(own.mask(chunk) & older_->leaf_mask(chunk) &
                                                     ~fresh_->leaf_mask(chunk));
        return bits == 0 ? done() : copy_chunk(shared, chunk, bits);
    });
}

// As if a peer had sent the leaves with their proof.
Result<> Inheritance::copy_chunk(const Shared& shared, ChunkIndex chunk, std::uint16_t bits) {
    SWARM_TRY(const auto proof, older_->chunk_proof(chunk, shared.node.level));
    SWARM_TRY(const auto proven,
              content::verify_chunk_proof(fresh_->id().size, chunk, shared.node, proof));
    Bytes leaf;
    for (unsigned i = 0; i < proven.count; ++i) {
        if ((bits >> i & 1) == 0) {
            continue;
        }
        const LeafIndex index = first_leaf(chunk) + i;
        leaf.resize(static_cast<std::size_t>(leaf_bytes(fresh_->id().size, index)));
        const auto got = older_->read(index.value * kLeafBytes, leaf);
        if (!got || !content::leaf_matches(proven, i, leaf)) {
            continue;  // it was lost just now: it will be fetched
        }
        const ByteSpan span(leaf);
        SWARM_CHECK(fresh_->write_verified(chunk, i, {&span, 1}, proven));
    }
    return done();
}

Result<> Inheritance::lie_over() {
    StoredContent& fresh = *fresh_;
    const std::unique_lock files(fresh.files_mutex_);
    SWARM_TRY(const auto tree, fresh.tree_file(Open::create));
    SWARM_CHECK(fresh.data_file(Open::create));
    SWARM_CHECK(write_base_note(*tree, fresh.id(), below_->id()));
    {
        const std::lock_guard lock(fresh.mutex_);
        if (fresh.masks_.complete() || fresh.replaced_ || !fresh.places_.empty() ||
            (fresh.base_ && fresh.base_ != below_)) {
            return done();
        }
        if (!fresh.base_) {
            fresh.own_ = fresh.masks_;
            fresh.own_.change_all();
            fresh.base_ = below_;
        }
        SWARM_CHECK(for_each_shared([&](const Shared&, ChunkIndex chunk) {
            fresh.masks_.add(chunk, older_->leaf_mask(chunk));
            return done();
        }));
    }
    fresh.note_change();
    return done();
}

}  // namespace swarmfs::store
