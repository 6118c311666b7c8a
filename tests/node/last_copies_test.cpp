// Whatever each member has heard, and however late: by eviction alone no chunk is lost.

#include "engine/node/last_copies.hpp"

#include <doctest/doctest.h>

#include <map>

#include "engine/core/dice.hpp"

using namespace swarmfs;
using namespace swarmfs::node;

namespace {

NodeId node_of(std::uint64_t number) {
    NodeId id;
    SeededDice(number).fill(id.bytes);
    return id;
}

ContentId content_of(std::uint64_t seed, std::uint64_t chunks) {
    ContentId content;
    SeededDice(seed).fill(content.root.bytes);
    content.size = chunks * kChunkBytes;
    return content;
}

swarm::Survey::Answer answer(const NodeId& node, std::initializer_list<std::uint64_t> chunks) {
    swarm::Survey::Answer one{node, {}};
    for (const std::uint64_t chunk : chunks) {
        one.held.some.insert(ChunkIndex(chunk));
    }
    return one;
}

}  // namespace

TEST_CASE("a reader evicts what its author holds, and nothing that nobody else does") {
    const ContentId content = content_of(1, 4);
    const NodeId author = node_of(1);
    const NodeId reader = node_of(2);
    const LastCopies connected(content, reader, {author}, 1, {answer(author, {0, 1, 2})});
    CHECK(connected.may_go(ChunkIndex(0)));
    CHECK_FALSE(connected.may_go(ChunkIndex(3)));
    CHECK_FALSE(connected.none_may_go());
    CHECK(LastCopies(content, reader, {author}, 1, {}).none_may_go());
    CHECK(LastCopies(content, reader, {author}, 2, {answer(author, {0})}).none_may_go());
    CHECK(LastCopies(content, author, {author}, 1, {answer(reader, {0})}).none_may_go());
}

TEST_CASE("of two readers without an author one keeps what both hold") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const ContentId content = content_of(seed, 2);
        const NodeId a = node_of(100 + seed);
        const NodeId b = node_of(200 + seed);
        const NodeId gone = node_of(300);
        const bool a_evicts =
            LastCopies(content, a, {gone}, 1, {answer(b, {0})}).may_go(ChunkIndex(0));
        const bool b_evicts =
            LastCopies(content, b, {gone}, 1, {answer(a, {0})}).may_go(ChunkIndex(0));
        CHECK(a_evicts != b_evicts);
    }
}

TEST_CASE("no chunk loses its last copies, by any graph of who sees whom and answers of any age") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        CAPTURE(seed);
        SeededDice dice(seed);
        constexpr std::uint64_t kChunks = 3;
        const std::uint64_t count = 2 + dice.below(7);
        const auto replicas = static_cast<std::uint32_t>(1 + dice.below(3));
        const ContentId content = content_of(seed, kChunks);
        std::vector<NodeId> nodes;
        std::vector<std::set<std::uint64_t>> held(count);
        std::set<NodeId> authors;
        for (std::uint64_t i = 0; i < count; ++i) {
            nodes.push_back(node_of(seed * 100 + i));
            for (std::uint64_t chunk = 0; chunk < kChunks; ++chunk) {
                if (dice.below(3) > 0) {
                    held[i].insert(chunk);
                }
            }
        }
        if (dice.below(2) == 0) {
            authors.insert(nodes[dice.below(count)]);
        }
        // Everybody heard everything once; from then on, answers come as they please.
        std::vector<std::vector<std::set<std::uint64_t>>> heard(count, held);
        std::vector<std::vector<bool>> sees(count, std::vector<bool>(count));
        std::map<std::uint64_t, std::uint64_t> copies_before;
        for (const auto& some : held) {
            for (const std::uint64_t chunk : some) {
                ++copies_before[chunk];
            }
        }
        for (int step = 0; step < 400; ++step) {
            const std::uint64_t me = dice.below(count);
            const std::uint64_t other = dice.below(count);
            if (dice.below(3) == 0) {
                const bool linked = dice.below(2) == 0;
                sees[me][other] = sees[other][me] = linked;
            }
            if (dice.below(2) == 0 && sees[me][other]) {
                heard[me][other] = held[other];
            }
            std::vector<swarm::Survey::Answer> answers;
            for (std::uint64_t i = 0; i < count; ++i) {
                if (i != me && sees[me][i]) {
                    swarm::Survey::Answer one{nodes[i], {}};
                    for (const std::uint64_t chunk : heard[me][i]) {
                        one.held.some.insert(ChunkIndex(chunk));
                    }
                    answers.push_back(one);
                }
            }
            const std::uint64_t chunk = dice.below(kChunks);
            const LastCopies copies(content, nodes[me], authors, replicas, answers);
            if (held[me].contains(chunk) && copies.may_go(ChunkIndex(chunk))) {
                held[me].erase(chunk);
            }
        }
        for (const auto& [chunk, before] : copies_before) {
            std::uint64_t copies = 0;
            for (const auto& some : held) {
                copies += some.contains(chunk) ? 1 : 0;
            }
            CHECK(copies >= std::min<std::uint64_t>(before, replicas));
        }
    }
}
