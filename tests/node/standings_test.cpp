#include "engine/node/standings.hpp"

#include <doctest/doctest.h>

#include "engine/core/dice.hpp"
#include "tests/store/crash_disk.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/temporary_directory.hpp"

namespace swarmfs::node {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using swarm::Ban;
using swarm::Standing;

constexpr std::uint64_t kHourMs = 3'600'000;

NodeId node(std::size_t n) {
    NodeId id;
    for (std::size_t i = 0; i < 8; ++i) {
        id.bytes[i] = static_cast<std::uint8_t>(n >> (56 - 8 * i));
    }
    return id;
}

SwarmId swarm_id(std::uint8_t n) {
    SwarmId id;
    id.bytes.fill(n);
    return id;
}

const Standing kGood{1000, 10, 8, 2, 5'000'000};

// A home's Database, opened anew as often as a test likes.
struct Kept {
    test::TemporaryDirectory directory;
    store::SystemDisk disk;
    std::unique_ptr<store::Database> database;
    ManualClock clock;
    std::size_t urgent = 0;
    std::unique_ptr<Standings> standings;

    Kept() { open(); }
    void open(const SwarmId& swarm = swarm_id(1)) {
        standings.reset();
        database.reset();
        auto opened = store::Database::open(disk, store::Path(directory.path()));
        REQUIRE(opened.ok());
        database = std::move(opened).value();
        standings = std::make_unique<Standings>(*database, clock, swarm, [this] { ++urgent; });
    }
    std::size_t rows(const SwarmId& swarm = swarm_id(1)) const {
        std::size_t count = 0;
        database->reader().scan(Standings::rows_of(swarm), {}, [&](ByteSpan, ByteSpan) {
            ++count;
            return true;
        });
        return count;
    }
    void put(const NodeId& of, const StandingRow& row) {
        Bytes key = Standings::rows_of(swarm_id(1));
        key.insert(key.end(), of.bytes.begin(), of.bytes.end());
        REQUIRE(database->commit({{key, encode(row)}}, store::Durability::process_crash).ok());
    }
};

}  // namespace

TEST_CASE("what is remembered of a node is written by save alone, and there after a restart") {
    Kept kept;
    CHECK(kept.standings->of(node(1)) == Standing{});
    kept.standings->keep(node(1), kGood);
    kept.standings->keep(node(2), Standing{});  // nothing happened
    CHECK(kept.standings->changed());
    CHECK(kept.rows() == 0);
    CHECK(kept.urgent == 0);
    REQUIRE(kept.standings->save().ok());
    CHECK_FALSE(kept.standings->changed());
    CHECK(kept.rows() == 1);
    kept.standings->keep(node(1), kGood);  // the same again
    CHECK_FALSE(kept.standings->changed());
    kept.open();
    CHECK(kept.standings->of(node(1)) == kGood);
    CHECK(kept.standings->nodes() == std::vector{node(1)});
    CHECK_FALSE(kept.standings->changed());
    kept.open(swarm_id(2));  // another swarm has its own
    CHECK(kept.standings->of(node(1)) == Standing{});
}

TEST_CASE("a ban is to be saved at once, ends by the clock on the wall, and keeps its length") {
    Kept kept;
    kept.standings->keep(node(1), kGood);
    kept.standings->keep_ban({node(1), kept.clock.now() + hours(4), hours(4)});
    CHECK(kept.urgent == 1);
    REQUIRE(kept.standings->save().ok());
    kept.clock.advance(hours(1));  // the node is down
    kept.open();
    REQUIRE(kept.standings->bans().size() == 1);
    CHECK(kept.standings->bans()[0].until == kept.clock.now() + hours(3));
    CHECK(kept.standings->bans()[0].length == hours(4));
    CHECK(kept.standings->banned() ==
          std::map<NodeId, std::uint64_t>{{node(1), kept.clock.wall_ms() + 3 * kHourMs}});
    CHECK(kept.standings->of(node(1)) == kGood);
    kept.clock.advance(hours(5));
    kept.open();
    CHECK(kept.standings->banned().empty());
    REQUIRE(kept.standings->bans().size() == 1);  // for the next one takes twice as long
    CHECK(kept.standings->bans()[0].until <= kept.clock.now());
    kept.standings->keep_ban({node(1), {}, {}});
    CHECK(kept.standings->bans().empty());
    REQUIRE(kept.standings->save().ok());
    kept.open();
    CHECK(kept.standings->bans().empty());
}

TEST_CASE("a clock that was set back bans nobody for longer than the ban was to last") {
    Kept kept;
    constexpr std::uint64_t kYearMs = 365ULL * 24 * kHourMs;
    StandingRow row;
    row.standing = kGood;
    row.seen_ms = kept.clock.wall_ms() + kYearMs;
    row.ban_until_ms = kept.clock.wall_ms() + kYearMs;
    row.ban_length_ms = 2 * kHourMs;
    kept.put(node(1), row);
    kept.open();
    CHECK(kept.standings->bans()[0].until == kept.clock.now() + hours(2));
    // And not from every further start on, either.
    REQUIRE(kept.standings->changed());
    REQUIRE(kept.standings->save().ok());
    kept.clock.advance(hours(1) + minutes(30));
    kept.open();
    CHECK(kept.standings->bans()[0].until == kept.clock.now() + minutes(30));
    kept.clock.advance(minutes(30));
    kept.open();
    CHECK(kept.standings->banned().empty());
}

TEST_CASE("so many nodes are remembered; the oldest give way, and those who were banned last") {
    Kept kept;
    kept.standings->keep_ban({node(0), kept.clock.now() + hours(1), hours(1)});
    for (std::size_t i = 1; i < Standings::kRowsMax; ++i) {
        kept.standings->keep(node(i), kGood);
        kept.clock.advance(std::chrono::milliseconds(1));
    }
    kept.standings->keep(node(1), Standing{2000, 10, 8, 2, 5'000'000});  // is the newest now
    REQUIRE(kept.standings->save().ok());
    REQUIRE(kept.rows() == Standings::kRowsMax);
    kept.clock.advance(hours(2));
    for (std::size_t i = 0; i < 100; ++i) {
        kept.standings->keep(node(10'000 + i), kGood);
    }
    REQUIRE(kept.standings->save().ok());
    CHECK(kept.rows() == Standings::kRowsMax);
    kept.open();
    CHECK(kept.standings->nodes().size() == Standings::kRowsMax);
    CHECK(kept.standings->bans().size() == 1);  // though it has ended
    CHECK(kept.standings->of(node(1)).bytes_received == 2000);
    CHECK(kept.standings->of(node(101)) == Standing{});
    CHECK(kept.standings->of(node(102)) == kGood);
    CHECK(kept.standings->of(node(10'099)) == kGood);
}

TEST_CASE("what the disk did not take waits to be saved again") {
    const test::ScratchFolder folder(test::Medium::memory);
    test::CrashDisk disk(test::Syncs::work);
    ManualClock clock;
    auto database = store::Database::open(disk, store::Path(folder / "db"));
    REQUIRE(database.ok());
    Standings standings(**database, clock, swarm_id(1), [] {});
    standings.keep(node(1), kGood);
    disk.stop_everything();
    CHECK_FALSE(standings.save().ok());
    CHECK(standings.changed());
    CHECK(standings.of(node(1)) == kGood);
}

TEST_CASE("a row is read as it was written, and any other bytes as nothing, or within all bounds") {
    SeededDice dice(7);
    constexpr std::uint64_t kNow = 1'700'000'000'000;
    for (int round = 0; round < 2000; ++round) {
        StandingRow row;
        row.standing = {dice.below(Standing::kBytesMax), dice.below(Standing::kBytesMax),
                        static_cast<std::uint32_t>(dice.below(Standing::kRequestsMax)),
                        static_cast<std::uint32_t>(dice.below(Standing::kRequestsMax)), dice.u64()};
        row.seen_ms = dice.below(kNow);
        if (dice.below(2) == 0) {
            row.ban_length_ms = 1 + dice.below(kHourMs);
            row.ban_until_ms = dice.below(kNow + row.ban_length_ms);
        }
        Bytes bytes = encode(row);
        REQUIRE(decode_standing_row(bytes, kNow) == row);
        CHECK_FALSE(decode_standing_row(ByteSpan(bytes).first(dice.below(bytes.size())), kNow));
        for (int hits = 0; hits < 3; ++hits) {
            bytes[dice.below(bytes.size())] ^= static_cast<std::uint8_t>(1 + dice.below(255));
        }
        if (const auto damaged = decode_standing_row(bytes, kNow)) {
            CHECK(damaged->seen_ms <= kNow);
            CHECK(damaged->ban_length_ms <= 30 * 24 * kHourMs);
            CHECK(damaged->ban_until_ms <= kNow + damaged->ban_length_ms);
            CHECK(damaged->standing.answers <= Standing::kRequestsMax);
            CHECK(damaged->standing.failures <= Standing::kRequestsMax);
            CHECK(damaged->standing.bytes_received <= Standing::kBytesMax);
            CHECK(damaged->standing.bytes_sent <= Standing::kBytesMax);
        }
        bytes.push_back(0);
        CHECK_FALSE(decode_standing_row(bytes, kNow));
    }
}

TEST_CASE("rows that cannot be read are forgotten, and the others are there") {
    Kept kept;
    kept.put(node(1), {kGood, 1, 0, 0});
    Bytes key = Standings::rows_of(swarm_id(1));
    key.insert(key.end(), 32, std::uint8_t{9});
    Bytes short_key = Standings::rows_of(swarm_id(1));
    short_key.push_back(1);
    REQUIRE(kept.database
                ->commit({{key, Bytes{1, 2, 3}}, {short_key, encode({kGood, 1, 0, 0})}},
                         store::Durability::process_crash)
                .ok());
    kept.open();
    CHECK(kept.standings->nodes() == std::vector{node(1)});
}

}  // namespace swarmfs::node
