#include "engine/content/changed_tree.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "engine/crypto/hash.hpp"
#include "engine/crypto/merkle.hpp"

namespace swarmfs::content {

namespace {

// Computed nodes handed on at once: a page of hashes.
constexpr std::size_t kRunNodes = 128;

// The hash of 2^level whole leaves of zero bytes.
const Hash256& hole_subtree(unsigned level) {
    static const auto table = [] {
        std::array<Hash256, kTreeDepthMax + 1> rows;
        rows[0] = crypto::sha256(std::vector<std::uint8_t>(kLeafBytes));
        for (std::size_t i = 1; i < rows.size(); ++i) {
            rows[i] = crypto::sha256_pair(rows[i - 1], rows[i - 1]);
        }
        return rows;
    }();
    return table[level];
}

class Change {
public:
    Change(const NodeSource& old, TreeShape before, TreeShape after, const ChangedLeaves& changed,
           NodeSink& sink)
        : old_(old), before_(before), after_(after), changed_(changed), sink_(sink) {}

    // Computes and writes what differs at and below (level, index). Recurses at most 36 deep.
    Result<Hash256> node(unsigned level, std::uint64_t index) {
        if (!after_.is_real(level, index)) {
            return crypto::zero_subtree(level);
        }
        const bool untouched = !touched(level, index);
        if (untouched && covers_the_same(level, index)) {
            Hash256 kept;
            SWARM_CHECK(old_.read_nodes(level, index, {&kept, 1}));
            return kept;
        }
        if (untouched && (index << level) >= before_.leaves() &&
            (index + 1) << level <= after_.leaves()) {
            SWARM_CHECK(write_holes(level, index));
            return hole_subtree(level);
        }
        Hash256 hash;
        if (level == 0) {
            hash = changed_.at(LeafIndex(index));
        } else {
            SWARM_TRY(const Hash256 left, node(level - 1, index * 2));
            SWARM_TRY(const Hash256 right, node(level - 1, index * 2 + 1));
            hash = crypto::sha256_pair(left, right);
        }
        SWARM_CHECK(write(level, index, hash));
        return hash;
    }

    Result<> flush() {
        for (unsigned level = 0; level <= after_.depth(); ++level) {
            SWARM_CHECK(flush(level));
        }
        return done();
    }

private:
    struct Run {
        std::uint64_t first = 0;
        std::vector<Hash256> nodes;
    };

    bool touched(unsigned level, std::uint64_t index) const {
        const auto found = changed_.lower_bound(LeafIndex(index << level));
        return found != changed_.end() && found->first < LeafIndex((index + 1) << level);
    }

    bool covers_the_same(unsigned level, std::uint64_t index) const {
        const std::uint64_t end = (index + 1) << level;
        return level <= before_.depth() &&
               std::min(end, before_.leaves()) == std::min(end, after_.leaves());
    }

    Result<> write_holes(unsigned level, std::uint64_t index) {
        for (unsigned below = 0; below <= level; ++below) {
            const std::uint64_t first = index << (level - below);
            const std::uint64_t end = (index + 1) << (level - below);
            for (std::uint64_t i = first; i < end; ++i) {
                SWARM_CHECK(write(below, i, hole_subtree(below)));
            }
        }
        return done();
    }

    Result<> write(unsigned level, std::uint64_t index, const Hash256& hash) {
        Run& run = runs_[level];
        if (run.nodes.size() == kRunNodes || index != run.first + run.nodes.size()) {
            SWARM_CHECK(flush(level));
            run.first = index;
        }
        run.nodes.push_back(hash);
        return done();
    }

    Result<> flush(unsigned level) {
        Run& run = runs_[level];
        if (!run.nodes.empty()) {
            SWARM_CHECK(sink_.write_nodes(level, run.first, run.nodes));
            run.first += run.nodes.size();
            run.nodes.clear();
        }
        return done();
    }

    const NodeSource& old_;
    TreeShape before_;
    TreeShape after_;
    const ChangedLeaves& changed_;
    NodeSink& sink_;
    std::array<Run, kTreeDepthMax + 1> runs_;
};

Result<> check_given(std::uint64_t old_size, std::uint64_t new_size, const ChangedLeaves& changed) {
    if (!changed.empty() && changed.rbegin()->first.value >= leaf_count(new_size)) {
        return caller_error(Code::invalid, "a changed leaf lies beyond the end of the new version");
    }
    // Leaves that are short in either version and last in it are the only ones whose length can
    // differ without their bytes having been written.
    for (const std::uint64_t size : {old_size, new_size}) {
        if (size % kLeafBytes == 0) {
            continue;
        }
        const LeafIndex last = leaf_at(size);
        const std::uint64_t length = leaf_bytes(new_size, last);
        if (length != 0 && length != leaf_bytes(old_size, last) && !changed.contains(last)) {
            return caller_error(Code::invalid, "a leaf whose length changed was not given");
        }
    }
    return done();
}

}  // namespace

Result<ContentId> change_tree(const NodeSource& old, std::uint64_t old_size, std::uint64_t new_size,
                              const ChangedLeaves& changed, NodeSink& sink) {
    const TreeShape before(old_size);
    const TreeShape after(new_size);
    SWARM_CHECK(check_given(old_size, new_size, changed));
    if (new_size == 0) {
        return kEmptyContent;
    }
    Change change(old, before, after, changed, sink);
    SWARM_TRY(const Hash256 root, change.node(after.depth(), 0));
    SWARM_CHECK(change.flush());
    return ContentId{root, new_size};
}

}  // namespace swarmfs::content
