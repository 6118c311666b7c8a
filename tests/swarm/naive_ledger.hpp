#pragma once
// RequestLedger as a plain list of who owes which leaf. Its twin in tests and in ledger_fuzz: who
// owes what, and what weighs how much; times are tested by their rules.

#include <algorithm>
#include <bit>
#include <vector>

#include "engine/swarm/request_ledger.hpp"

namespace swarmfs::test {

class NaiveLedger {
public:
    explicit NaiveLedger(std::uint64_t content_size) : size_(content_size) {}

    struct Owed {
        std::uint32_t peer = 0;
        std::uint32_t content = 0;
        std::uint64_t chunk = 0;
        unsigned leaf = 0;
        std::uint64_t ask = 0;
    };

    void ask(std::uint32_t peer, std::uint32_t content, std::uint64_t chunk,
             swarm::LeafMask leaves) {
        ++asks_;
        for (unsigned leaf = 0; leaf < 16; ++leaf) {
            if ((leaves >> leaf & 1) != 0) {
                owed_.push_back({peer, content, chunk, leaf, asks_});
            }
        }
    }
    // Returns: which of the leaves it owed.
    swarm::LeafMask settle(std::uint32_t peer, std::uint32_t content, std::uint64_t chunk,
                           swarm::LeafMask leaves) {
        unsigned settled = 0;
        std::erase_if(owed_, [&](const Owed& o) {
            const bool hit = o.peer == peer && o.content == content && o.chunk == chunk &&
                             (leaves >> o.leaf & 1) != 0;
            settled |= hit ? 1U << o.leaf : 0U;
            return hit;
        });
        return static_cast<swarm::LeafMask>(settled);
    }
    void settle_others(std::uint32_t content, std::uint64_t chunk, swarm::LeafMask leaves) {
        std::erase_if(owed_, [&](const Owed& o) {
            return o.content == content && o.chunk == chunk && (leaves >> o.leaf & 1) != 0;
        });
    }
    std::size_t release(std::uint32_t peer) {
        return std::erase_if(owed_, [&](const Owed& o) { return o.peer == peer; });
    }
    swarm::LeafMask asked(std::uint32_t content, std::uint64_t chunk, int peer = -1) const {
        unsigned mask = 0;
        for (const Owed& o : owed_) {
            if (o.content == content && o.chunk == chunk &&
                (peer < 0 || o.peer == static_cast<std::uint32_t>(peer))) {
                mask |= 1U << o.leaf;
            }
        }
        return static_cast<swarm::LeafMask>(mask);
    }
    std::uint64_t outstanding(std::uint32_t peer) const {
        std::uint64_t bytes = 0;
        std::vector<std::uint64_t> asks;
        for (const Owed& o : owed_) {
            if (o.peer == peer) {
                bytes += leaf_bytes(size_, first_leaf(ChunkIndex(o.chunk)) + o.leaf);
                asks.push_back(o.ask);
            }
        }
        std::sort(asks.begin(), asks.end());
        const auto last = std::unique(asks.begin(), asks.end());
        return bytes +
               static_cast<std::uint64_t>(last - asks.begin()) * swarm::RequestLedger::kAskOverhead;
    }

private:
    const std::uint64_t size_;
    std::vector<Owed> owed_;
    std::uint64_t asks_ = 0;
};

}  // namespace swarmfs::test
