// Members that decide for themselves, alike, come to as many copies as there are to be.
#include "engine/node/replication.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "engine/core/dice.hpp"

namespace swarmfs::node {
namespace {

using namespace std::chrono_literals;

NodeId node_of(std::uint8_t number) {
    NodeId node;
    node.bytes.fill(number);
    return node;
}

ContentId content_of(std::uint64_t size, std::uint8_t number = 1) {
    ContentId content;
    content.root.bytes.fill(number);
    content.size = size;
    return content;
}

swarm::Survey::Answer whole(std::uint8_t number) {
    swarm::Survey::Answer answer{node_of(number), {}};
    answer.held.all = true;
    return answer;
}
swarm::Survey::Answer nothing(std::uint8_t number) {
    return {node_of(number), {}};
}
swarm::Survey::Answer chunks(std::uint8_t number, std::uint64_t first, std::uint64_t count) {
    swarm::Survey::Answer answer{node_of(number), {}};
    for (std::uint64_t i = 0; i < count; ++i) {
        answer.held.some.insert(ChunkIndex(first + i));
    }
    return answer;
}

constexpr TimePoint kStart = TimePoint{} + 1h;
constexpr std::uint64_t kParcelBytes = Parcels::kChunks * kChunkBytes;

Sight sight_of(std::vector<swarm::Survey::Answer> members, std::uint32_t replicas,
               std::uint8_t self, std::uint64_t size = 1000) {
    Sight sight;
    sight.self = node_of(self);
    sight.content = content_of(size);
    sight.replicas = replicas;
    sight.members = std::move(members);
    sight.since = kStart;
    return sight;
}

}  // namespace

TEST_CASE("a content is cut into parcels of 64 MiB, the last one shorter") {
    const Parcels one(content_of(1));
    CHECK(one.count() == 1);
    CHECK(one.range(0).count == 1);
    CHECK(one.bytes(0) == 1);
    const Parcels three(content_of(2 * kParcelBytes + kChunkBytes + 7));
    CHECK(three.count() == 3);
    CHECK(three.range(1).first.value == 256);
    CHECK(three.range(1).count == 256);
    CHECK(three.bytes(1) == kParcelBytes);
    CHECK(three.range(2).count == 2);
    CHECK(three.bytes(2) == kChunkBytes + 7);
    CHECK(Parcels(content_of(2 * kParcelBytes)).count() == 2);
    const Parcels enormous(content_of(kContentBytesMax));
    CHECK(enormous.count() == Parcels::kParcelsMax);
    CHECK(enormous.bytes(7) * enormous.count() == kContentBytesMax);
}

TEST_CASE("all rank alike, and who comes or goes changes the place of no other two") {
    std::vector<NodeId> nodes;
    for (std::uint8_t i = 1; i <= 20; ++i) {
        nodes.push_back(node_of(i));
    }
    const auto order = ranked(content_of(5), 3, nodes);
    std::reverse(nodes.begin(), nodes.end());
    CHECK(ranked(content_of(5), 3, nodes) == order);
    std::erase(nodes, order[4]);
    auto without = order;
    without.erase(without.begin() + 4);
    CHECK(ranked(content_of(5), 3, nodes) == without);
    CHECK(ranked(content_of(5), 4, nodes) != without);  // each parcel has an order of its own
}

TEST_CASE("where enough hold it nobody takes it") {
    const Outlook outlook = look_at(sight_of({whole(1), whole(2), nothing(3)}, 2, 3), kStart);
    CHECK(outlook.enough);
    CHECK(outlook.copies == 2);
    CHECK(!outlook.take);
}

TEST_CASE("as many as copies are lacking take it at once, the others a turn later each") {
    std::vector<TimePoint> due;
    for (std::uint8_t self = 2; self <= 6; ++self) {
        const auto sight = sight_of(
            {whole(1), nothing(2), nothing(3), nothing(4), nothing(5), nothing(6)}, 3, self);
        const Outlook outlook = look_at(sight, kStart);
        CHECK(!outlook.enough);
        CHECK(outlook.copies == 1);
        due.push_back(outlook.take ? kStart : outlook.again);
        if (!outlook.take) {
            CHECK(look_at(sight, outlook.again).take);
        }
    }
    std::sort(due.begin(), due.end());
    CHECK(due == std::vector<TimePoint>{kStart, kStart, kStart + 30s, kStart + 60s, kStart + 90s});
}

TEST_CASE("a shortage that has a grace is nobody's before it is over") {
    Sight sight = sight_of({whole(1), nothing(2)}, 2, 2);
    sight.since = kStart + 60s;
    CHECK(!look_at(sight, kStart).take);
    CHECK(look_at(sight, kStart).again == kStart + 60s);
    CHECK(look_at(sight, kStart + 60s).take);
}

TEST_CASE("who held it the last time and is not there now is a loss, whoever has nothing is none") {
    Sight sight = sight_of({whole(1), nothing(2), nothing(3)}, 2, 3);
    CHECK_FALSE(lost_a_holder(sight));  // never looked at before
    sight.held_before = chunks_held(sight);
    CHECK_FALSE(lost_a_holder(sight));
    sight.members = {whole(1), nothing(3)};
    CHECK_FALSE(lost_a_holder(sight));
    sight.members = {whole(2), nothing(3)};
    CHECK(lost_a_holder(sight));
}

TEST_CASE("who is seen to take it counts as a copy, who stands still does not") {
    Sight sight = sight_of({whole(1), chunks(2, 0, 3), nothing(3)}, 2, 3, 10 * kChunkBytes);
    sight.held_before = {{node_of(2), 1}};
    CHECK(!look_at(sight, kStart + 1h).take);
    CHECK(look_at(sight, kStart + 1h).again == TimePoint::max());
    sight.held_before = {{node_of(2), 3}};
    CHECK(look_at(sight, kStart + 1h).take);
}

TEST_CASE("what nobody has all of cannot be taken, and what several have together can") {
    const std::uint64_t size = 10 * kChunkBytes;
    CHECK(!look_at(sight_of({chunks(1, 0, 9), nothing(2)}, 2, 2, size), kStart).take);
    CHECK(!look_at(sight_of({chunks(1, 0, 9), nothing(2)}, 2, 2, size), kStart).available);
    const auto together = sight_of({chunks(1, 0, 9), chunks(3, 9, 1), nothing(2)}, 1, 2, size);
    CHECK(look_at(together, kStart + 1h).take);
    CHECK(look_at(together, kStart).copies == 0);
}

TEST_CASE("the rarest parcel is taken first, and a copy is one of every parcel") {
    const auto sight = sight_of({whole(1), chunks(3, 0, 512), nothing(2)}, 3, 2, 3 * kParcelBytes);
    const Outlook outlook = look_at(sight, kStart + 1h);
    CHECK(outlook.copies == 1);
    CHECK(outlook.take == 2);
    CHECK(chunks_held(sight).at(node_of(3)) == 512);
}

namespace {

// Members in virtual time that look now and then, each with its own room, and take what their turn
// tells them. Nothing is said between them but what they hold.
struct Village {
    explicit Village(std::uint64_t seed) : dice(seed) {}

    struct House {
        std::uint64_t room = 0;       // parcels
        std::set<std::uint64_t> has;  // parcels
        std::map<NodeId, std::uint64_t> seen;
        std::optional<TimePoint> since;
        TimePoint next{};
        bool there = true;
    };

    std::vector<swarm::Survey::Answer> answers(const Parcels& parcels) const {
        std::vector<swarm::Survey::Answer> all;
        for (const auto& [number, house] : houses) {
            if (!house.there) {
                continue;
            }
            swarm::Survey::Answer answer{node_of(number), {}};
            for (const std::uint64_t parcel : house.has) {
                const auto range = parcels.range(parcel);
                for (std::uint64_t i = 0; i < range.count; ++i) {
                    answer.held.some.insert(range.first + i);
                }
            }
            all.push_back(std::move(answer));
        }
        return all;
    }

    void run_until(TimePoint end) {
        const Parcels parcels(content);
        for (; now < end; now += 1s) {
            const auto all = answers(parcels);
            for (auto& [number, house] : houses) {
                if (!house.there || house.next > now) {
                    continue;
                }
                house.since = house.since.value_or(now);
                Sight sight{node_of(number), content, replicas, all, house.seen, *house.since, {}};
                const Outlook outlook = look_at(sight, now);
                house.seen = chunks_held(sight);
                house.next = std::min(outlook.again, now + 30s);
                if (outlook.enough) {
                    house.since.reset();
                } else if (outlook.take && house.has.size() < house.room) {
                    house.has.insert(*outlook.take);
                    ++taken;
                    house.next = now + 1s + std::chrono::seconds(dice.below(3));
                }
            }
        }
    }

    std::size_t copies(std::uint64_t parcel) const {
        return static_cast<std::size_t>(std::count_if(
            houses.begin(), houses.end(),
            [&](const auto& one) { return one.second.there && one.second.has.contains(parcel); }));
    }

    SeededDice dice;
    TimePoint now = kStart;
    ContentId content;
    std::uint32_t replicas = 2;
    std::map<std::uint8_t, House> houses;
    std::size_t taken = 0;
};

}  // namespace

TEST_CASE("members that come, go and have no room end with as many copies as there are to be") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        Village village(seed);
        const std::uint64_t parcels = 1 + village.dice.below(6);
        village.content = content_of(parcels * kParcelBytes - village.dice.below(kChunkBytes),
                                     static_cast<std::uint8_t>(seed));
        village.replicas = static_cast<std::uint32_t>(2 + village.dice.below(3));
        const auto members = static_cast<std::uint8_t>(5 + village.dice.below(6));
        for (std::uint8_t i = 1; i <= members; ++i) {
            Village::House house;
            // Some have no room at all, some a little; whoever has plenty suffices.
            const std::uint64_t kind = i <= 5 ? 2 : village.dice.below(3);
            house.room = kind == 2 ? parcels : kind == 1 ? village.dice.below(parcels + 1) : 0;
            house.next = kStart + std::chrono::seconds(village.dice.below(5));
            village.houses[i] = house;
        }
        for (std::uint64_t parcel = 0; parcel < parcels; ++parcel) {
            village.houses[1].has.insert(parcel);
        }
        village.run_until(kStart + 20min);
        for (std::uint64_t parcel = 0; parcel < parcels; ++parcel) {
            CHECK(village.copies(parcel) >= village.replicas);
        }
        const std::size_t needed = parcels * (village.replicas - 1);
        CHECK(village.taken >= needed);
        CHECK(village.taken <= needed + parcels);  // one more of each at the very most
        // A holder goes for good: what it held is made up for by the others, as far as they can.
        village.houses[2].there = false;
        village.run_until(kStart + 50min);
        for (std::uint64_t parcel = 0; parcel < parcels; ++parcel) {
            CHECK(village.copies(parcel) >= std::min<std::size_t>(village.replicas, 4));
        }
    }
}

TEST_CASE("a file that is larger than anybody's room is spread over several") {
    Village village(7);
    village.content = content_of(8 * kParcelBytes);
    village.replicas = 2;
    for (std::uint8_t i = 1; i <= 6; ++i) {
        village.houses[i].room = i == 1 ? 8 : 2;
    }
    for (std::uint64_t parcel = 0; parcel < 8; ++parcel) {
        village.houses[1].has.insert(parcel);
    }
    village.run_until(kStart + 30min);
    for (std::uint64_t parcel = 0; parcel < 8; ++parcel) {
        CHECK(village.copies(parcel) >= 2);
    }
    CHECK(village.taken <= 10);
}

}  // namespace swarmfs::node
