#include "tracker/content_table.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "engine/crypto/merkle.hpp"
#include "tests/catalog/members.hpp"

using namespace swarmfs;
using namespace swarmfs::tracker;
using catalog::testing::any_root;

namespace {

protocol::AnnouncedContent content(std::uint64_t n, std::string name = "name") {
    protocol::AnnouncedContent announced;
    announced.content = {any_root(n), 1000 + n};
    announced.name = std::move(name);
    return announced;
}

bool hold(ContentTable& table, PeerSlot peer, protocol::AnnouncedContent announced) {
    return table.hold(peer, SwarmId{}, announced);
}

}  // namespace

TEST_CASE("a content is listed as long as somebody holds it") {
    ContentTable table({});
    CHECK(hold(table, 3, content(1, "one")));
    CHECK(hold(table, 5, content(1, "one")));
    CHECK(hold(table, 5, content(2)));
    const ContentKey key{content(1).content, SwarmId{}};
    REQUIRE(table.find(key) != nullptr);
    CHECK(table.find(key)->holders.size() == 2);
    table.drop(3);
    CHECK(table.find(key)->holders.size() == 1);
    table.drop(3);
    table.drop(5);
    table.drop(900);
    CHECK(table.find(key) == nullptr);
    CHECK(table.size() == 0);
}

TEST_CASE("announcing again changes the name and the completeness, nothing else") {
    ContentTable table({});
    CHECK(hold(table, 1, content(1, "old")));
    auto again = content(1, "new");
    again.complete = false;
    CHECK(hold(table, 1, again));
    const Content* found = table.find({content(1).content, SwarmId{}});
    CHECK(found->name == "new");
    REQUIRE(found->holders.size() == 1);
    CHECK(!found->holders[0].complete);
}

TEST_CASE("the same content in two swarms, or with two sizes, is two contents") {
    ContentTable table({});
    auto first = content(1);
    auto second = content(1);
    auto resized = content(1);
    resized.content.size += 1;
    CHECK(table.hold(1, SwarmId{}, first));
    CHECK(table.hold(1, SwarmId{any_root(9).bytes}, second));
    CHECK(table.hold(1, SwarmId{}, resized));
    CHECK(table.size() == 3);
    int seen = 0;
    table.for_each_of(any_root(1), [&](const ContentKey&, const Content&) { return ++seen < 10; });
    CHECK(seen == 3);
}

TEST_CASE("everything a peer may announce has a bound") {
    ContentLimits limits;
    limits.contents_max = 3;
    limits.per_peer_max = 2;
    ContentTable table(limits);
    CHECK(hold(table, 1, content(1)));
    CHECK(hold(table, 1, content(2)));
    CHECK(!hold(table, 1, content(3)));
    CHECK(table.size() == 2);
    CHECK(hold(table, 1, content(2)));
    CHECK(hold(table, 2, content(3)));
    CHECK(!hold(table, 2, content(4)));
}

TEST_CASE("pages of contents follow one another without gap or repetition") {
    ContentTable table({});
    std::set<ContentKey> expected;
    for (std::uint64_t n = 0; n < 50; ++n) {
        CHECK(hold(table, 1, content(n)));
        expected.insert({content(n).content, SwarmId{}});
    }
    std::vector<ContentKey> listed;
    for (bool more = true; more;) {
        const ContentKey after = listed.empty() ? ContentKey{} : listed.back();
        std::size_t page = 0;
        table.for_each_after(listed.empty() ? nullptr : &after,
                             [&](const ContentKey& key, const Content&) {
                                 listed.push_back(key);
                                 return ++page < 7;
                             });
        more = page == 7;
    }
    CHECK(std::vector<ContentKey>(expected.begin(), expected.end()) == listed);
}

TEST_CASE("chunk hashes are believed only when they make the root") {
    for (const std::uint64_t size : {1ULL, 16384ULL, 262144ULL, 262145ULL, 3 * 262144ULL + 1,
                                     4 * 262144ULL, 5 * 262144ULL + 7}) {
        CAPTURE(size);
        std::vector<Hash256> leaves;
        for (std::uint64_t i = 0; i < leaf_count(size); ++i) {
            leaves.push_back(any_root(i));
        }
        const ContentId id{crypto::merkle_root(leaves), size};
        std::vector<Hash256> chunks;
        for (std::uint64_t chunk = 0; chunk < chunk_count(size); ++chunk) {
            chunks.push_back(
                chunk_count(size) == 1 ? id.root : crypto::merkle_node(leaves, kChunkLevel, chunk));
        }
        CHECK(check_chunk_hashes(id, chunks));
        CHECK(!check_chunk_hashes({any_root(99), size}, chunks));
        chunks.back().bytes[0] ^= 1;
        CHECK(!check_chunk_hashes(id, chunks));
        chunks.pop_back();
        CHECK(!check_chunk_hashes(id, chunks));
    }
}

TEST_CASE("the table agrees with a naive one over random announces and departures") {
    ContentTable table({});
    std::map<ContentKey, std::set<PeerSlot>> naive;
    SeededDice dice(11);
    for (int step = 0; step < 5000; ++step) {
        const PeerSlot peer = static_cast<PeerSlot>(dice.below(12));
        if (dice.below(20) == 0) {
            table.drop(peer);
            for (auto& [key, holders] : naive) {
                holders.erase(peer);
            }
            std::erase_if(naive, [](const auto& row) { return row.second.empty(); });
        } else {
            const auto announced = content(dice.below(30));
            CHECK(hold(table, peer, announced));
            naive[{announced.content, SwarmId{}}].insert(peer);
        }
        REQUIRE(table.size() == naive.size());
    }
    for (const auto& [key, holders] : naive) {
        const Content* found = table.find(key);
        REQUIRE(found != nullptr);
        std::set<PeerSlot> listed;
        for (const Holder& holder : found->holders) {
            listed.insert(holder.peer);
        }
        CHECK(listed == holders);
    }
}
