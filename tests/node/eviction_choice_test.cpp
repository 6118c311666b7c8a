// How much goes, and how near to the oldest what goes is.

#include "engine/node/eviction_choice.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "engine/core/dice.hpp"

using namespace swarmfs;
using namespace swarmfs::node;

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

CacheLimits limits(std::optional<std::uint64_t> max_bytes, MinFree min_free = {0, 0}) {
    return {max_bytes, min_free};
}

}  // namespace

TEST_CASE("what goes brings back the margin below the limit, and above the floor of the disk") {
    const Room plenty{1000 * kMiB, 2000 * kMiB};
    CHECK(margin_of(16 * kMiB) == 4 * kMiB);
    CHECK(margin_of(1000 * kMiB) == 64 * kMiB);
    CHECK(bytes_to_evict(limits({}), 900 * kMiB, plenty) == 0);
    CHECK(bytes_to_evict(limits(16 * kMiB), 12 * kMiB, plenty) == 0);
    CHECK(bytes_to_evict(limits(16 * kMiB), 20 * kMiB, plenty) == 8 * kMiB);
    CHECK(bytes_to_evict(limits({}, {1100 * kMiB, 0}), 900 * kMiB, plenty) == 164 * kMiB);
    CHECK(bytes_to_evict(limits({}, {0, 60}), 900 * kMiB, plenty) == 264 * kMiB);
    CHECK(bytes_to_evict(limits({}, {1001 * kMiB, 0}), 900 * kMiB, {1001 * kMiB, 2000 * kMiB}) ==
          0);
    CHECK(bytes_to_evict(limits({}, {0, 60}), 50 * kMiB, plenty) == 50 * kMiB);
    CHECK(bytes_to_evict(limits({}, {1100 * kMiB, 0}), 900 * kMiB, Room{}) == 0);
    CHECK(bytes_to_evict(limits(16 * kMiB, {1100 * kMiB, 0}), 500 * kMiB, plenty) == 488 * kMiB);
}

TEST_CASE("the pool gives the oldest it was offered, each once, and forgets the newest") {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        SeededDice dice(seed);
        EvictionPool pool;
        std::vector<EvictionCandidate> naive;  // the oldest first
        for (int step = 0; step < 100; ++step) {
            if (dice.below(3) > 0) {
                EvictionCandidate one;
                one.last_use = dice.below(50);
                one.content.size = 1 + dice.below(3);
                one.chunk = ChunkIndex(dice.below(20));
                const bool known = std::any_of(naive.begin(), naive.end(), [&](const auto& other) {
                    return other.content == one.content && other.chunk == one.chunk;
                });
                pool.offer(one);
                if (!known) {
                    naive.push_back(one);
                    std::sort(naive.begin(), naive.end());
                    naive.resize(std::min(naive.size(), EvictionPool::kPool));
                }
            } else {
                const auto taken = pool.take();
                REQUIRE(taken.has_value() == !naive.empty());
                if (taken) {
                    CHECK(*taken == naive.front());
                    naive.erase(naive.begin());
                }
            }
            CHECK(pool.size() == naive.size());
        }
    }
}

TEST_CASE("two draws for each that goes come near to least recently used") {
    // A cache of 1000 chunks, in which one comes and one goes 20,000 times. Exact LRU has the oldest
    // go, at rank 0; picking at random, rank 500 on average.
    SeededDice dice(7);
    std::map<std::uint64_t, std::uint64_t> stamps;  // by chunk
    EvictionPool pool;
    std::uint64_t now = 0;
    std::uint64_t next = 0;
    for (; next < 1000; ++next) {
        stamps[next] = ++now;
    }
    std::uint64_t ranks = 0;
    constexpr std::uint64_t kRounds = 20'000;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
        const std::size_t draws = pool.size() < EvictionPool::kPool ? EvictionPool::kPool : 2;
        for (std::size_t i = 0; i < draws; ++i) {
            const auto at =
                std::next(stamps.begin(), static_cast<std::ptrdiff_t>(dice.below(1000)));
            pool.offer({at->second, {}, ChunkIndex(at->first)});
        }
        const auto oldest = pool.take();
        REQUIRE(oldest.has_value());
        const std::uint64_t stamp = stamps.at(oldest->chunk.value);
        ranks += static_cast<std::uint64_t>(std::count_if(
            stamps.begin(), stamps.end(), [&](const auto& one) { return one.second < stamp; }));
        stamps.erase(oldest->chunk.value);
        stamps[next++] = ++now;
    }
    CHECK(ranks / kRounds < 100);
}
