#include "engine/content/hash_tree.hpp"

#include <algorithm>

#include "engine/core/assert.hpp"
#include "engine/crypto/hash.hpp"
#include "engine/crypto/merkle.hpp"

namespace swarmfs::content {

Result<> TreeFold::add(const Hash256& leaf) {
    SWARM_ASSERT(added_ < shape_.leaves());
    ++added_;
    return push(0, leaf);
}

Result<ContentId> TreeFold::finish() {
    SWARM_ASSERT(added_ == shape_.leaves());
    for (unsigned level = 0; level <= shape_.depth(); ++level) {
        SWARM_CHECK(flush(level));
    }
    return ContentId{root_, shape_.size()};
}

Result<> TreeFold::push(unsigned level, const Hash256& node) {
    Row& row = rows_[level];
    row.pending.push_back(node);
    return row.pending.size() == kRunNodes ? flush(level) : done();
}

Result<> TreeFold::flush(unsigned level) {
    Row& row = rows_[level];
    if (row.pending.empty()) {
        return done();
    }
    SWARM_CHECK(sink_.write_nodes(level, row.first, row.pending));
    if (level == shape_.depth()) {
        root_ = row.pending[0];
        row.pending.clear();
        return done();
    }
    for (std::size_t i = 0; i < row.pending.size(); i += 2) {
        const bool paired = i + 1 < row.pending.size();
        SWARM_CHECK(push(
            level + 1, crypto::sha256_pair(row.pending[i], paired ? row.pending[i + 1]
                                                                  : crypto::zero_subtree(level))));
    }
    row.first += row.pending.size();
    row.pending.clear();
    return done();
}

HashTree::HashTree(std::uint64_t size, std::vector<Hash256> leaves) : shape_(size) {
    SWARM_ASSERT(leaves.size() == shape_.leaves());
    levels_.push_back(std::move(leaves));
    for (unsigned level = 0; level < shape_.depth(); ++level) {
        const std::vector<Hash256>& below = levels_[level];
        std::vector<Hash256> above;
        above.reserve(shape_.nodes(level + 1));
        for (std::size_t i = 0; i < below.size(); i += 2) {
            const bool paired = i + 1 < below.size();
            above.push_back(
                crypto::sha256_pair(below[i], paired ? below[i + 1] : crypto::zero_subtree(level)));
        }
        levels_.push_back(std::move(above));
    }
}

ContentId HashTree::id() const {
    return {shape_.leaves() == 0 ? Hash256{} : levels_.back()[0], shape_.size()};
}

std::span<const Hash256> HashTree::level(unsigned level) const {
    SWARM_ASSERT(level < levels_.size());
    return levels_[level];
}

Result<> HashTree::read_nodes(unsigned at, std::uint64_t first, std::span<Hash256> out) const {
    const auto row = level(at);
    SWARM_ASSERT(first <= row.size() && out.size() <= row.size() - first);
    std::copy_n(row.begin() + static_cast<std::ptrdiff_t>(first), out.size(), out.begin());
    return done();
}

Result<> HashTree::write_to(NodeSink& sink) const {
    for (unsigned at = 0; at < levels_.size(); ++at) {
        if (!levels_[at].empty()) {
            SWARM_CHECK(sink.write_nodes(at, 0, levels_[at]));
        }
    }
    return done();
}

}  // namespace swarmfs::content
