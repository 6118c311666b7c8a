#include "engine/node/replication.hpp"

#include <algorithm>
#include <bit>
#include <tuple>

#include "engine/core/assert.hpp"
#include "engine/core/wire.hpp"
#include "engine/crypto/hash.hpp"

namespace swarmfs::node {
namespace {

static_assert(Parcels::kChunks % 64 == 0);  // whole words of a ChunkSet

// Rule 2.
Hash256 weight_of(const ContentId& content, std::uint64_t parcel, const NodeId& node) {
    Bytes bytes;
    WireWriter writer(bytes);
    writer.fixed(content.root);
    writer.u64(content.size);
    writer.u64(parcel);
    writer.fixed(node);
    return crypto::sha256(bytes);
}

// The chunks of 64 that lie in the range; `word` is of ChunkSet::word.
std::uint64_t bits_in(const swarm::ChunkRange& range, std::uint64_t word) {
    const std::uint64_t end = range.first.value + range.count;
    const std::uint64_t begin_of_word = word * 64;
    return end >= begin_of_word + 64 ? ~std::uint64_t{0}
                                     : (std::uint64_t{1} << (end - begin_of_word)) - 1;
}

// One parcel as it is held.
struct Held {
    std::vector<NodeId> whole;
    std::vector<NodeId> in_part;
    std::vector<NodeId> none;
    bool available = false;
};

Held held_of(const Sight& sight, const swarm::ChunkRange& range) {
    Held held;
    const std::uint64_t first_word = range.first.value / 64;
    const std::uint64_t end_word = (range.first.value + range.count + 63) / 64;
    std::vector<std::uint64_t> together(end_word - first_word);
    for (const auto& member : sight.members) {
        std::uint64_t count = 0;
        for (std::uint64_t word = first_word; word < end_word; ++word) {
            const std::uint64_t bits =
                (member.held.all ? ~std::uint64_t{0} : member.held.some.word(word)) &
                bits_in(range, word);
            together[word - first_word] |= bits;
            count += static_cast<std::uint64_t>(std::popcount(bits));
        }
        (count == range.count ? held.whole
         : count > 0          ? held.in_part
                              : held.none)
            .push_back(member.node);
    }
    std::uint64_t available = 0;
    for (const std::uint64_t bits : together) {
        available += static_cast<std::uint64_t>(std::popcount(bits));
    }
    held.available = available == range.count;
    return held;
}

bool contains(const std::vector<NodeId>& nodes, const NodeId& node) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

}  // namespace

Parcels::Parcels(const ContentId& content)
    : size_(content.size), chunks_(chunk_count(content.size)) {
    SWARM_ASSERT(size_ > 0);
    const std::uint64_t parcels = (chunks_ + kChunks - 1) / kChunks;
    each_ = kChunks * ((parcels + kParcelsMax - 1) / kParcelsMax);
    count_ = (chunks_ + each_ - 1) / each_;
}

swarm::ChunkRange Parcels::range(std::uint64_t parcel) const {
    const std::uint64_t first = parcel * each_;
    return {ChunkIndex(first), std::min(each_, chunks_ - first)};
}

std::uint64_t Parcels::bytes(std::uint64_t parcel) const {
    const swarm::ChunkRange range = this->range(parcel);
    const std::uint64_t begin = range.first.value * kChunkBytes;
    return std::min(size_ - begin, range.count * kChunkBytes);
}

std::vector<NodeId> ranked(const ContentId& content, std::uint64_t parcel,
                           std::vector<NodeId> nodes) {
    std::vector<std::pair<Hash256, NodeId>> weighed;
    weighed.reserve(nodes.size());
    for (const NodeId& node : nodes) {
        weighed.emplace_back(weight_of(content, parcel, node), node);
    }
    std::sort(weighed.begin(), weighed.end(), std::greater<>());
    std::transform(weighed.begin(), weighed.end(), nodes.begin(),
                   [](const auto& one) { return one.second; });
    return nodes;
}

std::map<NodeId, std::uint64_t> chunks_held(const Sight& sight) {
    std::map<NodeId, std::uint64_t> counts;
    for (const auto& member : sight.members) {
        counts[member.node] =
            member.held.all ? chunk_count(sight.content.size) : member.held.some.count();
    }
    return counts;
}

bool lost_a_holder(const Sight& sight) {
    return std::any_of(sight.held_before.begin(), sight.held_before.end(), [&](const auto& before) {
        return before.second > 0 &&
               std::none_of(sight.members.begin(), sight.members.end(),
                            [&](const auto& now) { return now.node == before.first; });
    });
}

Outlook look_at(const Sight& sight, TimePoint now) {
    const Parcels parcels(sight.content);
    const auto counts = chunks_held(sight);
    const auto grew = [&](const NodeId& node) {
        const auto before = sight.held_before.find(node);
        return before != sight.held_before.end() && counts.at(node) > before->second;
    };
    Outlook outlook;
    outlook.enough = true;
    outlook.copies = static_cast<std::uint32_t>(sight.members.size());
    std::optional<std::tuple<std::size_t, Hash256>> best;
    for (std::uint64_t parcel = 0; parcel < parcels.count(); ++parcel) {
        const Held held = held_of(sight, parcels.range(parcel));
        const std::size_t copies = held.whole.size();
        outlook.copies = std::min(outlook.copies, static_cast<std::uint32_t>(copies));
        outlook.available = outlook.available && held.available;
        if (copies >= sight.replicas) {
            continue;
        }
        outlook.enough = false;
        if (!held.available || contains(held.whole, sight.self)) {
            continue;
        }
        std::size_t lacking = sight.replicas - copies;
        std::vector<NodeId> others = held.none;
        for (const NodeId& node : held.in_part) {
            if (node != sight.self && grew(node)) {
                lacking -= lacking > 0 ? 1 : 0;  // rule 4
            } else {
                others.push_back(node);
            }
        }
        if (lacking == 0) {
            continue;
        }
        const auto order = ranked(sight.content, parcel, std::move(others));
        const auto place = static_cast<std::size_t>(
            std::find(order.begin(), order.end(), sight.self) - order.begin());
        const auto turns = static_cast<int>(place < lacking ? 0 : place - lacking + 1);
        const TimePoint due = sight.since + turns * sight.patience.turn;
        if (due > now) {
            outlook.again = std::min(outlook.again, due);
            continue;
        }
        const std::tuple rank{copies, weight_of(sight.content, parcel, sight.self)};
        if (!best || rank < *best) {
            best = rank;
            outlook.take = parcel;
        }
    }
    return outlook;
}

}  // namespace swarmfs::node
